package policy

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const example = `# who
users = ["alice", "@tracers", "7"]
probes = ["fentry", "tracepoint"]
functions = ["vfs_*", "tcp_sendmsg"]
deny_functions = ["vfs_w*"]
unsafe = false
budget = "1.5%"

[scripts]
only = true
bundled = false
`

func must(t *testing.T, text string) *Policy {
	t.Helper()
	p, err := parse("p.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRules(t *testing.T) {
	p := must(t, example)
	for _, test := range []struct {
		name string
		err  error
		want string // "" for allowed
	}{
		{"by name", p.User(User{ID: 1, Name: "alice"}), ""},
		{"by group", p.User(User{ID: 1, Name: "x", Groups: []string{"users", "tracers"}}), ""},
		{"by number", p.User(User{ID: 7}), ""},
		{"a group of the name of a user", p.User(User{ID: 1, Name: "x", Groups: []string{"alice"}}), "user x may not trace: the rule users in p.toml:2"},
		{"user", p.User(User{ID: 70}), "user 70 may not trace"},
		{"kind", p.Probe("fentry"), ""},
		{"kind", p.Probe("kprobe"), "probes of type kprobe are not allowed: the rule probes in p.toml:3"},
		{"function", p.Function("vfs_read"), ""},
		{"denied", p.Function("vfs_write"), "may not be probed (vfs_w*): the rule deny_functions in p.toml:5"},
		{"function", p.Function("tcp_sendmsg_locked"), "the rule functions in p.toml:4"},
		{"unnamed", p.Unnamed(), "the rule functions in p.toml:4"},
		{"unsafe", p.Unsafe(), "--unsafe is not allowed: the rule unsafe in p.toml:6"},
		{"prompt", p.OnlyAllowed("the prompt"), "the rule scripts.only in p.toml:10"},
		{"script", p.Script("s", "begin { }", false, nil), "the script s is not among"},
		{"bundled", p.Script("s", "begin { }", true, nil), "the script s is not among"},
	} {
		var r *Refusal
		switch {
		case test.want == "" && test.err != nil, test.want != "" && (!errors.As(test.err, &r) || !strings.Contains(test.err.Error(), test.want)):
			t.Errorf("%s: %v, want %q", test.name, test.err, test.want)
		}
	}
}

func TestBudget(t *testing.T) {
	if n := must(t, example).Budget(); n != 0.015 {
		t.Errorf("budget %v", n)
	}
	var none *Policy
	if none.Budget() != 0 || must(t, "").Budget() != 0 {
		t.Error("a budget out of nothing")
	}
	for _, bad := range []string{"1", "NaN%", "0%", "101%", "-1%", "%"} {
		if _, err := parse("p.toml", "budget = \""+bad+"\""); err == nil {
			t.Errorf("the budget %q is accepted", bad)
		}
	}
}

// Without rules, and without a file, everything is allowed.
func TestNothing(t *testing.T) {
	none, err := Load(filepath.Join(t.TempDir(), "none.toml"))
	if none != nil || err != nil {
		t.Fatalf("a missing file: %v, %v", none, err)
	}
	for _, p := range []*Policy{nil, must(t, "")} {
		if err := errors.Join(p.User(User{ID: 3}), p.Probe("kprobe"), p.Function("f"), p.Unsafe(), p.OnlyAllowed("x"), p.Script("s", "", false, nil)); err != nil {
			t.Error(err)
		}
		if p.Limited() {
			t.Error("a limit out of nothing")
		}
	}
	// An empty list is not the same as none.
	if must(t, "probes = []").Probe("kprobe") == nil || must(t, "users = []").User(User{}) == nil || must(t, "functions = []").Function("f") == nil {
		t.Error("an empty list allows something")
	}
}

func TestScripts(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	const text = "begin { }\n"
	digest := sha256.Sum256([]byte(text))
	p := must(t, fmt.Sprintf("[scripts]\nonly = true\nsha256 = [\"%X\"]\nkeys = [%q]\n", digest, base64.StdEncoding.EncodeToString(pub)))
	signed := func(s string) func() ([]byte, error) {
		return func() ([]byte, error) { return ed25519.Sign(key, []byte(s)), nil }
	}
	for name, err := range map[string]error{
		"digest":  p.Script("a", text, false, nil),
		"bundled": p.Script("a", "other", true, nil),
		"signed":  p.Script("a", "other", false, signed("other")),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"another text":      p.Script("a", text+" ", false, nil),
		"another signature": p.Script("a", "other", false, signed("others")),
		"short signature":   p.Script("a", "other", false, func() ([]byte, error) { return []byte("x"), nil }),
		"no signature":      p.Script("a", "other", false, func() ([]byte, error) { return nil, os.ErrNotExist }),
	} {
		if err == nil {
			t.Errorf("%s is allowed", name)
		}
	}
}

func TestDamaged(t *testing.T) {
	for text, want := range map[string]string{
		"probes = [":                         "p.toml:1: ",
		"\nprobes = \"kprobe\"":              "p.toml",
		"a = 1\nprobe = []":                  "p.toml:1: there is no rule a",
		"[scripts]\nsha = []":                "p.toml:2: there is no rule scripts.sha",
		"functions = [\"[\"]":                "p.toml:1: functions: \"[\" is no pattern",
		"functions = [\"\"]":                 "is no pattern",
		"[scripts]\nsha256 = [\"12\"]":       "p.toml:2: scripts.sha256",
		"[scripts]\n\nkeys = [\"AAAA\"]":     "p.toml:3: scripts.keys",
		"unsafe = 1":                         "p.toml",
		"users = [\"a\"]\nusers = [\"b\"]\n": "p.toml:2",
	} {
		if p, err := parse("p.toml", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", text, p, err, want)
		}
	}
}

// The place of a rule is found in every way to write it.
func TestPlace(t *testing.T) {
	for text, want := range map[string]string{
		"\n[scripts]\n  only = true":         "p.toml:3",
		"scripts.only = true":                "p.toml:1",
		"\nscripts = { only = true }":        "p.toml:2",
		"# only = 1\n[ scripts ]\nonly=true": "p.toml:3",
	} {
		p := must(t, text)
		err := p.OnlyAllowed("x")
		var r *Refusal
		if !errors.As(err, &r) || r.Place != want {
			t.Errorf("%q: %+v, want %s", text, r, want)
		}
	}
}

// Rules that others can change are no rules.
func TestTrust(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "policy.toml")
	if err := os.WriteFile(name, []byte("unsafe = false"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, 0o666); err != nil {
		t.Fatal(err)
	}
	if p, err := Load(name); p != nil || err == nil || !strings.Contains(err.Error(), "must belong to root") {
		t.Errorf("a policy that others can change: %v, %v", p, err)
	}
	if os.Geteuid() != 0 {
		t.Log("only root can make a policy of root")
		return
	}
	if err := os.Chmod(name, 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err := Load(name); err != nil || p.Unsafe() == nil {
		t.Errorf("a policy of root: %v, %v", p, err)
	}
	if err := os.WriteFile(name, make([]byte, maxSize+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(name); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a large file: %v", err)
	}
}
