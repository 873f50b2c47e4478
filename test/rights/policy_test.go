package rights

import (
	"fmt"
	"strings"
	"testing"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// policyCases are rules, a command, and what its output has; a command that
// wants "allowed" runs to its end.
var policyCases = []struct{ rules, sh, want string }{
	{`probes = ["fentry"]`, `probe run --dry-run -e 'fentry:vfs_read { @ = count(); } begin { } interval:s:1 { }'`, "allowed"},
	{`probes = ["fentry"]`, `probe run --dry-run -e 'fentry:vfs_read { } kprobe:vfs_read { }'`, "error[policy]: probes of type kprobe are not allowed: the rule probes in /etc/probe/policy.toml:1"},
	{`probes = ["fentry"]`, `probe graph vfs_read -n 1 --for 1s`, "probes of type fgraph are not allowed"},
	{`functions = ["vfs_*"]`, `probe run --dry-run -e 'kprobe:vfs_rea* { @ = count(); }'`, "allowed"},
	{`functions = ["vfs_*"]`, `probe run --dry-run -e 'fentry:filp_close { @ = count(); }'`, "the function filp_close may not be probed: the rule functions in /etc/probe/policy.toml:1"},
	{`deny_functions = ["vfs_readv"]`, `probe run --dry-run -e 'kprobe:vfs_rea* { @ = count(); }'`, "the function vfs_readv may not be probed (vfs_readv)"},
	{`functions = ["vfs_*"]`, `probe graph filp_close -n 1 --for 1s`, "the function filp_close may not be probed"},
	{`budget = "2"`, `probe run --dry-run -e 'begin { }'`, "/etc/probe/policy.toml:1: budget:"},
	{`unsafe = false`, `probe run --unsafe --dry-run -e 'begin { system("id"); }'`, "--unsafe is not allowed: the rule unsafe in /etc/probe/policy.toml:1"},
	{`users = ["0"]`, `probe run --dry-run -e 'begin { }'`, "allowed"},
	{`users = ["0"]`, `as -user 1000 -caps bpf,perfmon probe run --dry-run -e 'begin { }'`, "user 1000 may not trace: the rule users in /etc/probe/policy.toml:1"},
	{`users = ["0"]`, `SUDO_UID=1000 probe graph vfs_read -n 1`, "user 1000 may not trace"},
	{"[scripts]\nonly = true", `probe run --dry-run -e 'begin { }'`, "the script -e is not among those that may run (sha256 "},
	{"[scripts]\nonly = true", `probe run --dry-run drops`, "allowed"},
	{"[scripts]\nonly = true", `echo 'begin { }' > s.pr; echo "sha256 = [\"$(sha256sum s.pr | cut -c1-64)\"]" >> /etc/probe/policy.toml; probe run --dry-run ./s.pr`, "allowed"},
	{"[scripts]\nonly = true", `echo 'import "lib"; begin { }' > i.pr; echo 'macro m() { 1 }' > lib.pr; echo "sha256 = [\"$(sha256sum i.pr | cut -c1-64)\"]" >> /etc/probe/policy.toml; probe run --dry-run ./i.pr`, "lib.pr is not among those that may run"},
	{"[scripts]\nonly = true", `echo 1 | probe repl`, "the prompt is not allowed"},
	{`probe = []`, `probe run --dry-run -e 'begin { }'`, "nothing is traced, since the policy of this machine cannot be used: /etc/probe/policy.toml:1: there is no rule probe"},
	{`probes = [`, `probe run --dry-run -e 'begin { }'`, "/etc/probe/policy.toml:"},
	{`probes = []`, `chmod 666 /etc/probe/policy.toml; probe run --dry-run -e 'begin { }'`, "can be written by everybody: the policy and the folders above it must belong to root"},
	{`probes = []`, `chown 1000 /etc/probe/policy.toml; probe run --dry-run -e 'begin { }'`, "belongs to user 1000"},
	{`probes = []`, `chmod 600 /etc/probe/policy.toml; as -user 1000 -caps bpf,perfmon probe run --dry-run -e 'begin { }'`, "policy.toml: permission denied"},
	{`probes = []`, `probe check -e 'kprobe:vfs_read { }'; probe fmt -e 'begin { }' >/dev/null`, "allowed"},
}

// The rules of the administrator hold, and a refusal names the rule and its line.
func TestPolicy(t *testing.T) {
	s := setup(t)
	s.Kernels = []string{"6.12"}
	guesttest.RunWith(t, s, func(t *testing.T, g *guest.Guest) {
		var sh strings.Builder
		sh.WriteString("set +e; mkdir -p /tmp/policy; cd /tmp/policy\n")
		for i, c := range policyCases {
			fmt.Fprintf(&sh, "rm -rf /etc/probe; mkdir /etc/probe; cat > /etc/probe/policy.toml <<'END'\n%s\nEND\n", c.rules)
			fmt.Fprintf(&sh, "( %s ) >/tmp/out 2>&1; echo \"=@= %d $?\"; cat /tmp/out\n", c.sh, i)
		}
		sh.WriteString("rm -rf /etc/probe\n")
		results := strings.Split(guesttest.Sh(t, g, sh.String()), "=@= ")[1:]
		if len(results) != len(policyCases) {
			t.Fatalf("%d results of %d cases", len(results), len(policyCases))
		}
		for i, c := range policyCases {
			status, text, _ := strings.Cut(strings.TrimPrefix(results[i], fmt.Sprint(i, " ")), "\n")
			if c.want == "allowed" && status != "0" || c.want != "allowed" && (status == "0" || !strings.Contains(text, c.want)) {
				t.Errorf("%s, %s: status %s, want %q\n%s", c.rules, c.sh, status, c.want, text)
			}
		}
	})
}
