package repl

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

func pasted(text string) string {
	return pasteStart + strings.ReplaceAll(text, "\n", "\r") + pasteEnd
}

// A bundled script with tabs, comments and several clauses is pasted as a whole
// and runs as one input after Enter.
func TestPastedScript(t *testing.T) {
	b, err := os.ReadFile("../../../scripts/naptime.pr")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	if !strings.Contains(text, "\t") {
		t.Fatal("the script has no tabs, which is what the test is about")
	}
	x := onTerminal(t)
	x.expect(`probe> `)
	// Not the script's own probe: the text must only arrive as it is.
	block := "if (1) {\n\t// a comment } {\n\tprint(\"tab\tbed\");\n\n\t@n = 42;\n}"
	x.keys(pasted(block + "\n"))
	x.expect(`if \(1\) \{\r\n  \.\.\.> \t// a comment \} \{\r\n`)
	x.expect(`  \.\.\.> \}`)
	x.enter("", `\ntab\tbed\r\nprobe> `)
	x.enter("@n", `\n@n: 42\r\nprobe> `)

	// What stands around the cursor remains there.
	x.keys("@x = (1 + )\x02")
	x.keys(pasted("2 +\n3 +\n4"))
	x.expect(`  \.\.\.> 4\)`)
	x.enter("", `probe> `)
	x.enter("@x", `\n@x: 10\r\nprobe> `)

	// A single line is inserted, and its tab completes nothing.
	x.keys(pasted("1\t+\t1\n"))
	x.expect(`1 \+ 1`)
	x.enter("", `\n2\r\nprobe> `)

	// Ctrl-C gives a paste up.
	x.keys(pasted("@gone = 1;\n@gone = 2;"))
	x.expect(`  \.\.\.> @gone = 2;`)
	x.keys("\x03")
	x.expect(`\^C\r\nprobe> `)
	x.enter("@gone", `undefined map: @gone`)
	x.expect("probe> ")

	// The whole script comes back as one input from the history.
	x.keys(pasted(text))
	x.expect(`A flag of 1 .*\r\n(?s:.*) nap\(\$ts, @min\); \}`)
	x.enter("", `probe> `)
	x.enter(":list", `probe> `)
	x.keys("\x04")
	if code := x.end(); code != 0 {
		t.Errorf("the status is %d", code)
	}
	if strings.Contains(x.vt.text(), "possibilities?") {
		t.Errorf("a question was asked:\n%s", x.vt.text())
	}
}

// A TAB with many choices asks nothing, and what is typed after it is not lost.
func TestManyChoicesAskNothing(t *testing.T) {
	x := onTerminal(t)
	x.expect(`probe> `)
	x.keys("\t")
	x.expect(`… and \d+ more: type another letter\r\n`)
	x.keys("1 + 1\r")
	x.expect(`\n2\r\nprobe> `)
	x.keys("hist(\t")
	x.expect(`hist\(n.*\)\r\nprobe> hist\(`)
	x.keys("\x15:hi\t")
	x.expect(`:history`)
	x.keys("\x15\x04")
	x.end()
}

// Leaving a search in the history by Ctrl-C leaves nothing of its prompt.
func TestSearchLeavesNothing(t *testing.T) {
	x := onTerminal(t)
	x.expect(`probe> `)
	x.enter("1 + 1", `\n2\r\nprobe> `)
	x.keys("\x12")
	x.expect(`reverse-i-search`)
	x.keys("1 +")
	x.shows("(reverse-i-search)`1 +': |1 + 1")
	x.keys("\x03")
	x.expect(`\^C\r\nprobe> `)
	x.enter("2 + 2", `\n4\r\nprobe> `)
	x.keys("\x122 +")
	x.shows("(reverse-i-search)`2 +': |2 + 2")
	x.enter("", `\n4\r\nprobe> `)
	if text := x.vt.text(); strings.Contains(text, "reverse") {
		t.Errorf("the screen shows\n%s", text)
	}
	x.keys("\x04")
	x.end()
}

// Ctrl-Z stops the process with the terminal as it was, and the session goes on
// with the line as it was. The session is the child of a shell with job
// control here.
func TestCtrlZ(t *testing.T) {
	x := onTerminal(t, "PROBE_TEST_REPL_SHELL=1")
	x.expect(`\$ `)
	x.keys(os.Args[0] + "\r")
	x.expect(`hello\r\nprobe> `)
	x.keys("20 + ")
	x.expect(`20 \+ `)
	x.keys("\x1a")
	x.expect(`\^Z\r\n(?s:.*)\$ `)
	x.enter("echo ok$((1+1))", `ok2\r\n(?s:.*)\$ `)
	x.keys("fg\r")
	x.expect(`probe> 20 \+ `)
	x.enter("3", `\n23\r\nprobe> `)
	x.keys("\x04")
	x.expect(`\$ `)
	x.keys("exit\r")
	x.end()
}

// What is read in pieces of any size becomes the same input.
func TestKeysInPieces(t *testing.T) {
	for _, c := range []struct{ typed, want string }{
		{"ab\tc\x1b[A\r", "ab\tc\x1b[A\r"},
		{"\x1b[200~a\tb\x1b[201~c\r", "a bc\r"},
		{"\x1b[200~\x1b[2Ja\x03b\x1b[201~\r", "[2Jab\r"},
		{"x\x1b[200~one\rtwo\x1b[201~", "xone\u2060\r"},
		{"\x1b[20~\r", "\x1b[20~\r"},
		{"\x12ab\x03", "\x12ab\x03"},
		{"\x12a\x13\x12\x7fb\r\x03", "\x12a\x13\x12\x7fb\r\x03"},
		{"\x12ab\x1b[200~x\x1b[201~", "\x12ab\x05x"},
	} {
		for size := 1; size <= len(c.typed); size++ {
			if got := typed(t, c.typed, size); got != c.want {
				t.Errorf("%q in pieces of %d became %q, want %q", c.typed, size, got, c.want)
			}
		}
	}
}

// typed returns what the editor gets of keys that come in pieces.
func typed(t *testing.T, text string, size int) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	k := &keys{out: w, suspend: func() {}}
	for len(text) > 0 {
		n := min(size, len(text))
		k.rest = append(k.rest, text[:n]...)
		text = text[n:]
		for len(k.rest) > 0 {
			k.take()
		}
	}
	w.Close()
	b := make([]byte, 4096)
	n, _ := r.Read(b)
	return string(b[:n])
}

// shell replaces this process by an interactive shell.
func shell() error {
	env := []string{"PS1=$ ", fmt.Sprint(childPID, "=", os.Getenv(childPID))}
	for _, name := range []string{"PATH", "TERM", "XDG_STATE_HOME"} {
		env = append(env, name+"="+os.Getenv(name))
	}
	return syscall.Exec("/bin/sh", []string{"sh", "-i"}, env)
}
