package cli

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// store is what the options of the test's program are kept in.
type store struct {
	level string
	loud  int
	six   bool
}

// demo returns a program with two commands.
func demo() *App[store] {
	return &App[store]{
		Name: "demo", Summary: "show how it is done", Version: "1.0", Usage: []string{"COMMAND …"}, About: "First.\n\nSecond `--x` one.",
		Commands: []*Command{
			{Name: "play", Usage: []string{"[options] SCRIPT [params]"}, Summary: "play a script", About: "Plays it.", Min: 1, Max: -1, Script: true,
				Complete: Words("one", "two"), Examples: []Example{{"demo play one", "Plays one."}}, SeeAlso: []string{"list"},
				More: func() []Section { return []Section{{"Scripts", []Entry{{Name: "one", About: "the first"}}}} }},
			{Name: "list", Usage: []string{"[A [B]]"}, Summary: "list them", About: "Lists.", Max: 2, Complete: Files()},
			{Name: "__own", Max: 0, Hidden: true},
		},
		Flags: []Flag[store]{
			{Name: "level", Short: 'l', Arg: "N", Commands: "play", Help: "Sets the level. It is 0 to 9.", Complete: Lists(Words("1", "2")), Set: func(o *store, v string) error {
				if v == "bad" {
					return errors.New("no level")
				}
				o.level = v
				return nil
			}},
			{Name: "loud", Short: 'v', Commands: "play list", Help: "Plays loudly.", Group: "Output", Set: func(o *store, _ string) error { o.loud++; return nil }},
			{Name: "six", Short: '6', Commands: "list", Help: "Lists six.", Set: func(o *store, _ string) error { o.six = true; return nil }},
		},
		Statuses:    []Status{{Code: "0", About: "It worked."}, {Code: "1", Commands: "play", About: "It did not."}},
		Environment: []Entry{{Name: "HOME", About: "is home", Commands: "list"}},
	}
}

func command(t *testing.T, a *App[store], name string) *Command {
	t.Helper()
	for _, c := range a.Commands {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no command %q", name)
	return nil
}

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		line string
		want store
		got  Parsed
	}{
		{"play a", store{}, Parsed{Operands: []string{"a"}}},
		{"play a -v --level 3 b -vv", store{level: "3", loud: 3}, Parsed{Operands: []string{"a", "b"}}},
		{"play -l3 a", store{level: "3"}, Parsed{Operands: []string{"a"}}},
		{"play -vl -3 a", store{level: "-3", loud: 1}, Parsed{Operands: []string{"a"}}},
		{"play --level=-3 a -5 -0x10", store{level: "-3"}, Parsed{Operands: []string{"a", "-5", "-0x10"}}},
		{"play --level -3 - -5", store{level: "-3"}, Parsed{Operands: []string{"-", "-5"}}},
		{"play a -- -v --n=3 --m b", store{}, Parsed{Operands: []string{"a", "-v", "b"}, Named: map[string]string{"n": "3", "m": "true"}}},
		{"list -- --n=3", store{}, Parsed{Operands: []string{"--n=3"}}},
		{"list -6 a", store{six: true}, Parsed{Operands: []string{"a"}}},
		{"list -7", store{}, Parsed{Operands: []string{"-7"}}},
	} {
		a, words := demo(), strings.Split(tc.line, " ")
		var o store
		p, err := a.Parse(command(t, a, words[0]), words[1:], &o)
		if err != nil {
			t.Errorf("%s: %v", tc.line, err)
			continue
		}
		if diff := cmp.Diff(tc.got, p); diff != "" {
			t.Errorf("%s: -want +got\n%s", tc.line, diff)
		}
		if o != tc.want {
			t.Errorf("%s: options %+v, want %+v", tc.line, o, tc.want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, tc := range []struct {
		line, message string
		word          int
		more          string // among label, notes and helps
	}{
		{"play --levl 3 a", "unknown option --levl", 0, "similar name exists: `--level`"},
		{"play a --six", "unknown option --six", 1, "--six is an option of `demo list`"},
		{"play a --six=1", "unknown option --six", 1, "come after `--`"},
		{"list --zzzzzz", "unknown option --zzzzzz", 0, "not an option of `demo list`"},
		{"list -vZ", "unknown option -Z", 0, "not an option"},
		{"list a -l", "unknown option -l", 1, "-l is an option of `demo play`"},
		{"play a --level", "--level needs a value: N", 1, "N is missing"},
		{"play a -vl", "-l needs a value: N", 1, "N is missing"},
		{"play --loud=yes a", "--loud takes no value", 0, "a switch"},
		{"play --level bad a", "--level: no level", 1, ""},
		{"play --level=bad a", "--level: no level", 0, ""},
		{"play -l bad a", "-l: no level", 1, ""},
		{"play ---x a", "---x is not an option: an option is two dashes and a name", 0, ""},
		{"play", "demo play takes at least 1 operand, found 0", -1, ""},
		{"list a b c", "demo list takes 0 to 2 operands, found 3", 2, "one too many"},
	} {
		a, words := demo(), strings.Split(tc.line, " ")
		_, err := a.Parse(command(t, a, words[0]), words[1:], &store{})
		var m *Mistake
		if !errors.As(err, &m) {
			t.Errorf("%s: %v", tc.line, err)
			continue
		}
		if m.Message != tc.message || m.Word != tc.word {
			t.Errorf("%s: %q at %d, want %q at %d", tc.line, m.Message, m.Word, tc.message, tc.word)
		}
		if all := m.Label + "\n" + strings.Join(append(m.Notes, m.Helps...), "\n"); !strings.Contains(all, tc.more) {
			t.Errorf("%s: %q is not in\n%s", tc.line, tc.more, all)
		}
	}
}

// TestAnyWords: no words make the parser, the completion or the splitting of
// lines panic.
func TestAnyWords(t *testing.T) {
	pieces := []string{"-", "--", "---", "", "=", "-5", "--level", "--level=", "-l", "-lv", "-v=", "--loud=x", "a", "\x00", "\x00-5", "'", `"`, `\`, ":", "é", "--help", "-h", "--=", "-=", " "}
	r := rand.New(rand.NewPCG(1, 2))
	a := demo()
	for range 3000 {
		var words []string
		for range r.IntN(6) {
			w := pieces[r.IntN(len(pieces))]
			if r.IntN(4) == 0 {
				w += pieces[r.IntN(len(pieces))]
			}
			words = append(words, w)
		}
		c := a.Commands[r.IntN(len(a.Commands))]
		_, err := a.Parse(c, words, &store{})
		var m *Mistake
		if err != nil && (!errors.As(err, &m) || m.Word >= len(words)) {
			t.Fatalf("%q: %v", words, err)
		}
		if err := a.Complete(io.Discard, io.Discard, CompleteName, append([]string{c.Name}, append(words, "x")...)); err != nil {
			t.Fatalf("%q: %v", words, err)
		}
		line := "demo " + strings.Join(words, " ")
		if err := a.CompleteBash(io.Discard, []string{"9", ":=", line}, func(w []string) []string { return w }); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
}

func TestComplete(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"pl", "play\tplay a script\n:4\n"},
		{"play ", "one\ntwo\n:4\n"},
		{"play o", "one\n:4\n"},
		{"play --level=", "1\n2\n:6\n"},
		{"play -l 1,", "1,1\n1,2\n:6\n"},
		{"play --le", "--level\tSets the level\n:4\n"},
		{"play -5 t", "two\n:4\n"},
		{"play -l bad t", "two\n:4\n"},
		{"list ", ":0\n"},
		{"__o", ":4\n"},
	} {
		var b strings.Builder
		if err := demo().Complete(&b, io.Discard, CompleteName, strings.Split(tc.line, " ")); err != nil {
			t.Errorf("%s: %v", tc.line, err)
		}
		if diff := cmp.Diff(tc.want, b.String()); diff != "" {
			t.Errorf("%q: -want +got\n%s", tc.line, diff)
		}
	}
}

const wantHelp = "demo play: play a script\n" + `
Usage:
  demo play [options] SCRIPT [params]

Plays it.

Options:
  -l, --level N  Sets the level. It is 0 to 9.
  -h, --help     Shows this text.

Output:
  -v, --loud     Plays loudly.

Scripts:
  one             the first

Examples:
  demo play one
      Plays one.
`

const wantManual = `.\" Written by make docs.
.TH DEMO\-PLAY 1 "" "demo 1.0" "User Commands"
.nh
.ad l
.SH NAME
demo\-play \- play a script
.SH SYNOPSIS
\fBdemo play\fR [\fIoptions\fR] \fISCRIPT\fR [\fIparams\fR]
.SH DESCRIPTION
Plays it.
.SH OPTIONS
.TP
\fB\-l\fR, \fB\-\-level\fR \fIN\fR
Sets the level. It is 0 to 9.
.TP
\fB\-h\fR, \fB\-\-help\fR
Shows this text.
.SS Output
.TP
\fB\-v\fR, \fB\-\-loud\fR
Plays loudly.
.SH SCRIPTS
.TP
\fBone\fR
The first.
.SH EXIT STATUS
.TP
\fB0\fR
It worked.
.TP
\fB1\fR
It did not.
.SH EXAMPLES
Plays one.
.RS 4
.nf
\fBdemo play one\fR
.fi
.RE
.SH SEE ALSO
\fBdemo\-list\fR(1),
\fBdemo\fR(1)
`

func TestTexts(t *testing.T) {
	a := demo()
	var b strings.Builder
	if err := a.Help(&b, command(t, a, "play")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantHelp, b.String()); diff != "" {
		t.Errorf("help: -want +got\n%s", diff)
	}
	var names []string
	for _, p := range a.Pages() {
		names = append(names, p.Name)
		b.Reset()
		if err := p.Write(&b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wantManual, b.String()); p.Name == "demo-play.1" && diff != "" {
			t.Errorf("%s: -want +got\n%s", p.Name, diff)
		}
	}
	if got := strings.Join(names, " "); got != "demo.1 demo-play.1 demo-list.1" {
		t.Errorf("pages %s", got)
	}
	b.Reset()
	if err := a.Reference(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| [`demo play`](#demo-play) | Play a script. |", "| `-l, --level N` | Sets the level. It is 0 to 9. |", "| 1 | play | It did not. |",
		"| `-v, --loud` | play, list | `` |", "### Scripts", "| `HOME` | Is home. |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the reference lacks %s", want)
		}
	}
	if strings.Contains(b.String(), "__own") {
		t.Error("the reference has a hidden command")
	}
}

func TestRoff(t *testing.T) {
	for in, want := range map[string]string{
		"a `-b` c":        `a \fB\-b\fR c`,
		"it's \\n and ~x": `it\(aqs \en and \(tix`,
	} {
		if got := text(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	var m roff
	m.prose(".profile is read")
	if got := m.b.String(); got != "\\&.profile is read\n" {
		t.Errorf("%q", got)
	}
}

func TestWrap(t *testing.T) {
	got := wrap(strings.Repeat("word ", 8)+"`in one piece` end", 20, "  ")
	want := "  word word word\n  word word word\n  word word\n  `in one piece` end\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	var b strings.Builder
	row(&b, "a-rather-long-name", "text", 10)
	row(&b, "short", "text", 10)
	if want := "  a-rather-long-name\n          text\n  short   text\n"; b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	if s := fmt.Sprint(pieces("a `b c` d")); s != "[a `b c` d]" {
		t.Error(s)
	}
}
