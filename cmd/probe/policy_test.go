package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"probe/lang/source"
	"probe/runtime/policy"
)

// The environment does not say who somebody is, except for who called sudo.
func TestCaller(t *testing.T) {
	t.Setenv("USER", "somebody-else")
	t.Setenv("LOGNAME", "somebody-else")
	t.Setenv("SUDO_UID", "")
	if u := caller(); u.ID != os.Getuid() || u.Name == "somebody-else" {
		t.Errorf("the caller is %+v", u)
	}
	if os.Getuid() != 0 {
		return // SUDO_UID counts for root only
	}
	t.Setenv("SUDO_UID", "54321")
	if u := caller(); u.ID != 54321 || u.Name != "" || len(u.Groups) != 0 {
		t.Errorf("the caller of sudo is %+v", u)
	}
	t.Setenv("SUDO_UID", "0")
	if u := caller(); u.Name != "root" || !slices.Contains(u.Groups, "root") {
		t.Errorf("root is %+v", u)
	}
}

func TestCapped(t *testing.T) {
	for _, c := range [][3]float64{{0, 0, 0}, {-1, 0, -1}, {0.5, 0, 0.5}, {0, 0.01, 0.01}, {-1, 0.01, 0.01}, {0.5, 0.01, 0.01}, {0.005, 0.01, 0.005}} {
		if got := capped(c[0], c[1]); got != c[2] {
			t.Errorf("capped(%v, %v) = %v, want %v", c[0], c[1], got, c[2])
		}
	}
}

// A signature is looked for beside the script.
func TestPermitFile(t *testing.T) {
	dir := t.TempDir()
	rules := filepath.Join(dir, "policy.toml")
	// The key of the first test vector of RFC 8032.
	const key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	if err := os.WriteFile(rules, []byte("[scripts]\nonly = true\nkeys = [\""+key+"\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 0 {
		t.Log("only root can make a policy of root")
		return
	}
	p, err := policy.Load(rules)
	if err != nil {
		t.Fatal(err)
	}
	// The first test vector of RFC 8032 is the signature of an empty message.
	sig := []byte{
		0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60, 0xac, 0x72, 0x90, 0x86, 0xe2, 0xcc, 0x80, 0x6e, 0x82, 0x8a,
		0x84, 0x87, 0x7f, 0x1e, 0xb8, 0xe5, 0xd9, 0x74, 0xd8, 0x73, 0xe0, 0x65, 0x22, 0x49, 0x01, 0x55,
		0x5f, 0xb8, 0x82, 0x15, 0x90, 0xa3, 0x3b, 0xac, 0xc6, 0x1e, 0x39, 0x70, 0x1c, 0xf9, 0xb4, 0x6b,
		0xd2, 0x5b, 0xf5, 0xf0, 0x59, 0x5b, 0xbe, 0x24, 0x65, 0x51, 0x41, 0x43, 0x8e, 0x7a, 0x10, 0x0b,
	}
	f := source.New(filepath.Join(dir, "empty.pr"), "")
	if err := permitFile(p, f); err == nil {
		t.Error("a script without a signature is allowed")
	}
	if err := os.WriteFile(f.Name+".sig", sig, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := permitFile(p, f); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(f.Name+".sig", append(sig, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := permitFile(p, f); err == nil {
		t.Error("a signature with a tail is allowed")
	}
	// What comes with probe is allowed by its text and not by its name.
	text, ok := bundled("drops")
	if err := permitFile(p, source.New("drops", text)); !ok || err != nil {
		t.Errorf("a script that comes with probe: %v", err)
	}
	if err := permitFile(p, source.New("drops", text+" ")); err == nil {
		t.Error("another text under the name of one that comes with probe is allowed")
	}
}
