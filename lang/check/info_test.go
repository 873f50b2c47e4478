package check_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/internal/golden"
	"probe/lang/check"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// learn checks a script and gives what was learned, parse errors or not.
func learn(t testing.TB, script string) (*hir.Script, *check.Info, *syntax.File, diag.List) {
	t.Helper()
	in, ds := newInput(t, script)
	in.Params = []string{"7", "x"}
	p, info, more := check.Check(in)
	ds.All = append(ds.All, more.All...)
	return p, info, in.File, ds
}

// describeInfo prints definitions with their uses, and the expressions that
// are no names with their types.
func describeInfo(info *check.Info, f *syntax.File) string {
	var sb strings.Builder
	place := func(s source.Span) string {
		line, col := s.File.Position(s.Start)
		return fmt.Sprintf("%d:%d", line, col)
	}
	for _, d := range info.Defs() {
		fmt.Fprintf(&sb, "%s %s", d.Kind, strings.TrimSpace(d.Of+" "+d.Name))
		for i, t := range d.Types {
			sb.WriteString([]string{" : ", " | "}[min(i, 1)] + t.String())
		}
		if d.Key != nil {
			fmt.Fprintf(&sb, " by %s", d.Key)
		}
		if d.At.Valid() {
			fmt.Fprintf(&sb, " at %s", place(d.At))
		}
		sb.WriteString(" used")
		for _, u := range info.UsesOf(d) {
			sb.WriteString(" " + place(u.At))
			if u.Write {
				sb.WriteString("=")
			}
		}
		sb.WriteByte('\n')
	}
	syntax.Walk(f, func(n syntax.Node) {
		e, ok := n.(syntax.Expr)
		if !ok || info.DefOf(e) != nil {
			return
		}
		fmt.Fprintf(&sb, "%s `%s`", place(e.Span()), strings.Join(strings.Fields(e.Span().Text()), " "))
		ts := info.TypesOf(e)
		if len(ts) == 0 {
			sb.WriteString(" ?")
		}
		for _, t := range ts {
			sb.WriteString(" " + t.String())
		}
		if c := info.ConstOf(e); c != nil {
			if c.Str != "" {
				fmt.Fprintf(&sb, " = %q", c.Str)
			} else {
				fmt.Fprintf(&sb, " = %d", int64(c.Int))
			}
		}
		sb.WriteByte('\n')
	})
	return sb.String()
}

// TestInfo compares what is learned about scripts, good and bad, with
// testdata/info.
func TestInfo(t *testing.T) {
	golden.Run(t, "testdata/info/*.txtar", func(t *testing.T, c *golden.Case) {
		_, info, f, ds := learn(t, c.In("script.pr"))
		c.Out("info", render(ds)+describeInfo(info, f))
	})
}

// dataScripts returns all scripts of the test data by name.
func dataScripts(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{"one-liner": oneLiner, "twenty-lines": twentyLines}
	for _, glob := range []string{"testdata/hir/*.txtar", "testdata/info/*.txtar"} {
		maps.Copy(out, golden.Inputs(t, glob, "script.pr"))
	}
	for _, glob := range []string{"testdata/*.pr", "../../scripts/*.pr", "../../scripts/*.bt"} {
		files, _ := filepath.Glob(glob)
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			out[name] = string(text)
		}
	}
	files, _ := filepath.Glob("../../test/accept/testdata/*.cases")
	for _, name := range files {
		acceptScripts(t, name, out)
	}
	return out
}

// acceptScripts adds the scripts of acceptance cases: what stands behind PROG,
// or below it behind bars.
func acceptScripts(t *testing.T, name string, out map[string]string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	inside, key := false, ""
	for n, line := range strings.Split(string(text), "\n") {
		rest, bar := strings.CutPrefix(line, "|")
		if prog, ok := strings.CutPrefix(line, "PROG"); ok {
			inside, key = true, fmt.Sprintf("%s:%d", filepath.Base(name), n+1)
			out[key] = strings.TrimSpace(prog)
		} else if inside && bar {
			out[key] += strings.TrimPrefix(rest, " ") + "\n"
		} else {
			inside = false
		}
		out[key] = strings.ReplaceAll(out[key], "<<workload>>", "/bin/workload")
		out[key] = strings.ReplaceAll(out[key], "<<pid>>", "77")
	}
	delete(out, "")
}

// TestEveryExpressionHasAType: in a script without errors, each expression of
// a probe has a type; those of macros have one if the macro is called. Branches
// that if comptime leaves out may be wrong for the types at hand.
func TestEveryExpressionHasAType(t *testing.T) {
	checked, names := 0, 0
	for name, script := range dataScripts(t) {
		p, info, f, ds := learn(t, script)
		if p == nil || ds.HasErrors() {
			continue
		}
		var leftOut []source.Span
		syntax.Walk(f, func(n syntax.Node) {
			if i, ok := n.(*syntax.If); ok && i.Comptime {
				leftOut = append(leftOut, i.Span())
			}
		})
		look := func(n syntax.Node) bool {
			e, ok := n.(syntax.Expr)
			if !ok {
				return true
			}
			if c, is := n.(*syntax.Cast); is && c.Alt != nil && info.TypeOf(c.Alt) != nil {
				return false // it was the other reading
			}
			checked++
			if info.TypeOf(e) == nil && !slices.ContainsFunc(leftOut, func(s source.Span) bool {
				return s.Start <= e.Span().Start && e.Span().End <= s.End
			}) {
				t.Errorf("%s: `%s` (%T) has no type", name, e.Span().Text(), e)
			}
			switch e := e.(type) {
			case *syntax.Var, *syntax.Ident, *syntax.Call:
				names++
				if info.DefOf(e) == nil && info.TypeOf(e) != nil && info.TypeOf(e).Kind != types.Word {
					t.Errorf("%s: `%s` has no definition", name, e.Span().Text())
				}
			case *syntax.Map:
				names++
				if info.DefOf(e) == nil && info.TypeOf(e) != nil {
					t.Errorf("%s: `%s` has no definition", name, e.Span().Text())
				}
			}
			return true
		}
		for _, it := range f.Items {
			if p, ok := it.(*syntax.Probe); ok {
				syntax.Inspect(p, look)
			}
		}
	}
	if checked < 5000 || names < 2000 {
		t.Errorf("only %d expressions and %d names were looked at", checked, names)
	}
}

// rename replaces all uses of a definition.
func rename(info *check.Info, d *check.Def, script, name string) string {
	uses := info.UsesOf(d)
	for k := len(uses) - 1; k >= 0; k-- {
		at := uses[k].At
		script = script[:at.Start] + name + script[at.End:]
	}
	return script
}

// TestRename renames every definition of every script in turn: the script has
// to mean the same afterwards.
func TestRename(t *testing.T) {
	dump := func(p *hir.Script, old, new string) string {
		var sb strings.Builder
		p.Dump(&sb)
		out := strings.ReplaceAll(sb.String(), new, old)
		lines := strings.Split(out, "\n")
		slices.Sort(lines) // maps are in the order of their names
		return strings.Join(lines, "\n")
	}
	renamed := map[check.DefKind]int{}
	for name, script := range dataScripts(t) {
		p, info, f, ds := learn(t, script)
		if p == nil || ds.HasErrors() {
			continue
		}
		for _, d := range info.Defs() {
			new := "zz_renamed"
			switch d.Kind {
			case check.Variable, check.Map, check.Param, check.Macro, check.CMacro, check.TypeName, check.Member, check.Enumerator, check.ProbeName:
			default:
				continue
			}
			if !d.At.Valid() || d.At.File != f.Source || slices.ContainsFunc(info.UsesOf(d), func(u check.Use) bool { return u.At.File != f.Source }) {
				continue
			}
			if c := d.Name[0]; c == '$' || c == '@' {
				new = string(c) + new
			}
			if slices.ContainsFunc(info.Defs(), func(o *check.Def) bool { return o != d && o.Name == d.Name && o.Kind == d.Kind }) {
				continue // the printer numbers variables of one name
			}
			renamed[d.Kind]++
			changed := rename(info, d, script, new)
			q, _, _, ds := learn(t, changed)
			if q == nil {
				t.Errorf("%s: %s %s renamed:\n%s\n%s", name, d.Kind, d.Name, render(ds), changed)
				continue
			}
			switch d.Kind {
			case check.TypeName, check.Enumerator, check.Macro, check.CMacro, check.ProbeName:
				continue // their names are seen in types and in the places of sites
			}
			if diff := cmp.Diff(dump(p, d.Name, d.Name), dump(q, d.Name, new)); diff != "" {
				t.Errorf("%s: %s %s renamed means something else (-was +is):\n%s\n%s", name, d.Kind, d.Name, diff, changed)
			}
		}
	}
	for _, k := range []check.DefKind{check.Variable, check.Map, check.Param, check.Macro, check.Member} {
		if renamed[k] < 3 {
			t.Errorf("only %d definitions of kind %s were renamed", renamed[k], k)
		}
	}
}

// TestHover finds nodes and names by their place in the text, marked with «».
func TestHover(t *testing.T) {
	for _, c := range []struct{ script, node, typ, def string }{
		{"begin { $«x» = 5; print($x); }", "*syntax.Var", "int8", "variable $x"},
		{"begin { $x = 5; print($«x»); }", "*syntax.Var", "int8", "variable $x"},
		{"kprobe:f { @m[tid] = 1; print(«@m»[tid]); }", "*syntax.Map", "int8", "map @m"},
		{"kprobe:f { @m[«t»id] = 1; }", "*syntax.Ident", "uint32", "value tid"},
		{"kprobe:f { print(curtask->«pid»); }", "*syntax.Field", "int32", "member pid"},
		{"kprobe:f { print(«cur»task->pid); }", "*syntax.Ident", "struct task_struct *", "value curtask"},
		{"macro m(x) { x } begin { print(«m»(3)); }", "*syntax.Call", "int8", "macro m"},
		{"macro m(x) { «x» } begin { print(m(3)); }", "*syntax.Ident", "int8", "parameter x"},
		{"kprobe:f { $p = («struct» sock *)arg0; }", "*syntax.TypeExpr", "", "type sock"},
		{"begin { print(1 + «2»); }", "*syntax.IntLit", "int8", ""},
		{"begin { print(nothing); print((TCP_CLOSE) «-» 1); }", "*syntax.Binary", "int64", ""},
	} {
		start := strings.Index(c.script, "«")
		_, info, f, _ := learn(t, strings.NewReplacer("«", "", "»", "").Replace(c.script))
		n := info.NodeAt(f.Source, start)
		if got := fmt.Sprintf("%T", n); got != c.node {
			t.Errorf("%s: the node is %s, want %s", c.script, got, c.node)
			continue
		}
		typ, def := "", ""
		if ty := info.TypeOf(n); ty != nil {
			typ = ty.String()
		}
		if d := info.DefOf(n); d != nil {
			def = d.Kind.String() + " " + d.Name
		}
		if typ != c.typ || def != c.def {
			t.Errorf("%s: type %q, definition %q; want %q, %q", c.script, typ, def, c.typ, c.def)
		}
	}
}

// TestScope: what can be named at a place.
func TestScope(t *testing.T) {
	for _, c := range []struct{ script, vars, maps, sites string }{
		{"kprobe:f { $a = 1; if ($a) { $b = 2; ^ $c = 3; } $d = 4; @m = 1; }", "$b $a", "@m", "kprobe:f"},
		{"kprobe:f { $a = 1; if ($a) { $b = 2; } ^ $d = 4; }", "$a", "", "kprobe:f"},
		{"begin { @x[1] = 2; for $kv : @x { $n = 1; ^ } }", "$n $kv", "@x", "begin"},
		{"macro m(w, $v, @k) { let $inner = w; ^ @k = $v; } begin { $q = 1; m(2, $q, @r); }", "$inner w $v @k", "@r", ""},
		{"kprobe:vfs_* { $a = 1; ^ }", "$a", "", "kprobe:vfs_read kprobe:vfs_write"},
		{"nosuch:f { $a = 1; ^ $b = }", "$a", "", ""},
		{"begin { } ^ end { $x = 1; }", "", "", ""},
	} {
		at := strings.Index(c.script, "^")
		_, info, f, _ := learn(t, strings.Replace(c.script, "^", " ", 1))
		s := info.ScopeAt(f.Source, at)
		names := func(ds []*check.Def) string {
			var out []string
			for _, d := range ds {
				out = append(out, d.Name)
			}
			return strings.Join(out, " ")
		}
		var sites []string
		for _, st := range s.Sites {
			sites = append(sites, st.Name)
		}
		if v, m, st := names(s.Vars), names(s.Maps), strings.Join(sites, " "); v != c.vars || m != c.maps || st != c.sites {
			t.Errorf("%s: variables %q, maps %q, sites %q; want %q, %q, %q", c.script, v, m, st, c.vars, c.maps, c.sites)
		}
	}
}

// TestInfoChangesNothing: what Check has given away stays as it is when its
// Info is asked.
func TestInfoChangesNothing(t *testing.T) {
	for name, script := range dataScripts(t) {
		p, info, f, ds := learn(t, script)
		if p == nil {
			continue
		}
		var before, after strings.Builder
		p.Dump(&before)
		flags := func() (out []string) {
			for _, m := range p.Maps {
				out = append(out, fmt.Sprint(m.Name, m.Read, m.Written, m.Entries))
			}
			for _, pr := range p.Probes {
				for _, v := range pr.Vars {
					out = append(out, fmt.Sprint(v.Name, v.Type, v.Captured))
				}
			}
			return out
		}
		was, list := flags(), render(ds)
		describeInfo(info, f)
		p.Dump(&after)
		if before.String() != after.String() || !slices.Equal(was, flags()) || list != render(ds) {
			t.Errorf("%s: the program changed", name)
		}
	}
}

// TestInfoWhileTyping: scripts are asked about while they are being written:
// cut off anywhere, or with a piece missing, they have an Info all the same,
// and what stands before the cut is known.
func TestInfoWhileTyping(t *testing.T) {
	look := func(name, script string) {
		defer func() {
			if r := recover(); r != nil {
				t.Fatalf("%s: %v\n%s", name, r, script)
			}
		}()
		_, info, f, _ := learn(t, script)
		describeInfo(info, f)
		for k := 0; k < len(script); k += 23 {
			info.NodeAt(f.Source, k)
			info.ScopeAt(f.Source, k)
		}
	}
	n := 0
	for name, script := range dataScripts(t) {
		n++
		for k := n % 149; k < len(script); k += 149 {
			look(name, script[:k])
			look(name, script[:k]+script[min(k+5, len(script)):])
		}
	}
	script := "begin { $first = 1; @m[$first] = 2; if ($first > "
	_, info, f, _ := learn(t, script)
	s := info.ScopeAt(f.Source, len(script))
	if len(s.Maps) != 1 || s.Maps[0].Name != "@m" {
		t.Errorf("maps before a cut: %v", s.Maps)
	}
	if n := info.NodeAt(f.Source, strings.Index(script, "$first]")); info.DefOf(n) == nil || info.TypeOf(n) == nil {
		t.Errorf("%T before a cut means %v and has type %v", n, info.DefOf(n), info.TypeOf(n))
	}
}
