package diag

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/lang/source"
)

// mark cuts «…» out of a text and returns the file and the marked places.
func marked(name, text string) (*source.File, []source.Span) {
	var b strings.Builder
	var spans []source.Span
	var open []int
	for len(text) > 0 {
		switch {
		case strings.HasPrefix(text, "«"):
			open = append(open, len(spans))
			spans = append(spans, source.Span{Start: b.Len()})
			text = text[len("«"):]
		case strings.HasPrefix(text, "»"):
			spans[open[len(open)-1]].End = b.Len()
			open = open[:len(open)-1]
			text = text[len("»"):]
		default:
			b.WriteByte(text[0])
			text = text[1:]
		}
	}
	f := source.New(name, b.String())
	for i := range spans {
		spans[i].File = f
	}
	return f, spans
}

func TestRender(t *testing.T) {
	for _, c := range []struct {
		name, text string
		make       func(l *List, s []source.Span)
		want       string
	}{
		{"model", "interval:s:1\n{\n  @n = «cuont»();\n}\n", func(l *List, s []source.Span) {
			l.Errorf("unknown-name", s[0], "no function named `cuont`").
				WithLabel("not defined in the language or in this script").
				WithHelp("a function with a similar name exists: `count`")
		}, `
error[unknown-name]: no function named ` + "`cuont`" + `
  --> reads.pr:3:8
   |
 3 |   @n = cuont();
   |        ^^^^^ not defined in the language or in this script
   |
help: a function with a similar name exists: ` + "`count`" + `
`},
		{"no place", "", func(l *List, s []source.Span) {
			l.Errorf("no-ringbuf", source.Span{}, "cannot make a ring buffer").
				WithNote("the kernel said: invalid argument").
				WithHelp("needs kernel 5.8; this is 5.4")
		}, `
error[no-ringbuf]: cannot make a ring buffer
note: the kernel said: invalid argument
help: needs kernel 5.8; this is 5.4
`},
		{"no code", "", func(l *List, s []source.Span) { l.Warnf("", source.Span{}, "beware") }, `
warning: beware
`},
		{"tabs and wide characters", "begin {\n\t@\t= \"漢字é\" + «$x»; // 漢\n}", func(l *List, s []source.Span) {
			l.Errorf("undefined-variable", s[0], "undefined").WithLabel("here")
		}, `
error[undefined-variable]: undefined
  --> reads.pr:2:19
   |
 2 |     @    = "漢字é" + $x; // 漢
   |                      ^^ here
   |
`},
		{"marks on wide characters", "f(«漢字»)", func(l *List, s []source.Span) {
			l.Errorf("x", s[0], "m").WithLabel("wide")
		}, `
error[x]: m
  --> reads.pr:1:3
   |
 1 | f(漢字)
   |   ^^^^ wide
   |
`},
		{"several labels", "let «$x» = 1;\n\n\n\n«$x» = «\"a\"»;", func(l *List, s []source.Span) {
			l.Errorf("type-mismatch", s[2], "type mismatch").WithLabel("a string").
				At(s[0], "declared here").At(s[1], "an integer")
		}, `
error[type-mismatch]: type mismatch
  --> reads.pr:5:6
   |
 1 | let $x = 1;
   |     -- declared here
...
 5 | $x = "a";
   |      ^^^ a string
   | -- an integer
   |
`},
		{"one line in between", "«a»\nb\n«c»", func(l *List, s []source.Span) {
			l.Errorf("x", s[1], "m").At(s[0], "first")
		}, `
error[x]: m
  --> reads.pr:3:1
   |
 1 | a
   | - first
 2 | b
 3 | c
   | ^
   |
`},
		{"several lines", "begin {\n  $x = «if (1) {\n    2\n  }»;\n}", func(l *List, s []source.Span) {
			l.Errorf("x", s[0], "m").WithLabel("no value")
		}, `
error[x]: m
  --> reads.pr:2:8
   |
 2 |   $x = if (1) {
   |        ^^^^^^^^
 3 |     2
 4 |   };
   |   ^ no value
   |
`},
		{"long span", "«a {\n1\n2\n3\n}» end", func(l *List, s []source.Span) {
			l.Warnf("x", s[0], "m").WithLabel("all of it")
		}, `
warning[x]: m
  --> reads.pr:1:1
   |
 1 | a {
   | ^^^
...
 5 | } end
   | ^ all of it
   |
`},
		{"at the end", "begin {«»", func(l *List, s []source.Span) {
			l.Errorf("x", s[0], "m").WithLabel("behind the last character")
		}, `
error[x]: m
  --> reads.pr:1:8
   |
 1 | begin {
   |        ^ behind the last character
   |
`},
		{"line end in the span", "ab«c\n»d", func(l *List, s []source.Span) { l.Errorf("x", s[0], "m") }, `
error[x]: m
  --> reads.pr:1:3
   |
 1 | abc
   |   ^
   |
`},
		{"empty line", "a\n«»\nb", func(l *List, s []source.Span) { l.Errorf("x", s[0], "m") }, `
error[x]: m
  --> reads.pr:2:1
   |
 2 |
   | ^
   |
`},
		{"wide line numbers", strings.Repeat("\n", 99) + "«x»", func(l *List, s []source.Span) { l.Errorf("x", s[0], "m") }, `
error[x]: m
   --> reads.pr:100:1
    |
100 | x
    | ^
    |
`},
		{"control characters", "a\x1b[31m\x00\xff«b»\u202e", func(l *List, s []source.Span) { l.Errorf("x", s[0], "m") }, `
error[x]: m
  --> reads.pr:1:9
   |
 1 | a` + "\ufffd[31m\ufffd\ufffdb\ufffd" + `
   |         ^
   |
`},
		{"carriage returns", "a\r\n  «b»\r\n", func(l *List, s []source.Span) { l.Errorf("x", s[0], "m").WithLabel("b") }, `
error[x]: m
  --> reads.pr:2:3
   |
 2 |   b
   |   ^ b
   |
`},
		{"notes of several lines", "«a»", func(l *List, s []source.Span) {
			l.Errorf("x", s[0], "m").WithNote("one\ntwo").WithHelp("three\nfour")
		}, `
error[x]: m
  --> reads.pr:1:1
   |
 1 | a
   | ^
   |
note: one
      two
help: three
      four
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, spans := marked("reads.pr", c.text)
			var l List
			c.make(&l, spans)
			var out bytes.Buffer
			if err := Render(&out, &l, Options{}); err != nil {
				t.Fatal(err)
			}
			want := strings.TrimPrefix(c.want, "\n")
			if c.name == "wide line numbers" {
				want = strings.ReplaceAll(want, "\n100 |", "\n 100 |")
				want = strings.ReplaceAll(want, "\n    |", "\n     |")
				want = strings.ReplaceAll(want, "\n   -->", "\n    -->")
			}
			if diff := cmp.Diff(want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if l.All[0].String() != out.String() {
				t.Error("String is not what Render writes")
			}
		})
	}
}

// TestRenderOtherFile shows a label in another file, such as an import.
func TestRenderOtherFile(t *testing.T) {
	_, a := marked("main.pr", "import \"lib\";\n«f»(1);")
	_, b := marked("lib.pr", "macro «f»() { }")
	var l List
	l.Errorf("x", a[0], "m").WithLabel("called here").At(b[0], "defined here")
	want := `error[x]: m
  --> main.pr:2:1
   |
 2 | f(1);
   | ^ called here
   |
  ::: lib.pr:1:7
   |
 1 | macro f() { }
   |       - defined here
   |
`
	if diff := cmp.Diff(want, l.All[0].String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRenderLongLine shows a window of a line of a megabyte.
func TestRenderLongLine(t *testing.T) {
	_, s := marked("t", strings.Repeat("é", 500_000)+"«x»"+strings.Repeat("漢", 500_000))
	var l List
	l.Errorf("x", s[0], "m").WithLabel("here")
	out := l.All[0].String()
	if len(out) > 2000 {
		t.Errorf("%d bytes", len(out))
	}
	lines := strings.Split(out, "\n")
	mark := strings.IndexByte(lines[4], '^')
	if got := []rune(lines[3])[mark]; got != 'x' {
		t.Errorf("the mark is under %q:\n%s", got, out)
	}
}

func TestRenderColor(t *testing.T) {
	_, s := marked("t", "«a» «b»")
	var l List
	l.Errorf("x", s[0], "m").WithLabel("here").At(s[1], "there").WithHelp("h")
	var plain, colored bytes.Buffer
	if err := Render(&plain, &l, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := Render(&colored, &l, Options{Color: true}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plain.String(), "\x1b") {
		t.Error("colours without being asked")
	}
	for _, want := range []string{red + "error[x]" + reset, red + "^ here" + reset, blue + "- there" + reset, cyan + "help" + reset} {
		if !strings.Contains(colored.String(), want) {
			t.Errorf("no %q in %q", want, colored.String())
		}
	}
	stripped := colored.String()
	for _, c := range []string{red, yellow, blue, cyan, bold, reset} {
		stripped = strings.ReplaceAll(stripped, c, "")
	}
	if stripped != plain.String() {
		t.Errorf("colours change the text:\n%s", stripped)
	}
}

func TestRenderLimit(t *testing.T) {
	var l List
	for range 14 {
		l.Errorf("x", source.Span{}, "m")
	}
	for _, c := range []struct{ limit, shown int }{{0, 10}, {3, 3}, {14, 14}, {20, 14}, {-1, 14}} {
		var out bytes.Buffer
		if err := Render(&out, &l, Options{Limit: c.limit}); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "error[x]"); n != c.shown {
			t.Errorf("limit %d: %d shown, want %d", c.limit, n, c.shown)
		}
		held := ""
		switch c.shown {
		case 10:
			held = "\n4 more held back\n"
		case 3:
			held = "\n11 more held back\n"
		}
		if (held != "") != strings.HasSuffix(out.String(), "held back\n") || !strings.HasSuffix(out.String(), held) {
			t.Errorf("limit %d ends in %q", c.limit, out.String()[max(0, out.Len()-40):])
		}
	}
}

func TestRenderJSON(t *testing.T) {
	_, s := marked("a.pr", "x\n«$y <z>»")
	var l List
	l.Errorf("undefined", s[0], "undefined <y>").WithLabel("here").WithRow("T-VAR-02").At(s[0], "twice").WithHelp("h1").WithHelp("h2")
	l.Warnf("machine", source.Span{}, "no place").WithNote("n")
	var out bytes.Buffer
	if err := RenderJSON(&out, &l); err != nil {
		t.Fatal(err)
	}
	want := `{"file":"a.pr","line":2,"col":1,"offset":2,"end":{"line":2,"col":7,"offset":8},"code":"undefined","severity":"error","message":"undefined <y>","row":"T-VAR-02","label":"here","labels":[{"file":"a.pr","line":2,"col":1,"offset":2,"end":{"line":2,"col":7,"offset":8},"message":"twice"}],"notes":[],"helps":["h1","h2"]}
{"code":"machine","severity":"warning","message":"no place","notes":["n"],"helps":[]}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

// TestCompatColor has the headlines alone in colour.
func TestCompatColor(t *testing.T) {
	_, s := marked("x.pr", "begin { «$nope»; }")
	var l List
	l.Errorf("undefined", s[0], "not there")
	l.Warnf("w", source.Span{}, "no place")
	l.Errorf("bad-config", source.Span{}, "native").CompatPrint(SetupStatus, "max_strlen: wrong")
	var out bytes.Buffer
	if err := RenderBpftrace(&out, &l, true); err != nil {
		t.Fatal(err)
	}
	want := "\x1b[31mx.pr:1:9-14: ERROR: not there\x1b[0m\nbegin { $nope; }\n        ~~~~~\n\x1b[33mWARNING: no place\x1b[0m\nmax_strlen: wrong\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRenderBpftrace(t *testing.T) {
	_, s := marked("x.pr", "begin {\n  print(«$nope»);\n\t«@»x = 1; }\n«a {\n\tb }»\n«»")
	var l List
	l.Errorf("undefined", s[0], "Undefined or undeclared variable: $nope").WithHelp("assign it first").At(s[1], "see here")
	l.Errorf("expected-token", s[1], "expected `;`")
	l.Warnf("w", s[2], "two lines")
	l.Errorf("machine", source.Span{}, "no place").WithNote("a note")
	l.Errorf("x", s[3], "at the end")
	var out bytes.Buffer
	if err := RenderBpftrace(&out, &l, false); err != nil {
		t.Fatal(err)
	}
	want := `x.pr:2:9-14: ERROR: Undefined or undeclared variable: $nope
  print($nope);
        ~~~~~
x.pr:3:2-3: ERROR: see here
    @x = 1; }
    ~
HINT: assign it first
x.pr:3:2-3: ERROR: syntax: expected ';'
    @x = 1; }
    ~
x.pr:4-5: WARNING: two lines
a {
    b }
ERROR: no place
HINT: a note
x.pr:6:1-1: ERROR: at the end


`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestControlCharacters: names in messages cannot command the terminal.
func TestControlCharacters(t *testing.T) {
	const evil = "a\x1b[31m\r\u009b2J\u202e\xff\nb"
	f := source.New("x\x1b]0;t\a.pr", evil+"\n"+evil)
	d := &Diagnostic{Severity: Error, Code: "bad-usage", Message: "open " + evil, Span: source.Span{File: f, Start: 0, End: len(f.Text)}, Label: evil}
	d.WithNote("%s", evil).WithHelp("%s", evil).At(source.Span{File: f, Start: 0, End: 1}, "%s", evil)
	list := &List{All: []*Diagnostic{d}}
	var people, old bytes.Buffer
	if err := errors.Join(Render(&people, list, Options{}), RenderBpftrace(&old, list, false)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{people.String(), old.String()} {
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\ufffd' && hidden(r, 1) }); i >= 0 {
			t.Errorf("a control character: %q in %q", text[i:i+1], text)
		}
		if !strings.Contains(text, `open a\x1b[31m\x0d\xc2\x9b2J\xe2\x80\xae\xff`+"\n") {
			t.Errorf("the name is not readable: %s", text)
		}
	}
}
