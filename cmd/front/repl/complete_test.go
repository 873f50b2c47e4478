package repl

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/runtime/machine/live/provider"
)

func TestOperandStart(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"x", "x"}, {"1 + x", "x"}, {"$x", "$x"}, {"f($x", "$x"}, {"@m[1]", "@m[1]"}, {"= @m[1, \"a\"]", "@m[1, \"a\"]"},
		{"args.task", "args.task"}, {"$x->a.b[2]", "$x->a.b[2]"}, {"((struct task *)$p)", "((struct task *)$p)"},
		{"1 + ((struct task *)f(2))->x", "((struct task *)f(2))->x"}, {"f(1, 2)", "f(1, 2)"}, {"", ""}, {"1 +", ""}, {"x)", ""},
		{"(x)[0]", "(x)[0]"},
	} {
		if got := c.text[operandStart(c.text):]; got != c.want {
			t.Errorf("the operand at the end of %q is %q, want %q", c.text, got, c.want)
		}
	}
}

func TestPlaceOf(t *testing.T) {
	for _, c := range []struct {
		text   string
		kind   placeKind
		header string
		stmt   string // the statement begun so far
		depth  int
	}{
		{"", inCode, "", "", 0},
		{"1 + ", inCode, "", "1 + ", 0},
		{"$x = 1; $x", inCode, "", " $x", 0},
		{"kprobe:", inHeader, "", "", 0},
		{"kprobe:vfs_", inHeader, "", "", 0},
		{"kprobe:f { ", inCode, "kprobe:f ", " ", 1},
		{"kprobe:f, kprobe:g { $x = 1; if ($x) { pr", inCode, "kprobe:f, kprobe:g ", " pr", 2},
		{"kprobe:f /args.x", inCode, "kprobe:f ", "args.x", 0},
		{"kprobe:f /pid == 1/ { x", inCode, "kprobe:f ", " x", 1},
		{"kprobe:f { } kprobe:g { y", inCode, " kprobe:g ", " y", 1},
		{"kprobe:f { } kpr", inHeader, "", "", 0},
		{"uprobe:/bin/sh:mai", inHeader, "", "", 0},
		{"uprobe:/bin/sh:main { ", inCode, "uprobe:/bin/sh:main ", " ", 1},
		{`printf("{; `, inText, "", "", 0},
		{`printf("{;", `, inCode, "", `printf("{;", `, 0},
		{"// x", inText, "", "", 0},
		{"/* {{ */ 1", inCode, "", "/* {{ */ 1", 0},
		{"kprobe:f { // it's {\n x", inCode, "kprobe:f ", " // it's {\n x", 1},
		{"}}}", inCode, "", "", -3},
		{"{ for ($i : 0..3) { $i", inCode, "", " $i", 2},
	} {
		p := placeOf(c.text)
		stmt := ""
		if p.kind == inCode {
			stmt = c.text[p.stmt:]
		}
		if p.kind == inHeader && p.header != "" {
			t.Errorf("%q: a header inside a header", c.text)
		}
		if p.kind != c.kind || p.kind == inCode && (p.header != c.header || stmt != c.stmt || p.depth != c.depth) {
			t.Errorf("%q is %+v with the statement %q, want kind %d, header %q, statement %q, depth %d", c.text, p, stmt, c.kind, c.header, c.stmt, c.depth)
		}
	}
}

func TestCompletions(t *testing.T) {
	r := started(t, "macro twice(x) { x + x }", "@reads[\"a\"] = 1", "@rest = 2", "$task = (struct task *)0", "$tup = (1, \"x\")",
		"struct mine { int alpha; int beta; };", "interval:s:1 { @n = 1; }")
	for _, c := range []struct{ line, want string }{ // want: the completed lines
		{"kpr", "kprobe:"},
		{"beg", "begin"},
		{"kprobe:vfs_", "kprobe:vfs_read kprobe:vfs_write"},
		{"k:vfs_r", "k:vfs_read"},
		{"kprobe:ext4_", "kprobe:ext4_read"},
		{"kprobe:ext4:", "kprobe:ext4:ext4_read"},
		{"tracepoint:sched:sched_s", "tracepoint:sched:sched_switch"},
		{"nothing:x", ""},
		{"kprobe:vfs_read, kprobe:vfs_w", "kprobe:vfs_read, kprobe:vfs_write"},
		{"kprobe:vfs_read { } interv", "kprobe:vfs_read { } interval:"},
		{"interval:m", "interval:ms:"},
		{"kprobe:vfs_read { args.", "kprobe:vfs_read { args.count kprobe:vfs_read { args.task"},
		{"kprobe:vfs_read { $x = args.c", "kprobe:vfs_read { $x = args.count"},
		{"kprobe:vfs_read /args.t", "kprobe:vfs_read /args.task"},
		{"kprobe:vfs_read { args.task->", "kprobe:vfs_read { args.task->parent kprobe:vfs_read { args.task->pid"},
		{"kprobe:vfs_read { if (1) { $t = args.task; $t->parent->pi", "kprobe:vfs_read { if (1) { $t = args.task; $t->parent->pid"},
		{"kprobe:vfs_read { printf(\"%d\", args.task->pi", "kprobe:vfs_read { printf(\"%d\", args.task->pid"},
		{"kprobe:vfs_read { nothing.", ""},
		{"$task->pa", "$task->parent"},
		{"((struct task *)0)->pa", "((struct task *)0)->parent"},
		{"$q = $task->parent; $q->p", "$q = $task->parent; $q->parent $q = $task->parent; $q->pid"},
		{"$tup.", "$tup.0 $tup.1"},
		{"1.", ""},
		{"for ($i : 0..ncp", "for ($i : 0..ncpus"},
		{"@re", "@reads @rest"},
		{"print(@res", "print(@rest"},
		{"kprobe:vfs_read { @new = 1; @ne", "kprobe:vfs_read { @new = 1; @new"},
		{"$ta", "$task"},
		{"kprobe:vfs_read { $other = 1; $", "kprobe:vfs_read { $other = 1; $other"},
		{"(struct tas", "(struct task (struct tasklet"},
		{"sizeof(struct min", "sizeof(struct mine"},
		{"print", "print( printf("},
		{"com", "comm"},
		{"twi", "twice("},
		{"unr", "unroll"},
		{"\"com", ""},
		{"import \"ne", "import \"net"},
		{":st", ":stop :struct"},
		{":stop ", ":stop 1 :stop all"},
		{":print @re", ":print @reads :print @rest"},
		{":help cou", ":help count"},
		{":type $task->pi", ":type $task->pid"},
		{":list x", ""},
		{"config = { max_strl", "config = { max_strlen = "},
		{"config = { max_strlen = 1; fgra", "config = { max_strlen = 1; fgraph = "},
		{"config = { fgraph = b", "config = { fgraph = bpf"},
		{"config = { fgraph = \"b", "config = { fgraph = \"bpf"},
		{"config = { max_strlen = 1", ""},
		{":set max_strl", ":set max_strlen="},
		{":set fgraph=f", ":set fgraph=ftrace"},
		{"import \"net\";", ""},
		{":struct tas", ":struct task :struct tasklet"},
		{"let @h = per", "let @h = percpuhash( let @h = percpulruhash("},
		{":nothing x", ""},
		{"  :wai", "  :wait"},
	} {
		at, list := r.completions(c.line)
		var got []string
		for _, l := range list {
			got = append(got, c.line[:at]+l)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q completes to %q, want %q", c.line, got, c.want)
		}
	}
	if n := len(r.tracer.(*fakeTracer).objects); n != 5 {
		t.Errorf("completion ran something: %d objects", n)
	}
}

func TestCompletionGoesOnOverLines(t *testing.T) {
	r := started(t)
	r.asking = "kprobe:vfs_read {\n  $t = args.task;"
	head, list, tail := r.complete("  $t->par tail", len("  $t->par"))
	if head != "  $t->" || !slices.Equal(list, []string{"parent"}) || tail != " tail" {
		t.Errorf("completed to %q %q %q", head, list, tail)
	}
	r.asking = "printf(\"%s\","
	if head, list, _ := r.complete("ä + com", 7); head != "ä + " || !slices.Equal(list, []string{"comm"}) {
		t.Errorf("behind wide characters completed to %q %q", head, list)
	}
}

func TestProgramTargets(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"one", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "on"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := started(t)
	if d := cmp.Diff([]string{dir + "/on/", dir + "/one:"}, r.programTargets("uprobe", dir+"/on")); d != "" {
		t.Errorf("paths (-want +got):\n%s", d)
	}
	r.names.list = func(pattern string, yield func(string) bool) error {
		if pattern != "uprobe:"+dir+"/one:ma*" {
			return errors.New(pattern)
		}
		yield("uprobe:" + dir + "/one:main")
		return nil
	}
	if d := cmp.Diff([]string{dir + "/one:main"}, r.programTargets("uprobe", dir+"/one:ma")); d != "" {
		t.Errorf("symbols (-want +got):\n%s", d)
	}
}

func TestListsThatCannotBeRead(t *testing.T) {
	n := newNames(func(string, func(string) bool) error { return errors.New("not permitted") })
	if got := n.starting(provider.KindOf("kprobe"), "v"); len(got) != 0 {
		t.Errorf("completed to %q", got)
	}
}

// No unfinished input makes completion fail.
func FuzzCompletions(f *testing.F) {
	for _, s := range []string{"kprobe:vfs_read /args.", "$x->", "((.", "@m[", ":stop ", "import \"", "a|b:c|", "/*", "\"\\", "}}}{", "x.y->", "1..", "struct ", "9}X."} {
		f.Add(s)
	}
	r := newRepl(testConfig(nil))
	f.Fuzz(func(t *testing.T, line string) {
		at, _ := r.completions(line)
		if at < 0 || at > len(line) {
			t.Errorf("%q is completed from %d", line, at)
		}
	})
}

// Options of attach points, and programs by their names alone.
func TestCompletionOfTargets(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"probe-test-a": 0o755, "probe-test-b": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":/nowhere")
	if got := inPath("probe-test"); !slices.Equal(got, []string{"probe-test-a:"}) {
		t.Errorf("PATH has %q", got)
	}
	kind := provider.KindOf("fgraph")
	for _, c := range []struct {
		text string
		at   int
		want []string
	}{
		{":", 1, []string{"args=", "depth=", "irqs=", "only=", "skip="}}, {":de", 1, []string{"depth="}}, {":depth=3:ar", 9, []string{"args="}},
		{":args=", 6, []string{"deep", "off", "on"}}, {":args=d", 6, []string{"deep"}}, {":depth=", 7, nil}, {":nothing=", -1, nil},
	} {
		if at, got := completeOption(kind, c.text); at != c.at || !slices.Equal(got, c.want) {
			t.Errorf("%q completes at %d to %q, want %d and %q", c.text, at, got, c.at, c.want)
		}
	}
	if at, _ := completeOption(provider.KindOf("kprobe"), ":x"); at >= 0 {
		t.Error("kprobe has options")
	}
}

// Macros of imported modules complete, and their parameters are shown.
func TestImportedMacros(t *testing.T) {
	r := started(t, `import "net";`)
	macros := r.macros()
	if len(macros) == 0 {
		t.Fatal("the module has no macros")
	}
	for name, m := range macros {
		if _, list := r.completions(name[:len(name)-1]); !slices.Contains(list, name+"(") {
			t.Errorf("%s does not complete: %q", name, list)
		}
		if got := r.signature(name + "("); got != macroHead(m) || !strings.HasPrefix(got, name+"(") {
			t.Errorf("%s( shows %q", name, got)
		}
		break
	}
	for text, want := range map[string]string{"hist(": "hist(n, [bits])", "hist(1, ": "hist(n, [bits])", "hist(max(1,": "max(n)", "hist(1)": "", `"hist(`: "", "(1,": ""} {
		if got := r.signature(text); got != want {
			t.Errorf("%q shows %q, want %q", text, got, want)
		}
	}
}

func TestExplains(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "1 + ": true, "f(": true, "kprobe:x { ": true, "args.": false, "$t->": false, "$t-> ": false, "@": false, "$": false,
		"kprobe:": false, "import \"": false, "(struct ": false, ":help ": false,
	} {
		if got := explains(text); got != want {
			t.Errorf("words behind %q are explained: %v", text, got)
		}
	}
}
