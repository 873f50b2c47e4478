package check_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/lang/check"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
)

// TestConfig checks the config block (L-CFG, 6.1).
func TestConfig(t *testing.T) {
	for _, tc := range []struct {
		row, block string
		env        map[string]string
		want       map[string]string // nil: refused
		code       diag.Code         // expected message, "" for none
	}{
		{"L-CFG-01", "", nil, map[string]string{}, ""},
		{"L-CFG-02", `stack_mode = perf; missing_probes = "warn"`, nil, map[string]string{"stack_mode": "perf", "missing_probes": "warn"}, ""},
		{"L-CFG-02", "BPFTRACE_MAX_STRLEN = 64", nil, map[string]string{"max_strlen": "64"}, ""},
		{"L-CFG-02", "Max_StrLen = 64;", nil, map[string]string{"max_strlen": "64"}, ""},
		{"L-CFG-03", "max_strlen = 64", map[string]string{"max_strlen": "128"}, map[string]string{"max_strlen": "128"}, ""},
		{"C-00", "print_maps_on_exit = off", nil, map[string]string{"print_maps_on_exit": "false"}, ""},
		{"C-00", "print_maps_on_exit = 0", nil, map[string]string{"print_maps_on_exit": "false"}, ""},
		{"C-00", "print_maps_on_exit = yes", nil, map[string]string{}, ""},
		{"C-CACHEUSYM", "cache_user_symbols = per_pid", nil, map[string]string{"cache_user_symbols": "PER_PID"}, ""},
		{"C-LICENSE", `license = "GPL v2"`, nil, map[string]string{"license": "GPL v2"}, ""},
		{"C-UNSTABLE", "unstable_typeinfo = true", nil, map[string]string{"unstable_typeinfo": "enable"}, ""},
		{"C-TRUNC", `str_trunc_trailer = ""`, nil, map[string]string{"str_trunc_trailer": ""}, ""},
		{"X-CALL", "attach = kprobe", nil, map[string]string{"attach": "kprobe"}, ""},
		{"L-CFG-05", "strlen = 64", nil, map[string]string{"max_strlen": "64"}, "renamed-config"},
		{"L-CFG-05", "no_cpp_demangle = true", nil, map[string]string{"cpp_demangle": "false"}, "renamed-config"},
		{"L-CFG-06", "unstable_macro = true", nil, map[string]string{}, "dead-config"},
		{"L-CFG-04", "nonsense = 1", nil, nil, "bad-config"},
		{"L-CFG-04", "btf = x", nil, nil, "bad-config"},
		{"L-CFG-04", "stack_mode = fast", nil, nil, "bad-config"},
		{"L-CFG-04", "max_strlen = many", nil, nil, "bad-config"},
		{"C-00", "print_maps_on_exit = maybe", nil, nil, "bad-config"},
		{"C-00", "", map[string]string{"max_strlen": "x"}, nil, "bad-config"},
		{"C-00", "", map[string]string{"strlen": "64"}, map[string]string{}, "unknown-environment"},
	} {
		in, ds := newInput(t, "config = { "+tc.block+" } begin { }")
		if ds.HasErrors() {
			t.Fatalf("%s: %s", tc.block, render(ds))
		}
		in.Config = tc.env
		p, _, ds := check.Check(in)
		if (p == nil) != (tc.want == nil) {
			t.Errorf("%s: %s:\n%s", tc.row, tc.block, render(ds))
			continue
		}
		if tc.code != "" && find(ds, tc.code) == nil || tc.code == "" && len(ds.All) > 0 {
			t.Errorf("%s: %s: want %q, got:\n%s", tc.row, tc.block, tc.code, render(ds))
		}
		if p != nil {
			if d := cmp.Diff(tc.want, p.Config); d != "" {
				t.Errorf("%s: %s (-want +got):\n%s", tc.row, tc.block, d)
			}
		}
	}
}

// TestParams checks positional parameters (1.12).
func TestParams(t *testing.T) {
	for _, tc := range []struct {
		row, body string
		params    []string
		want      string
		warning   diag.Code
	}{
		{"L-PARM-02", "print($1);", []string{"7"}, "print(7: int8)", ""},
		{"L-PARM-02", "print($1);", []string{"-7"}, "print(-7: int8)", ""},
		{"L-PARM-02", "print($1);", []string{"0x10"}, "print(16: int8)", ""},
		{"L-PARM-02", "print($1);", []string{"hi"}, `print("hi": string[3])`, ""},
		{"L-PARM-03", "print($2);", []string{"hi"}, "print(0: int8)", "missing-parameter"},
		{"L-PARM-03", "print(str($2));", []string{"hi"}, `print("": string[1])`, ""},
		{"L-PARM-04", "print(str($1));", []string{"7"}, `print("7": string[2])`, ""},
		{"L-PARM-05", "print(str($1 + 2));", []string{"hello"}, `print("llo": string[4])`, ""},
		{"L-PARM-05", "print(str($1 + 9));", []string{"hello"}, `print("": string[1])`, "empty-literal"},
		{"L-PARM-06", "print($#);", []string{"a", "b"}, "print(2: int8)", ""},
		{"G-03", "@ = hist(1, $1);", []string{"3"}, "hist(1", ""},
		{"G-03", "@ = lhist(1, 0, 10 * $1, $1);", []string{"2"}, "lhist(1", ""},
		{"L-MAC-13", "print(f($1));", []string{"abc"}, `print("abc"`, ""},
	} {
		in, ds := newInput(t, "macro f(e) { str(e) } begin { "+tc.body+" }")
		if ds.HasErrors() {
			t.Fatal(render(ds))
		}
		in.Params = tc.params
		p, _, ds := check.Check(in)
		if p == nil {
			t.Errorf("%s: %s: %s", tc.row, tc.body, render(ds))
			continue
		}
		var sb strings.Builder
		p.Dump(&sb)
		if !strings.Contains(sb.String(), tc.want) {
			t.Errorf("%s: %s: %q not in:\n%s", tc.row, tc.body, tc.want, sb.String())
		}
		if tc.warning != "" && find(ds, tc.warning) == nil || tc.warning == "" && len(ds.All) > 0 {
			t.Errorf("%s: %s: want warning %q, got:\n%s", tc.row, tc.body, tc.warning, render(ds))
		}
	}
}

// TestAttach checks what providers are asked (L-AP, L-PARM-07, X-CALL).
func TestAttach(t *testing.T) {
	for _, tc := range []struct {
		row, script string
		params      []string
		want        string // names of the sites
		raw         string // of the last question, "" to skip
		uses        hir.Uses
	}{
		{"L-AP-01", "kprobe:f, kprobe:g { }", nil, "kprobe:f kprobe:g", "", hir.Uses{}},
		{"L-AP-04", "mine=kprobe:f { print(probe); }", nil, "mine", "", hir.Uses{Probe: true}},
		{"L-AP-06", "kprobe:vfs_* { print(arg0); }", nil, "kprobe:vfs_read kprobe:vfs_write", "", hir.Uses{ArgN: true}},
		{"L-PARM-07", "kprobe:$1 { }", []string{"vfs_open"}, "kprobe:vfs_open", "kprobe:vfs_open", hir.Uses{}},
		{"L-PARM-07", "$1 { }", []string{"kprobe:vfs_open"}, "kprobe:vfs_open", "", hir.Uses{}},
		{"L-PARM-07", "k$1:f { }", []string{"probe"}, "kprobe:f", "", hir.Uses{}},
		{"L-PARM-07", `uprobe:"/bin/$1":f { }`, []string{"x"}, "uprobe:/bin/$1:f", "", hir.Uses{}},
		{"X-CALL", "ret:missing|sk_lookup { print(retval); }", nil, "ret:sk_lookup", "", hir.Uses{Retval: true}},
		{"X-LIB", "probe route.lookup = ret:missing | ret:sk_lookup; route.lookup { print(duration); }", nil, "ret:sk_lookup", "", hir.Uses{Duration: true}},
		{"uses", "macro m() { kstack } fentry:f { @[m()] = count(); print(args.size); print(func); }", nil, "fentry:f", "", hir.Uses{Stack: true, Args: true, Func: true}},
		{"uses", "#define S reg(\"sp\")\nkprobe:f { print(S); }", nil, "kprobe:f", "", hir.Uses{Reg: true}},
	} {
		t.Run(tc.row+" "+tc.script, func(t *testing.T) {
			in, ds := newInput(t, tc.script)
			if ds.HasErrors() {
				t.Fatal(render(ds))
			}
			in.Params = tc.params
			p, _, ds := check.Check(in)
			if p == nil {
				t.Fatal(render(ds))
			}
			var names []string
			for _, pr := range p.Probes {
				names = append(names, pr.Site.Name)
			}
			if got := strings.Join(names, " "); got != tc.want {
				t.Errorf("sites %q, want %q", got, tc.want)
			}
			req := in.Probes.(*fakeProbes).last
			if d := cmp.Diff(tc.uses, req.Uses); d != "" {
				t.Errorf("uses (-want +got):\n%s", d)
			}
			if tc.raw != "" && req.Raw != tc.raw {
				t.Errorf("raw %q, want %q", req.Raw, tc.raw)
			}
		})
	}
}

// TestImport checks merged files (1.9).
func TestImport(t *testing.T) {
	files := map[string]string{
		"lib":  `struct pair { int a; int b; }; import "deep"; macro three() { 3 } begin { print(1); }`,
		"deep": `begin { print(0); }`,
		"conf": `config = { max_strlen = 64 } begin { }`,
		"bad":  `begin { print( }`,
		"defs": "#define LIMIT 5\nstruct hdr { int a; char b[4]; };\nint f(int x);\n",
	}
	imports := func(from *source.File, path string) (*source.File, error) {
		text, ok := files[path]
		if !ok {
			return nil, errors.New("no such file")
		}
		if path == "defs" {
			return source.New("defs.h", text), nil
		}
		return source.New(path, text), nil
	}
	for _, tc := range []struct {
		row, script string
		code        diag.Code
		want        string
	}{
		{"L-IMP-03", `import "lib"; begin { print(three()); print(sizeof(struct pair)); }`, "", "print(8: int8)"},
		{"L-IMP-07", `import "lib"; begin { print(2); }`, "", "print(0: int8): void\n}\nprobe begin {\n  eval print(1: int8): void\n}\nprobe begin {\n  eval print(2: int8)"},
		{"L-IMP-04", `import "deep"; import "lib"; begin { }`, "", "probe begin {\n  eval print(0: int8): void\n}\nprobe begin {\n  eval print(1: int8)"},
		{"L-IMP-03 header", `import "defs"; begin { print(LIMIT); print(sizeof(struct hdr)); }`, "", "print(5: int8): void\n  eval print(8: int8)"},
		{"L-IMP-02", `import "none"; begin { }`, "bad-import", ""},
		{"L-IMP-05", `import "conf"; begin { }`, "bad-import", ""},
		{"broken", `import "bad"; begin { }`, "expected-token", ""},
	} {
		in, ds := newInput(t, tc.script)
		if ds.HasErrors() {
			t.Fatal(render(ds))
		}
		in.Import = imports
		p, _, ds := check.Check(in)
		switch {
		case tc.code != "":
			if p != nil || find(ds, tc.code) == nil && !ds.HasErrors() {
				t.Errorf("%s: no %s in:\n%s", tc.row, tc.code, render(ds))
			}
		case p == nil:
			t.Errorf("%s: %s", tc.row, render(ds))
		default:
			var sb strings.Builder
			p.Dump(&sb)
			if !strings.Contains(sb.String(), tc.want) {
				t.Errorf("%s: %q not in:\n%s", tc.row, tc.want, sb.String())
			}
		}
	}
}

// TestOptions checks getopt (F-GETOPT, L-PARM-11).
func TestOptions(t *testing.T) {
	script := `begin { print(getopt("n", 3, "how many")); print(getopt("s", "abc")); print(getopt("v")); print(getopt("i", -1)); }`
	for _, tc := range []struct {
		options map[string]string
		want    string
		bad     string
	}{
		{nil, `3: uint64|"abc": string[4]|(bool)(false: bool)|-1: int64`, ""},
		{map[string]string{"n": "9", "s": "x", "v": "", "i": "5"}, `9: uint64|"x": string[2]|(bool)(true: bool)|5: int64`, ""},
		{map[string]string{"v": "off"}, "(bool)(false: bool)", ""},
		{map[string]string{"n": "x"}, "", "--n invalid integer (value: x)"},
		{map[string]string{"n": "-1"}, `18446744073709551615: uint64|"abc": string[4]|(bool)(false: bool)|-1: int64`, ""},
		{map[string]string{"i": "9223372036854775808"}, "", "--i value is out of range"},
		{map[string]string{"n": ""}, "", "--n expects an integer"},
		{map[string]string{"v": "maybe"}, "", "--v expects a boolean"},
	} {
		in, _ := newInput(t, script)
		in.Env = &fakeEnv{options: tc.options}
		p, _, ds := check.Check(in)
		if tc.bad != "" {
			if d := find(ds, "bad-option"); d == nil || !strings.Contains(d.Message, tc.bad) {
				t.Errorf("%v: want %q, got:\n%s", tc.options, tc.bad, render(ds))
			}
			continue
		}
		if p == nil {
			t.Errorf("%v: %s", tc.options, render(ds))
			continue
		}
		var sb strings.Builder
		p.Dump(&sb)
		for _, w := range strings.Split(tc.want, "|") {
			if !strings.Contains(sb.String(), w) {
				t.Errorf("%v: %q not in:\n%s", tc.options, w, sb.String())
			}
		}
		var names []string
		for _, o := range p.Options {
			names = append(names, o.Name+"="+o.Default+":"+o.Doc)
		}
		if got, want := strings.Join(names, " "), "i=-1: n=3:how many s=abc: v=false:"; got != want {
			t.Errorf("options %q, want %q", got, want)
		}
	}
}

// TestLiveMaps checks clauses that use maps which run already (REPL).
func TestLiveMaps(t *testing.T) {
	live := []*hir.Map{
		{Name: "m", Key: types.StringType(16), Value: types.Int64, Entries: 77},
		{Name: "c", Value: &types.Type{Kind: types.Count, Size: 8}, Entries: 1},
		{Name: "unused", Value: types.Int64, Entries: 1},
	}
	for _, tc := range []struct {
		script string
		code   diag.Code
	}{
		{`begin { @m["abc"] = 5; print(@m[comm]); @c = count(); }`, ""},
		{`begin { print(@m); clear(@m); for ($kv : @m) { print($kv); } }`, ""},
		{`begin { @m["abc"] = comm; }`, "type-mismatch"},
		{`begin { @m[5] = 1; }`, "key-mismatch"},
		{`begin { @m["much longer than sixteen"] = 1; }`, "key-mismatch"},
		{`begin { @m = 1; }`, "map-key"},
		{`begin { @c = 5; }`, "type-mismatch"},
	} {
		in, _ := newInput(t, tc.script)
		in.Maps = live
		p, _, ds := check.Check(in)
		if tc.code != "" {
			if p != nil || find(ds, tc.code) == nil {
				t.Errorf("%s: no %s in:\n%s", tc.script, tc.code, render(ds))
			}
			continue
		}
		if p == nil {
			t.Errorf("%s: %s", tc.script, render(ds))
			continue
		}
		for _, m := range p.Maps {
			if m.Name == "unused" || m.Name == "m" && (m.Entries != 77 || m.Key.String() != "string[16]") {
				t.Errorf("%s: map %+v", tc.script, m)
			}
		}
	}
}

// TestMapDecl checks declared maps and defaults (1.8).
func TestMapDecl(t *testing.T) {
	p, ds := run(t, `config = { max_map_keys = 99 }
		let @seen = lruhash(1024);
		begin { @seen[1] = 2; @n = 1; @k[1] = 2; @h = hist(3); @c = count(); }`)
	if p == nil {
		t.Fatal(render(ds))
	}
	want := map[string]int{"seen": 1024, "n": 1, "k": 99, "h": 99, "c": 1}
	for i, m := range p.Maps {
		if m.Entries != want[m.Name] || m.Index != i || (m.Kind == "lruhash") != (m.Name == "seen") {
			t.Errorf("map %s: entries %d kind %q index %d", m.Name, m.Entries, m.Kind, m.Index)
		}
	}
}
