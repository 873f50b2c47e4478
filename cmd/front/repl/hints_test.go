package repl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"

	"probe/lang/hir"
	"probe/runtime/engine"
)

func testHints(color bool) *hints {
	h := &hints{color: color, builtins: engine.Signatures(), kinds: []hir.ProbeKind{{Name: "kprobe", Aliases: []string{"k"}}, {Name: "begin"}}}
	h.begin("", map[string]string{"both": "both($a, $b)"}, []string{"1 + 2", "@calls = count()"})
	return h
}

// The signature of the call that is being typed is shown, with its present argument.
func TestSignatureOfOpenCall(t *testing.T) {
	for _, c := range []struct {
		text string
		room int
		want string
	}{
		{`str(`, 60, "str(«pointer», [length])"},
		{`print(str(`, 60, "str(«pointer», [length])"},
		{`str($p, `, 60, "str(pointer, «[length]»)"},
		{`str($p, 5, `, 60, "str(pointer, [length])"},
		{`str($p)`, 60, ""},
		{`both(str($p), `, 60, "both($a, «$b»)"},
		{`both((1 + `, 60, "both(«$a», $b)"},
		{`both(@m[1, 2, `, 60, "both(«$a», $b)"},
		{`kprobe:f { both(@m["(", `, 60, "both(«$a», $b)"},
		{`both("a, b`, 60, "both(«$a», $b)"},
		{`both(1, /* , `, 60, ""},
		{`nothing(`, 60, ""},
		{`if (`, 60, ""},
		{`begin { print(1); `, 60, ""},
		{`str($p, `, 24, "…«[length]»)"},
		{`str($p, `, 14, "…«[length]»)"},
		{`str(`, 18, "str(«pointer», …"},
		{`str($p, `, 11, ""},
	} {
		var got strings.Builder
		for _, p := range testHints(false).behind(c.text, "", c.room).parts {
			got.WriteString(p.text)
		}
		if strings.TrimSpace(got.String()) != c.want {
			t.Errorf("behind %q in %d columns is %q, want %q", c.text, c.room, got.String(), c.want)
		}
	}
}

func TestColoursOfInputs(t *testing.T) {
	letters := map[style]byte{plainText: '.', keyword: 'k', function: 'f', variable: 'v', literal: 'l', comment: 'c', wrong: 'x'}
	for _, c := range []struct{ text, want string }{
		{`kprobe:vfs_read { @n[comm] = count(); }`, `kkkkkk............vv.ffff....fffff.....`},
		{`if ($a == 0x1f) { print("a(b") }`, `kk..vv....llll....fffff.lllll...`},
		{`nosuch(1)]`, `xxxxxx.l.x`},
		{`both(1) // both`, `ffff.l..ccccccc`},
		{`$p->count + x.comm`, `vv................`},
		{`"日本" + 1`, `llll...l`},
		{`:list all`, `kkkkk....`},
		{`:nosuch`, `xxxxxxx`},
		{`macro new($a) { $a }`, `kkkkk.....vv....vv..`},
		{`"open`, `lllll`},
	} {
		var got []byte
		for _, s := range testHints(true).styles(c.text) {
			got = append(got, letters[s])
		}
		if string(got) != c.want {
			t.Errorf("colours of\n%s are\n%s, want\n%s", c.text, got, c.want)
		}
	}
	h := testHints(true)
	h.begin("/* begun", nil, nil)
	if got := h.styles("if"); got[0] != comment {
		t.Errorf("a line in a comment has the style %d", got[0])
	}
}

// Nothing that is right is shown as wrong.
func TestNothingRightIsRed(t *testing.T) {
	files, err := filepath.Glob("../../../scripts/*.bt")
	more, err2 := filepath.Glob("../../../scripts/*.pr")
	if err != nil || err2 != nil || len(files)+len(more) < 20 {
		t.Fatalf("%d and %d scripts: %v, %v", len(files), len(more), err, err2)
	}
	inputs := []string{"let @m = lruhash(100);", "print(sizeof(struct sock))", "if ((1)) { unroll (3) { print(1) } }", "((struct sock *)0)->x"}
	for _, name := range append(files, more...) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, string(b))
	}
	for _, text := range inputs {
		styles := testHints(true).styles(text)
		for i, r := range []rune(text) {
			if styles[i] == wrong {
				t.Errorf("%q is red in\n%s", r, string([]rune(text)[max(i-40, 0):min(i+20, len(styles))]))
				break
			}
		}
	}
}

// Only what differs is written, since terminals can be slow.
func TestRedraw(t *testing.T) {
	row := func(text string) []cell {
		var cells []cell
		col := 0
		for _, r := range text {
			cells, col = put(cells, col, r, plainText)
		}
		return cells
	}
	for _, c := range []struct {
		from string
		at   int
		to   string
		col  int
		want string
	}{
		{"probe> a", 8, "probe> ab", 9, "b"},
		{"probe> ab", 9, "probe> a", 8, "\b\x1b[K"},
		{"probe> abc", 8, "probe> axc", 9, "x"},
		{"probe> 日本語", 13, "probe> 日木語", 11, "\r\x1b[9C木"},
		{"probe> 日x", 10, "probe> 本x", 9, "\b\b\b本"},
		{"probe> abcdef", 13, "probe> abcdef", 7, "\r\x1b[7C"},
		{"", 0, "probe> ", 7, "probe> "},
	} {
		if got := redraw(row(c.from), c.at, row(c.to), c.col); got != c.want {
			t.Errorf("from %q to %q %q is written, want %q", c.from, c.to, got, c.want)
		}
	}
}

// What a person sees while typing.
func TestColoursAndHintsOnATerminal(t *testing.T) {
	x := onTerminal(t, "PROBE_TEST_REPL_COLOR=1")
	x.expect(`hello\r\nprobe> `)
	x.enter("1 + 1", `\n2\r\nprobe> `)
	x.keys("str(")
	x.shows("probe> {34:str}(|  {2:str(}{1:pointer}{2:, [length])}")
	x.keys("$p, ")
	x.shows("probe> {34:str}({36:$p}, |  {2:str(pointer, }{1:[length]}{2:)}")
	x.keys("\x1b[D\x1b[D\x1b[D")
	x.shows("probe> {34:str}({36:$}|{36:p},   {2:str(}{1:pointer}{2:, [length])}")
	x.keys("\x15\x0b1")
	x.shows("probe> {32:1}|{2: + 1}")
	x.keys("\x1b[C")
	x.shows("probe> {32:1} + {32:1}|")
	x.keys("\r")
	x.expect(`\n2\r\nprobe> `)
	x.keys("if (1) { nosuch(")
	x.shows("probe> {35:if} ({32:1}) { {31:nosuch}(|")
	x.keys("\x03")
	x.expect(`\^C\r\nprobe> `)

	// Wide characters, with the cursor in front of one.
	x.keys("\"日本\"")
	x.shows("probe> {32:\"日本\"}|")
	x.keys("\x1b[D\x1b[Dx")
	x.shows("probe> {32:\"日x}|{32:本\"}")
	x.keys("\x15\x0b")
	x.shows("probe> |")

	// A line that is longer than the window, and a window that changes.
	long := strings.Repeat("@counter + ", 12)
	x.keys(long)
	x.shows("probe> { " + strings.Repeat("{36:@counter} + ", 10) + "|")
	x.keys("\x15")
	x.shows("probe> |")
	x.vt.resize(40)
	if err := pty.Setsize(x.tty, &pty.Winsize{Rows: 40, Cols: 40}); err != nil {
		t.Fatal(err)
	}
	x.keys("str($pointer, ")
	x.shows("probe> {34:str}({36:$pointer}, |  {2:…}{1:[length]}{2:)}")
	x.keys("1)")
	x.shows("probe> {34:str}({36:$pointer}, {32:1})|")
	x.keys("\x15\x04")
	x.end()
}

// Without colours the signature is shown, and nothing that looks as if it had been
// typed.
func TestHintsWithoutColours(t *testing.T) {
	x := onTerminal(t)
	x.expect(`hello\r\nprobe> `)
	x.enter("1 + 1", `\n2\r\nprobe> `)
	x.keys("1")
	x.shows("probe> 1|")
	x.keys("\x15str(")
	x.shows("probe> str(|  str(«pointer», [length])")
	x.keys("\x03")
	x.shows("probe> |")
	if text := x.vt.text(); strings.Contains(text, "«") {
		t.Errorf("the signature is left on the screen:\n%s", text)
	}
	x.keys("\x04")
	x.end()
}

// A key costs a slow terminal little more than itself.
func TestBytesOfAKey(t *testing.T) {
	x := onTerminal(t, "PROBE_TEST_REPL_COLOR=1")
	x.expect(`hello\r\nprobe> `)
	x.keys("@m = 1")
	x.shows("probe> {36:@m} = {32:1}|")
	before := x.vt.written()
	x.keys("2")
	x.shows("probe> {36:@m} = {32:12}|")
	if n := x.vt.written() - before; n > 12 {
		t.Errorf("a digit behind a number took %d bytes", n)
	}
	x.keys("\x15\x04")
	x.end()
}
