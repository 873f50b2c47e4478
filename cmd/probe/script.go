package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/runtime/engine"
	"probe/runtime/machine"
	"probe/runtime/machine/files"
	"probe/runtime/machine/live"
	"probe/runtime/machine/live/feature"
	"probe/runtime/trust"
	"probe/scripts"
)

// machine returns the machine against which the script of a command line is
// checked and on which it runs.
func (o *options) machine() machine.Machine {
	without := strings.Split(o.noFeature, ",")
	if o.anotherKernel() {
		opts := files.Options{BTF: btfFile(o), Traceable: o.traceable, Without: without}
		if o.kernel != "" {
			opts.Features, _ = feature.Tested(o.kernel) // setKernel has checked the name
			if !feature.LargeKeys(o.kernel) {
				opts.KeyLimit = machine.SmallKey
			}
		}
		return files.New(opts)
	}
	// permitted has reported a policy that cannot be used.
	rules, _ := thePolicy()
	return live.New(live.Options{BTF: btfFile(o), Traceable: o.traceable, DebugDirs: o.debugDirs, Without: without, Policy: rules, TypesOnly: o.command.typesOnly})
}

// anotherKernel reports whether the options describe another kernel, by files
// or by name, for a command that runs nothing.
func (o *options) anotherKernel() bool {
	return o.command.elsewhere && (o.traceable != "" || o.btfFile != "" || o.kernel != "")
}

// btfFile returns the file to read the kernel's types from, "" for those of the
// running kernel.
func btfFile(o *options) string {
	if o.btfFile != "" {
		return o.btfFile
	}
	return os.Getenv("BPFTRACE_BTF")
}

// script returns the script of a command line, with its parameters.
func (o *options) script(f *source.File, params []string) engine.Script {
	return engine.Script{Name: f.Name, Text: f.Text, Params: params, Named: o.named, Import: importer()}
}

// checkOptions returns the options with which the script of a command line is
// checked.
func (o *options) checkOptions() engine.CheckOptions {
	danger := hir.RefuseDanger
	switch {
	case o.compat:
		danger = hir.WarnDanger
	case o.force:
		danger = hir.AllowDanger
	}
	return engine.CheckOptions{PID: o.pid, UnwindPID: o.dwarfPID, Follow: !o.noFollow && !o.compat, Comm: o.comm, Unsafe: o.unsafe, Danger: danger, Exact: o.compat, Config: environment(),
		Includes: o.includes, HeaderDirs: o.headerDirs, Mode: o.mode, Filter: o.filter}
}

// readScript returns the script of a command line: that of -e, a file, standard
// input ("-"), or a bundled one. The remaining words are the script's
// parameters.
func readScript(o *options, std stdio) (f *source.File, params []string, err error) {
	if o.program != nil {
		return programText(o), o.words, nil
	}
	if len(o.words) == 0 {
		return nil, nil, errors.New("a script or -e 'PROGRAM' is required")
	}
	name, params := o.words[0], o.words[1:]
	f, err = openScript(name, std)
	return f, params, err
}

// programText returns the script of -e. Messages call it by the option, but
// bpftrace calls it stdin.
func programText(o *options) *source.File {
	if o.compat {
		return source.New("stdin", *o.program)
	}
	return source.New("-e", *o.program)
}

func openScript(name string, std stdio) (*source.File, error) {
	if name == "-" {
		text, err := engine.Read(std.in)
		if err != nil {
			return nil, fmt.Errorf("failed to read standard input: %w", err)
		}
		return source.New("stdin", text), nil
	}
	// A name without an ending is looked up among the bundled scripts first,
	// even if the current folder has a file of that name: the meaning of a
	// command must not depend on where it is run.
	if filepath.Ext(name) == "" {
		if text, ok := bundled(name); ok {
			return source.New(name, text), nil
		}
	}
	var err error
	if !strings.Contains(name, "/") {
		err = trust.File(name, trust.Process())
	}
	if trust.IsError(err) {
		return nil, fmt.Errorf("'%s' is not run, since others may change it: %w; './%s' runs it nevertheless", name, err, name)
	}
	text := ""
	if err == nil {
		text, err = engine.ReadFile(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		if text, ok := bundled(name); ok {
			return source.New(name, text), nil
		}
	}
	if err != nil {
		why := reasonOf(err)
		if std.compat {
			why = capitalised(why)
		}
		return nil, &scriptError{name: name, err: why}
	}
	return source.New(name, text), nil
}

// scriptError is returned for a script that cannot be read.
type scriptError struct {
	name string // as the command line has it
	err  error
}

func (e *scriptError) Error() string {
	return fmt.Sprintf("failed to open file '%s': %v", e.name, e.err)
}

func (e *scriptError) Unwrap() error { return e.err }

// unreadable says why readScript has failed. A name that no file has may be meant
// for a script that comes with probe.
func unreadable(err error) *diag.Diagnostic {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()}
	var e *scriptError
	if !errors.As(err, &e) || !errors.Is(err, fs.ErrNotExist) || strings.ContainsRune(e.name, '/') {
		return d
	}
	if near, ok := diag.Nearest(strings.TrimSuffix(e.name, filepath.Ext(e.name)), bundledNames()); ok {
		return d.WithHelp("a script with a similar name comes with probe: `probe run %s`", near)
	}
	return d.WithHelp("`probe ls scripts` lists the scripts that come with probe")
}

// reasonOf returns the reason in an *fs.PathError, since the message already
// names the path.
func reasonOf(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// bundled returns the text of a bundled script, named with or without its
// ending.
func bundled(name string) (string, bool) {
	if strings.ContainsAny(name, "/\\") {
		return "", false
	}
	b, err := scripts.FS.ReadFile(strings.TrimSuffix(name, ".pr") + ".pr")
	return string(b), err == nil
}

func bundledNames() []string {
	names, _ := fs.Glob(scripts.FS, "*.pr")
	for i, n := range names {
		names[i] = strings.TrimSuffix(n, ".pr")
	}
	return names
}

func scriptExists(name string) bool {
	if _, ok := bundled(name); ok {
		return true
	}
	st, err := os.Stat(name)
	return err == nil && !st.IsDir()
}

// show prints messages on standard error: errors, and warnings unless
// --no-warnings was given.
func (o *options) show(std stdio, list diag.List) {
	if o.noWarnings {
		list.All = slices.DeleteFunc(slices.Clone(list.All), func(d *diag.Diagnostic) bool { return d.Severity == diag.Warning })
	}
	if len(list.All) == 0 {
		return
	}
	list.Sort()
	switch {
	case o.compat:
		o.showCompat(std, &list)
	case o.format == "json" && o.command.jsonMessages:
		_ = diag.RenderJSON(std.out, &list)
	default:
		_ = diag.Render(std.err, &list, diag.Options{Color: colored(std.err)})
	}
}

// status returns the exit code for messages that stopped the pipeline.
func status(list diag.List) int {
	for _, d := range list.All {
		if d.Severity == diag.Error && d.Code == "internal" {
			return exitInternal
		}
	}
	return exitUsage
}

// environment returns the configuration from the environment (C-00).
func environment() map[string]string {
	var out map[string]string
	for _, kv := range os.Environ() {
		rest, ok := strings.CutPrefix(kv, "BPFTRACE_")
		if !ok {
			continue
		}
		name, value, _ := strings.Cut(rest, "=")
		if out == nil {
			out = map[string]string{}
		}
		out[strings.ToLower(name)] = value
	}
	return out
}
