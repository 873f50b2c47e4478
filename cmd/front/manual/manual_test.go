package manual

import (
	"strings"
	"testing"

	"probe/lang/check"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/reference"
	"probe/runtime/machine/live/provider"
	"probe/stdlib"
)

// of returns the entry of a kind for a word; the test fails without it.
func of(t *testing.T, word string, kinds ...Kind) *Entry {
	t.Helper()
	for _, e := range Lookup(word) {
		for _, k := range kinds {
			if e.Kind == k {
				return e
			}
		}
	}
	t.Errorf("%q is not explained as %v", word, kinds)
	return nil
}

// TestEverything looks up everything that the records have: each is explained,
// with an example that uses it.
func TestEverything(t *testing.T) {
	shown := func(e *Entry, word string) {
		t.Helper()
		switch {
		case e == nil:
		case e.Usage == "" || strings.TrimSpace(e.Text) == "":
			t.Errorf("%q: no usage or no text: %+v", word, e)
		case e.Example == "":
			t.Errorf("%q has no example: it needs a line in examples.txt or words.txt", word)
		case !strings.Contains(e.Example, word):
			t.Errorf("%q: the example does not use it: %s", word, e.Example)
		}
	}
	for name, f := range stdlib.Table() {
		if e := of(t, name, Function, Value, Agg); !f.Sig.Missing {
			shown(e, name)
		}
	}
	for _, k := range provider.Kinds() {
		shown(of(t, k.Name, Probe), k.Name)
		for _, a := range k.Aliases {
			of(t, a, Probe)
		}
	}
	for _, v := range hir.ConfigVars() {
		e := of(t, v.Name, Config)
		switch {
		case e == nil:
		case !v.EnvOnly:
			shown(e, v.Name)
		case !strings.Contains(e.Usage, "BPFTRACE_"+strings.ToUpper(v.Name)):
			t.Errorf("%s: the usage does not name the variable of the environment: %s", v.Name, e.Usage)
		}
		for _, old := range append(v.Was, v.WasNot) {
			if old != "" && !strings.Contains(of(t, old, Config).Text, old) {
				t.Errorf("%s does not say that it is a former name", old)
			}
		}
	}
	for _, kind := range check.MapKinds() {
		shown(of(t, kind, Word), kind)
	}
	for _, m := range stdlib.Modules() {
		of(t, m, Module)
		for _, d := range definitions(m) {
			shown(of(t, d.name, Defined), d.name)
		}
	}
	for _, c := range diag.Codes() {
		of(t, string(c.Code), Message)
	}
	for _, id := range reference.IDs() {
		of(t, strings.ToLower(id), Row)
	}
	row, _ := reference.Lookup("L-LEX-09")
	for i, word := range strings.Split(row.Text, "`") {
		if i%2 == 1 { // between the quotes
			of(t, word, Word)
		}
	}
}

// TestFiles checks that the files have no line that nothing reads.
func TestFiles(t *testing.T) {
	used := map[string]bool{}
	for _, topic := range Topics() {
		if topic.About == "" {
			t.Errorf("%s: no summary", topic.Word)
		}
		for _, e := range Lookup(topic.Word) {
			used[e.Example] = true
			if _, ok := reference.Lookup(e.Row); !ok && e.Row != "" {
				t.Errorf("%s: there is no row %s", topic.Word, e.Row)
			}
		}
	}
	for name, script := range examples() {
		with := func(s string) bool { return strings.HasSuffix(s, script) }
		found := used[script] || strings.Contains(script, "IMPORT ")
		for s := range used {
			found = found || with(s)
		}
		if !found {
			t.Errorf("examples.txt: nothing shows the line of %s", name)
		}
	}
	for line := range strings.Lines(wordText) {
		if f := strings.Split(line, "\t"); len(f) != 5 {
			t.Errorf("words.txt: %d columns: %s", len(f), line)
		}
	}
}

func TestLookup(t *testing.T) {
	for _, tc := range []struct{ word, want string }{
		{"hist()", "hist"}, {"kprobe:", "kprobe"}, {"k", "kprobe"}, {"arg3", "arg0"}, {"sarg2", "sarg0"}, {"$7", "$1"},
		{"$name", "$"}, {"@name", "@"}, {"BPFTRACE_MAX_STRLEN", "max_strlen"}, {"strlen", "strlen"}, {"f-str", "F-STR"},
	} {
		found := Lookup(tc.word)
		if len(found) == 0 || found[0].Word != tc.want {
			t.Errorf("Lookup(%q) = %v, want %s first", tc.word, found, tc.want)
		}
	}
	for _, word := range []string{"", "nothing-of-the-kind", "::", "arg", "--for"} {
		if found := Lookup(word); len(found) != 0 {
			t.Errorf("Lookup(%q) = %+v", word, found[0])
		}
	}
	if near := Similar("hisst", nil); len(near) == 0 || near[0] != "hist" {
		t.Errorf("Similar: %v", near)
	}
	// comm means one thing, fgraph two: a probe type and a variable.
	if a, b := len(Lookup("comm")), len(Lookup("fgraph")); a != 1 || b != 2 {
		t.Errorf("comm has %d meanings, fgraph %d", a, b)
	}
}
