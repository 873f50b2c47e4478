package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// commands returns the command lines of the "sh" blocks of a document, without
// their comments; parts that "&&" joins count as commands of their own.
func commands(text string) []string {
	var out []string
	for _, b := range Blocks(text) {
		if b.Lang != "sh" {
			continue
		}
		for line := range strings.Lines(b.Text) {
			line, _, _ = strings.Cut(line, " #")
			for c := range strings.SplitSeq(line, " && ") {
				if c = strings.TrimSpace(c); c != "" && !strings.HasPrefix(c, "#") {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// program returns the script of "probe run -e 'SCRIPT'".
func program(command string) (script string, ok bool) {
	rest, ok := strings.CutPrefix(command, "probe run -e '")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, "'")
}

// TestCommands looks at every command that a document shows. What runs probe
// on a kernel is left to TestGuest.
func TestCommands(t *testing.T) {
	dir := root(t)
	each(t, func(t *testing.T, path, text string) {
		for _, command := range commands(text) {
			words := strings.Fields(command)
			switch words[0] {
			case "make":
				out, err := dryMake(dir, words[1:]...)
				if err != nil {
					t.Errorf("%s: %v\n%s", command, err, out)
				}
			case "cp":
				if out, err := dryMake(dir, "build"); err != nil || !strings.Contains(out, "-o "+words[1]+" ") {
					t.Errorf("%s: make build does not write that file: %v\n%s", command, err, out)
				}
			case "probe":
				// TestScripts does not check these, since they are not blocks
				// of scripts.
				script, ok := program(command)
				if !ok {
					continue
				}
				t.Run(script, func(t *testing.T) {
					if list := checker(t).Check(script); len(list.All) > 0 {
						t.Error(render(list))
					}
				})
			case "ip", "ln", "/tmp/bpftrace":
				if !slices.Contains(append(pages, "README.md"), rel(dir, path)) {
					t.Errorf("no test runs %q", command)
				}
			default:
				t.Errorf("no test knows how to try %q", command)
			}
		}
	})
}

// dryMake returns the commands that make would run.
func dryMake(dir string, args ...string) (string, error) {
	cmd := exec.Command("make", append([]string{"-n", "--no-print-directory"}, args...)...)
	cmd.Dir = dir
	// The flags of a make that runs this test are not meant for this one.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS=") })
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var (
	commandRE = regexp.MustCompile(`^probe ([a-z]+)(?: [^=]|$)`)
	optionRE  = regexp.MustCompile(`(?:^| )(--?[a-z][a-z0-9-]*)`)
)

// TestMentions looks up every command and option of probe that a document
// names in a line of text, as `probe run -v`, in probe's own help.
func TestMentions(t *testing.T) {
	if testing.Short() {
		t.Skip("builds probe")
	}
	probe, err := guesttest.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	help := map[string]string{}
	each(t, func(t *testing.T, path, text string) {
		for _, c := range append(Code(text), commands(text)...) {
			m := commandRE.FindStringSubmatch(c)
			if m == nil || strings.HasPrefix(c, "probe run -e") {
				continue
			}
			if _, known := help[m[1]]; !known {
				out, err := exec.Command(probe, m[1], "--help").Output()
				if err != nil {
					t.Errorf("`%s`: probe %s --help: %v", c, m[1], err)
				}
				help[m[1]] = string(out)
			}
			own, _, _ := strings.Cut(strings.Split(c, "'")[0], " -- ") // what follows is for the script
			for _, o := range optionRE.FindAllStringSubmatch(own, -1) {
				if !regexp.MustCompile(`(?m)(?:^|[ ,])` + regexp.QuoteMeta(o[1]) + `(?:[ ,]|$)`).MatchString(help[m[1]]) {
					t.Errorf("`%s`: probe %s --help does not list %s", c, m[1], o[1])
				}
			}
		}
	})
}

// example is the file that commands of the documents run as script.bt.
const example = "tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }\ninterval:ms:200 { exit(); }\n"

// TestGuest loads and attaches what the documents show on real kernels.
func TestGuest(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{}
	put := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		files["/docs/"+name] = path
	}
	put("script.bt", example)
	shown := scripts(t)
	for i, s := range shown {
		put(itoa(i)+".bt", s.text)
	}
	setup := guesttest.Network()
	setup.Files = files
	guesttest.RunWith(t, setup, func(t *testing.T, g *guest.Guest) {
		for i, s := range shown {
			t.Run(s.at, func(t *testing.T) {
				res, err := g.Run(t.Context(), guest.Cmd{Dir: "/docs", Args: []string{"probe", "run", "--dry-run", itoa(i) + ".bt"}})
				if err == nil && g.Kernel.Name == "5.10" && strings.HasPrefix(res.Stderr, "error[missing-kernel-feature]") {
					return // docs/kernels.md says which
				}
				if err != nil || !res.OK() {
					t.Errorf("status %d, error %v\n%s%s\n%s", res.Code, err, res.Stdout, res.Stderr, s.text)
				}
			})
		}
	})
}

// prompt starts the interactive session on a terminal and leaves it.
func prompt(t *testing.T, g *guest.Guest) {
	t.Helper()
	res, err := g.Run(t.Context(), guest.Cmd{Args: []string{"probe"}, PTY: true, Script: []guest.Step{
		{Expect: `probe> `, Send: ":quit\r"},
	}})
	if err != nil || !res.OK() {
		t.Errorf("status %d, error %v\n%s", res.Code, err, res.Stdout)
	}
}
