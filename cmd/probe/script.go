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
	"probe/lang/source"
	"probe/runtime/engine"
	"probe/runtime/machine"
	"probe/runtime/machine/files"
	"probe/runtime/machine/live"
	"probe/runtime/machine/live/feature"
	"probe/runtime/trust"
	"probe/scripts"
)

// machine returns what the script of a command line is checked against and runs
// on.
func (o *options) machine() machine.Machine {
	without := strings.Split(o.noFeature, ",")
	if o.anotherKernel() {
		opts := files.Options{BTF: btfFile(o), Traceable: o.traceable, Without: without}
		if o.kernel != "" {
			opts.Features, _ = feature.Tested(o.kernel) // setKernel has looked
			if !feature.LargeKeys(o.kernel) {
				opts.KeyLimit = machine.SmallKey
			}
		}
		return files.New(opts)
	}
	return live.New(live.Options{BTF: btfFile(o), Traceable: o.traceable, Without: without})
}

// anotherKernel reports whether a command that runs nothing is to answer for a
// kernel that is described by files.
func (o *options) anotherKernel() bool {
	return o.command.elsewhere && (o.traceable != "" || o.btfFile != "" || o.kernel != "")
}

// btfFile returns the file to read the kernel's types from, "" for its own.
func btfFile(o *options) string {
	if o.btfFile != "" {
		return o.btfFile
	}
	return os.Getenv("BPFTRACE_BTF")
}

// script returns the script of a command line, with its parameters.
func (o *options) script(f *source.File, params []string) engine.Script {
	return engine.Script{Name: f.Name, Text: f.Text, Params: params, Named: o.named}
}

// checkOptions returns what the script of a command line is checked for.
func (o *options) checkOptions() engine.CheckOptions {
	return engine.CheckOptions{PID: o.pid, Comm: o.comm, Unsafe: o.unsafe, Config: environment(),
		Includes: o.includes, HeaderDirs: o.headerDirs}
}

// readScript finds the script of a command line: -e, a file, "-", or one that
// comes with probe. The remaining words are the script's parameters.
func readScript(o *options, std stdio) (f *source.File, params []string, err error) {
	if o.program != nil {
		return source.New("stdin", *o.program), o.words, nil
	}
	if len(o.words) == 0 {
		return nil, nil, errors.New("a script or -e 'PROGRAM' is required")
	}
	name, params := o.words[0], o.words[1:]
	f, err = openScript(name, std)
	return f, params, err
}

func openScript(name string, std stdio) (*source.File, error) {
	if name == "-" {
		text, err := engine.Read(std.in)
		if err != nil {
			return nil, fmt.Errorf("failed to read standard input: %w", err)
		}
		return source.New("stdin", text), nil
	}
	// A name alone means the script that comes with probe, whatever lies in the
	// folder that the command happens to be given in.
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
		return nil, fmt.Errorf("failed to open file '%s': %w", name, reasonOf(err))
	}
	return source.New(name, text), nil
}

// reasonOf returns an error without the path that it repeats.
func reasonOf(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// bundled returns the text of a script that comes with probe, named with or
// without its ending.
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

// show prints messages: errors on standard error, warnings too, unless they
// are not wanted.
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
