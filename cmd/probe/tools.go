package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/machine/live/provider"
	"probe/stdlib"
)

var checkCommand = &command{
	name: "check", usage: "[options] SCRIPT | -e 'PROGRAM' [params]", max: -1,
	summary: "check a script without running it; needs no privileges",
	flags: func(o *options) []flag {
		return append(scriptFlags(o), flag{long: "format", short: 'f', arg: "text|json", help: "format of the messages", set: setString(&o.format)})
	},
	run: func(o *options, std stdio) int {
		if o.format != "" && o.format != "text" && o.format != "json" {
			fail(std, usageError(o.command, fmt.Errorf("invalid output format %q: text or json", o.format)))
			return exitUsage
		}
		p, list, ok := frontEnd(o, std)
		if p == nil {
			return exitUsage
		}
		p.show(list)
		if !ok {
			return status(list)
		}
		return exitOK
	},
}

// frontEnd parses and checks the script of a command line.
func frontEnd(o *options, std stdio) (*pipeline, diag.List, bool) {
	f, params, err := readScript(o, std)
	if err != nil {
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
		return nil, diag.List{}, false
	}
	p := newPipeline(o, std)
	p.kernel.Warm(f.Text)
	p.probes.Warm(f.Text)
	list, ok := p.parse(f)
	if ok {
		var more diag.List
		more, ok = p.check(params)
		list.All = append(list.All, more.All...)
	}
	return p, list, ok
}

var fmtCommand = &command{
	name: "fmt", usage: "[-w] [SCRIPT …]", max: -1, summary: "print scripts in their canonical form",
	flags: func(o *options) []flag {
		return []flag{
			{long: "write", short: 'w', help: "write the result to the file", set: setBool(&o.write)},
			{long: "", short: 'e', arg: "'PROGRAM'", help: "take the script from the command line", set: setProgram(&o.program)},
		}
	},
	run: formatScripts,
}

func formatScripts(o *options, std stdio) int {
	if o.program == nil && len(o.words) == 0 {
		o.words = []string{"-"}
	}
	var files []*source.File
	if o.program != nil {
		files = append(files, source.New("stdin", *o.program))
	}
	for _, name := range o.words {
		f, err := openScript(name, std)
		if err != nil {
			fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
			return exitUsage
		}
		files = append(files, f)
	}
	code := exitOK
	for _, f := range files {
		tree, list := syntax.Parse(f)
		if list.HasErrors() {
			list.Sort()
			_ = diag.Render(std.err, &list, diag.Options{Color: colored(std.err)})
			code = exitUsage
			continue
		}
		text := syntax.Format(tree)
		if !o.write || f.Name == "stdin" {
			fmt.Fprint(std.out, text)
			continue
		}
		if text == f.Text {
			continue
		}
		if err := replaceFile(f.Name, text); err != nil {
			fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: err.Error()})
			code = exitUsage
		}
	}
	return code
}

// replaceFile writes a file in one step, with the permissions it had.
func replaceFile(name, text string) error {
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".probe-fmt-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(text)
	if err == nil {
		err = tmp.Chmod(st.Mode().Perm())
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

// stages are what dump can show, in the order of the compiler.
var stages = []string{"ast", "types", "hir", "ir-lowered", "ir", "bpf"}

var dumpCommand = &command{
	name: "dump", usage: "[--stage " + strings.Join(stages, "|") + "] SCRIPT | -e 'PROGRAM' [params]", max: -1,
	summary: "show a stage of the compiler as text",
	flags: func(o *options) []flag {
		return append(scriptFlags(o), flag{long: "stage", short: 's', arg: "STAGE", help: strings.Join(stages, ", ") + " (default bpf)", set: func(v string) error {
			if !slices.Contains(stages, v) {
				return fmt.Errorf("unknown stage %q: the stages are %s", v, strings.Join(stages, ", "))
			}
			o.stage = v
			return nil
		}})
	},
	run: dumpStage,
}

func dumpStage(o *options, std stdio) int {
	if o.stage == "" {
		o.stage = "bpf"
	}
	if o.stage == "ast" {
		f, _, err := readScript(o, std)
		if err != nil {
			fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
			return exitUsage
		}
		p := newPipeline(o, std)
		list, ok := p.parse(f)
		p.show(list)
		if !ok {
			return status(list)
		}
		fmt.Fprint(std.out, syntax.Dump(p.tree))
		return exitOK
	}
	p, list, ok := frontEnd(o, std)
	if p == nil {
		return exitUsage
	}
	p.show(list)
	if !ok {
		return status(list)
	}
	switch o.stage {
	case "types":
		dumpTypes(p.prog, std)
		return exitOK
	case "hir":
		p.prog.Dump(std.out)
		return exitOK
	}
	obj, more := p.compile(func(stage, program, text string) {
		if stage == o.stage {
			fmt.Fprintf(std.out, "; %s\n%s\n", program, strings.TrimRight(text, "\n"))
		}
	})
	p.show(more)
	if obj == nil {
		return status(more)
	}
	return exitOK
}

// dumpTypes lists what the checker found out: the types of maps, variables,
// arguments and results.
func dumpTypes(p *hir.Program, std stdio) {
	for _, m := range p.Maps {
		key := ""
		if m.Key != nil {
			key = "[" + m.Key.String() + "]"
		}
		fmt.Fprintf(std.out, "@%s%s: %s\n", m.Name, key, m.Value)
	}
	for _, b := range p.Probes {
		fmt.Fprintf(std.out, "%s\n", b.Site.Name)
		for _, a := range b.Site.Args {
			fmt.Fprintf(std.out, "  args.%s: %s\n", a.Name, a.Type)
		}
		if b.Site.Ret != nil {
			fmt.Fprintf(std.out, "  retval: %s\n", b.Site.Ret.Type)
		}
		for _, v := range b.Vars {
			if v.Name != "" {
				fmt.Fprintf(std.out, "  $%s: %s\n", v.Name, v.Type)
			}
		}
	}
}

var lsCommand = &command{
	name: "ls", usage: "[-v] [PATTERN]", max: 1,
	summary: "list probes: all of the kernel, or those that match TYPE:PATTERN",
	flags: func(o *options) []flag {
		return []flag{
			{long: "verbose", short: 'v', help: "with parameters and results", set: setBool(&o.verbose)},
			{long: "btf", arg: "FILE", help: "read the kernel's types from a file with raw BTF", set: setString(&o.btfFile)},
			{long: "traceable-functions", arg: "FILE", help: "list of functions that can be traced, in place of the kernel's", set: setString(&o.traceable)},
		}
	},
	run: func(o *options, std stdio) int {
		pattern := ""
		if len(o.words) > 0 {
			pattern = o.words[0]
		}
		return listProbes(o, std, []string{pattern})
	},
}

func listProbes(o *options, std stdio, patterns []string) int {
	p := newPipeline(o, std)
	w := newWriter(std.out)
	defer w.Flush()
	for _, pattern := range patterns {
		found := false
		err := p.probes.List(pattern, func(l provider.Listed) bool {
			found = true
			fmt.Fprintln(w, l.Name)
			if o.verbose && l.Params != nil {
				params, err := l.Params()
				if err != nil {
					return true
				}
				for _, line := range params {
					fmt.Fprintf(w, "    %s\n", line)
				}
			}
			return w.Buffered() >= 0
		})
		if err != nil {
			w.Flush()
			d := &diag.Diagnostic{Severity: diag.Error, Code: "no-list", Message: err.Error()}
			if found {
				d.Severity = diag.Warning
			}
			fail(std, d)
			if !found {
				return exitUsage
			}
		}
	}
	return exitOK
}

var explainCommand = &command{
	name: "explain", usage: "CODE", min: 0, max: 1, summary: "explain the code of a message",
	run: func(o *options, std stdio) int {
		if len(o.words) == 0 {
			for _, e := range diag.Codes() {
				fmt.Fprintf(std.out, "%-24s %s\n", e.Code, e.Cause)
			}
			return exitOK
		}
		text, ok := diag.Explain(o.words[0])
		if !ok {
			fmt.Fprint(std.err, text)
			return exitUsage
		}
		fmt.Fprint(std.out, text)
		return exitOK
	},
}

// version is set by the build.
var version = "0.1"

var versionCommand = &command{
	name: "version", summary: "show the version",
	run: func(_ *options, std stdio) int {
		rev := ""
		if info, ok := debug.ReadBuildInfo(); ok {
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" {
					rev = " " + s.Value[:min(len(s.Value), 12)]
				}
			}
		}
		fmt.Fprintf(std.out, "probe %s%s (%s, %s/%s)\n", version, rev, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return exitOK
	},
}

var helpCommand = &command{
	name: "help", usage: "[NAME]", max: 1, summary: "explain a function, a builtin value, a kind of probe or a module",
	run: func(o *options, std stdio) int {
		if len(o.words) == 0 {
			usage(std.out)
			return exitOK
		}
		return helpName(o.words[0], std)
	},
}

func helpName(name string, std stdio) int {
	for _, c := range commands {
		if c.name == name {
			o := &options{command: c}
			var flags []flag
			if c.flags != nil {
				flags = c.flags(o)
			}
			c.help(std.out, flags)
			return exitOK
		}
	}
	var names []string
	if f, ok := stdlib.Table()[name]; ok {
		s := f.Sig
		use := s.Usage
		if use == "" {
			use = s.Name
		}
		fmt.Fprintf(std.out, "%s\n\n%s\n", use, s.Doc)
		return exitOK
	}
	for n := range stdlib.Table() {
		names = append(names, n)
	}
	for _, k := range provider.Kinds() {
		if k.Name == name || slices.Contains(k.Aliases, name) {
			fmt.Fprintf(std.out, "%s\n\n%s\n", k.Usage, k.Doc)
			return exitOK
		}
		names = append(names, k.Name)
	}
	if helpLibrary(name, &names, std) {
		return exitOK
	}
	d := &diag.Diagnostic{Severity: diag.Error, Code: "unknown-name", Message: fmt.Sprintf("nothing is named %s", name)}
	slices.Sort(names)
	if near := diag.NearestN(name, names, 3); len(near) > 0 {
		d.WithHelp("similar names exist: %s", strings.Join(near, ", "))
	}
	fail(std, d)
	return exitUsage
}

// helpLibrary looks a name up in the modules written in the language: the
// comment above a definition is its reference text.
func helpLibrary(name string, names *[]string, std stdio) bool {
	for _, m := range stdlib.Modules() {
		text, _ := stdlib.Module(m)
		tree, _ := syntax.Parse(source.New(m, text))
		if m == name {
			fmt.Fprintf(std.out, "import \"%s\"\n\n", m)
		}
		for _, it := range tree.Items {
			def, doc := "", ""
			switch it := it.(type) {
			case *syntax.Macro:
				def, doc = it.Name, it.Doc
			case *syntax.NamedProbe:
				def, doc = it.Name, it.Doc
			default:
				continue
			}
			*names = append(*names, def)
			switch {
			case m == name:
				fmt.Fprintf(std.out, "  %-24s %s\n", def, firstLine(doc))
			case def == name:
				fmt.Fprintf(std.out, "%s, from import \"%s\"\n\n%s\n", def, m, strings.TrimSpace(doc))
				return true
			}
		}
		if m == name {
			return true
		}
		*names = append(*names, m)
	}
	return false
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
