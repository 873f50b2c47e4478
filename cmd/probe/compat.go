package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"probe/lang/diag"
)

// compatVersion is the bpftrace release whose command line is spoken.
const compatVersion = "v0.27.0"

// compatFlags is bpftrace's command line, as far as it means something here
// (section 6.3).
func compatFlags(o *options) []flag {
	flags := runFlags(o)
	for i := range flags {
		if flags[i].long == "comm" || flags[i].long == "for" || flags[i].long == "max-events" || flags[i].long == "strict" || flags[i].long == "btf" || flags[i].long == "kernel-symbols" {
			flags[i].long = "" // not bpftrace's
			flags[i].short = 0
		}
	}
	kept := flags[:0]
	for _, f := range flags {
		if f.long != "" || f.short != 0 {
			kept = append(kept, f)
		}
	}
	return append(kept,
		flag{long: "list", short: 'l', help: "list probes, or those of a script", set: setBool(&o.list)},
		flag{long: "version", short: 'V', help: "show the version", set: func(string) error { o.stage = "version"; return nil }},
		flag{long: "fmt", help: "print the script reformatted", set: setBool(&o.compatFmt)},
		flag{long: "debug", short: 'd', arg: "STAGES", help: "dump stages: ast, types, codegen", set: setString(&o.debug)},
		flag{long: "btf", short: 'b', help: "ignored", set: func(string) error { return nil }},
		flag{long: "usdt-file-activation", help: "ignored", set: func(string) error { return nil }},
	)
}

// compatMain speaks bpftrace's command line.
func compatMain(words []string, std stdio) int {
	o := &options{command: runCommand, compat: true}
	help := false
	flags := append(compatFlags(o), flag{long: "help", short: 'h', help: "show this text", set: func(string) error { help = true; return nil }})
	err := parseFlags(flags, words, o)
	switch {
	case help:
		compatUsage(std.out, flags)
		return exitOK
	case err == nil && o.stage == "version":
		fmt.Fprintln(std.out, "bpftrace "+compatVersion)
		return exitOK
	case err != nil:
		fmt.Fprintf(std.err, "ERROR: %v\n", err)
		compatUsage(std.err, flags)
		return exitUsage
	case o.list:
		return compatList(o, std)
	case o.program == nil && len(o.words) == 0:
		fmt.Fprintln(std.err, "ERROR: filename or -e 'program' required.")
		compatUsage(std.err, flags)
		return exitUsage
	case o.compatFmt:
		return formatScripts(o, std)
	case o.debug != "":
		return compatDebug(o, std)
	}
	if err := o.conflicts(); err != nil {
		text := err.Error()
		fmt.Fprintf(std.err, "ERROR: %s.\n", strings.ToUpper(text[:1])+text[1:])
		compatUsage(std.err, flags)
		return exitUsage
	}
	return runScript(o, std)
}

func compatUsage(w io.Writer, flags []flag) {
	fmt.Fprint(w, "USAGE:\n    bpftrace [options] filename\n    bpftrace [options] - <stdin input>\n    bpftrace [options] -e 'program'\n\nOPTIONS:\n")
	for _, f := range flags {
		fmt.Fprintf(w, "    %-28s %s\n", f.spelling(), f.help)
	}
}

// compatList is -l: patterns, or the probes of a script (P-LIST rows).
func compatList(o *options, std stdio) int {
	if len(o.words) > 1 {
		compatUsage(std.err, compatFlags(&options{}))
		return exitUsage
	}
	if o.program != nil || len(o.words) == 1 && scriptFile(o.words[0]) {
		checked, code := frontEnd(o, std)
		if checked == nil {
			return code
		}
		for _, b := range checked.Program.Probes {
			if b.Site.Type != "special" {
				fmt.Fprintln(std.out, b.Site.Name)
			}
		}
		return exitOK
	}
	patterns := []string{""}
	if len(o.words) == 1 {
		patterns = strings.Split(o.words[0], ",")
	}
	return listProbes(o, std, patterns)
}

func scriptFile(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.Mode().IsRegular() && strings.HasSuffix(name, ".bt")
}

// compatDebug maps bpftrace's stages to ours.
func compatDebug(o *options, std stdio) int {
	stage, ok := map[string]string{"ast": "ast", "parse": "ast", "types": "types", "codegen": "ir-lowered", "codegen-opt": "ir", "dis": "bpf"}[o.debug]
	if !ok {
		fmt.Fprintf(std.err, "ERROR: USAGE: invalid option for -d: %s\n", o.debug)
		return exitUsage
	}
	o.stage = stage
	return dumpStage(o, std)
}

// showCompat prints messages as bpftrace does: errors on standard error, the
// warnings of a script that compiles on standard output (D-22), but never
// among JSON (D-28).
func (o *options) showCompat(std stdio, list *diag.List) {
	w := std.err
	if !list.HasErrors() && o.format != "json" {
		w = std.out
	}
	_ = diag.RenderBpftrace(w, list)
}

func newWriter(w io.Writer) *bufio.Writer { return bufio.NewWriterSize(w, 64<<10) }
