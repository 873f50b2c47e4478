package accept

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"probe/lang/diag"
)

// badTimeout is the maximum time until a bad script is refused.
const badTimeout = time.Minute

// badScripts are scripts that cannot run. Each must be refused with status 1
// and a clear message, in bounded time.
func badScripts() map[string]string {
	random := rand.New(rand.NewPCG(1, 2))
	binary := make([]byte, 64<<10)
	for i := range binary {
		binary[i] = byte(random.Uint32())
	}
	repeat := strings.Repeat
	return map[string]string{
		"empty":          "",
		"blanks":         " \t\r\n\n",
		"comment":        "// nothing\n/* at all */\n",
		"zeros":          repeat("\x00", 1000),
		"binary":         string(binary),
		"an ELF file":    "\x7fELF\x02\x01\x01" + repeat("\x00", 9) + string(binary[:500]),
		"not UTF-8":      "begin { print(\xff\xfe); }",
		"a lone brace":   "{",
		"closing braces": repeat("}", 1000),
		"only a head":    "begin",
		"a long line":    "begin { print(" + repeat("1+", 500_000) + "); }",
		"10 MB of words": repeat("lorem ipsum ", 10<<20/12),
		"10 MB of zeros": repeat("\x00", 10<<20),
		"3 MB of braces": repeat("{", 3<<20),
		"10 MB string":   `begin { print("` + repeat("x", 10<<20) + `"); }`,
		"10 MB name":     "begin { $" + repeat("x", 10<<20) + "; }",
		"10 MB number":   "begin { print(" + repeat("9", 10<<20) + "); }",
		"10 MB comment":  "/*" + repeat("x", 10<<20),
		"3 MB of probes": repeat("begin { print($x); }\n", 3<<20/21),
		"open blocks":    "begin { " + repeat("if (1) { ", 100_000),
		"open parentheses": "begin { print(" + repeat("(", 100_000) +
			"1" + repeat(")", 100_000) + "); }",
		"unary operators":  "begin { print(" + repeat("-", 1_000_000) + "1 }",
		"unary in a row":   "begin { print(" + repeat("!", 100_000) + "$x); }",
		"ternaries":        "begin { print(" + repeat("1 ? ", 100_000) + "1" + repeat(" : 2", 100_000) + " }",
		"nested tuples":    "begin { print(" + repeat("(1,", 100_000) + repeat(")", 100_000) + "); }",
		"nested comments":  repeat("/* ", 1_000_000),
		"nested structs":   repeat("struct a { ", 100_000) + "int x; " + repeat("};", 100_000),
		"struct of itself": "struct a { struct a x; };\nbegin { print(sizeof(struct a)); }",
		"array of arrays":  "struct a { int x" + repeat("[65535]", 10_000) + "; };\nbegin { print(sizeof(struct a)); }",
		"huge array":       "struct a { int x[99999999999999]; };\nbegin { print(sizeof(struct a)); }",
		"huge tuple":       "begin { print((" + repeat("nsecs, ", 200_000) + "1)); }",
		"many keys":        "begin { @x[" + repeat("1, ", 200_000) + "1] = 1; @x = 1; }",
		"macro bomb":       macroBomb(40),
		"constant bomb":    constantBomb(60),
		"unroll bomb":      "begin { " + repeat("unroll(100) { ", 8) + "@x++; " + repeat("} ", 8) + "}",
		"conditionals":     repeat("#if 1\n", 100_000) + "begin { print(1); }",
		"includes of self": "#include \"/proc/self/fd/0\"\nbegin { print($x); }",
		"many attach points": "kprobe:" + repeat("no_such_function, kprobe:", 20_000) +
			"no_such_function { print(1); }",
		"a long head":     "kprobe:" + repeat("x", 1<<20) + " { print(1); }",
		"many stars":      "kprobe:" + repeat("*a", 10_000) + " { print(1); }",
		"a long format":   `begin { printf("` + repeat("%d", 100_000) + `"); }`,
		"many arguments":  `begin { printf("x"` + repeat(", 1", 100_000) + "); }",
		"many parameters": "macro m(" + repeat("a, ", 100_000) + "a) { 1 }\nbegin { print(m(1)); }",
		"config of junk":  "config = { " + repeat("a = b; ", 100_000) + " }\nbegin { print(1); }",
	}
}

// macroBomb doubles at each of n levels.
func macroBomb(n int) string {
	var b strings.Builder
	b.WriteString("macro m0(e) { e + e }\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "macro m%d(e) { m%d(e) + m%d(e) }\n", i, i-1, i-1)
	}
	fmt.Fprintf(&b, "begin { print(m%d(nsecs)); }\n", n-1)
	return b.String()
}

// constantBomb is like macroBomb, with constants of the C section.
func constantBomb(n int) string {
	var b strings.Builder
	b.WriteString("#define C0 1\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "#define C%d (C%d + C%d)\n", i, i-1, i-1)
	}
	fmt.Fprintf(&b, "begin { print(C%d); }\n", n-1)
	return b.String()
}

// tooLarge are scripts that are valid in the language, but too large for BPF.
var tooLarge = map[string]bool{"huge tuple": true}

// TestBadScripts runs bad scripts, which the command must refuse.
func TestBadScripts(t *testing.T) {
	m := hostMachine(t)
	for name, script := range badScripts() {
		for _, command := range []string{"check", "run"} {
			if command == "check" && tooLarge[name] {
				continue // found when it is compiled
			}
			t.Run(command+" "+name, func(t *testing.T) {
				r := refuse(t, m, command, script)
				if r.Status != 1 {
					t.Errorf("status %d, want 1", r.Status)
				}
			})
		}
	}
}

// refuse runs a command on a script. The test fails unless probe refuses the
// script with a message.
func refuse(t *testing.T, m *machine, command, script string) *Result {
	t.Helper()
	r, err := m.do(&Job{
		Probe: []string{command, "bad.bt"}, Files: map[string]string{"bad.bt": script}, Timeout: badTimeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	shown := string(r.Stderr)
	if len(shown) > 4000 {
		shown = shown[:4000] + "…"
	}
	if r.Problem != "" || r.Signal != "" {
		t.Errorf("%s %s\n%s", r.Problem, r.Signal, shown)
	}
	if internalError.MatchString(string(r.Stderr)) {
		t.Errorf("a fault of probe instead of a message:\n%s", shown)
	}
	all, _ := messages(string(r.Stderr))
	if len(all) == 0 || all[0].severity != "error" && all[0].severity != "warning" {
		t.Errorf("no message:\n%s", shown)
	}
	if limit := 64 << 10; len(r.Stderr) > limit {
		t.Errorf("%d bytes of messages, want at most %d", len(r.Stderr), limit)
	}
	return r
}

// internalError matches the output of a crash or of a caught internal error.
var internalError = regexp.MustCompile(`error\[internal\]|goroutine \d+ \[|panic: |fatal error: `)

// TestEveryCode raises each error and warning that a script alone can raise,
// with the example that "probe explain" shows for it.
func TestEveryCode(t *testing.T) {
	n := 0
	onMachines(t, func(t *testing.T, m *machine, kernel string) {
		n = 0
		for _, e := range diag.Codes() {
			if e.Wrong != "" {
				n++
				t.Run(string(e.Code), func(t *testing.T) {
					if kernel == "" { // what is said does not depend on the kernel
						explainCode(t, m, e)
					}
					raiseCode(t, m, e)
				})
			}
		}
	})
	if n < 30 {
		t.Errorf("only %d codes have an example", n)
	}
}

// raiseCode runs "probe check" on the example of a code.
func raiseCode(t *testing.T, m *machine, e diag.Entry) {
	c := &Case{Prog: e.Wrong}
	if lacks := m.lacks(t, c.needs()); len(lacks) > 0 {
		t.Skip(lacks[0])
	}
	r := refuse(t, m, "check", e.Wrong)
	if want := "[" + string(e.Code) + "]"; !strings.Contains(string(r.Stderr), want) {
		t.Errorf("no %s:\n%s", want, r.Stderr)
	}
	if want := map[bool]int{false: 1, true: 0}[e.Warning]; r.Status != want {
		t.Errorf("status %d, want %d", r.Status, want)
	}
}

// explainCode runs "probe explain" on a code.
func explainCode(t *testing.T, m *machine, e diag.Entry) {
	explained, err := m.do(&Job{Probe: []string{"explain", string(e.Code)}, Timeout: badTimeout})
	if err != nil {
		t.Fatal(err)
	}
	if explained.Status != 0 || !strings.Contains(string(explained.Stdout), string(e.Code)) {
		t.Errorf("probe explain %s: status %d\n%s", e.Code, explained.Status, explained.Stdout)
	}
}
