// Package bcc is the command lines of the tools of bcc that take probes as
// arguments: trace, funccount, argdist, stackcount, funclatency, funcslower and
// tplist. A command line becomes a script of the language (Plan), and a Sink
// prints what the script finds in the columns of the tool.
//
// The syntax and the output are those of bcc 0.37, as its manual pages describe
// them. Where the tool has a limit that comes from its way of working, such as a
// wrong latency of recursive functions, the script does not have it.
package bcc

import (
	"errors"
	"fmt"
	"strings"

	"probe/lang/value"
)

// Tool is a tool of bcc.
type Tool struct {
	Name    string // bcc's name: "funccount"
	Command string // the command of probe: "count"
	Summary string // what it does: one phrase, lower case
	// Operands is what follows the options in the usage line.
	Operands string
	About    string // what the operands are, in sentences
	Examples []Example
	options  []option
	// intervals is set for the tools that print summaries: they have the options
	// of intervalOptions.
	intervals bool
	plan      func(l *line, m Machine) (*Plan, error)
	// operands bounds how many there are; most -1 means any number.
	least, most int
}

// Example is a command line, without the name of the tool, and what it does.
type Example struct{ Args, About string }

// Tools is the table of the tools.
var Tools = []*Tool{traceTool, countTool, argdistTool, stackTool, latencyTool, slowerTool, listTool}

// Lookup returns the tool that a program name stands for: bcc's own name, or
// that of Debian's package ("funccount-bpfcc"); nil if there is none.
func Lookup(program string) *Tool {
	name := strings.TrimSuffix(program, "-bpfcc")
	for _, t := range Tools {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// Machine answers what a translation asks about the traced machine.
type Machine interface {
	// List returns the names of the probes that match a pattern of the
	// language, such as "kprobe:vfs_*".
	List(pattern string) ([]string, error)
	// Library returns the path of a library or program as bcc finds it: "c" is
	// libc.so.6, "bash" the program in PATH.
	Library(name string) (path string, ok bool)
	// Cgroups returns the ids of a cgroup, named by its path, and of those below
	// it.
	Cgroups(path string) ([]uint64, error)
	// Params returns the fields of a tracepoint as C declarations ("char
	// rwbs[8]").
	Params(tracepoint string) ([]string, error)
	// USDT describes the USDT probes of a program or library, those of a process
	// if pid is not 0.
	USDT(path string, pid int) ([]USDT, error)
	// Self is the id of this process.
	Self() int
}

// USDT is a static probe of a program.
type USDT struct {
	Path, Provider, Name string
	Semaphore            uint64
	// Places has for each location its address and its arguments as bcc writes
	// them: "8 unsigned bytes @ bp".
	Places []Place
}

// Place is a location of a static probe.
type Place struct {
	Addr uint64
	Args []string
}

// Plan is a translated command line.
type Plan struct {
	// Script is a script of the language. It prints the tool's columns as far as
	// the language can.
	Script string
	// Includes are the headers to include before the script.
	Includes []string
	// Text is output that needs no script: that of tplist, or help.
	Text string
	// Listed says that there is no script even if Text is empty.
	Listed bool
	// Show says that the script itself was asked for.
	Show bool
	// Verbose says that the script is printed before it runs.
	Verbose bool
	Layout  Layout
}

// Layout is how a Sink prints the events of a script.
type Layout struct {
	// Head is printed when everything is attached; %d in it is the number of
	// probes of the pattern: all without the Own ones that print and end.
	Head string
	Own  int
	// Table prints the snapshot of a map.
	Table map[string]TableFunc
	Rows  *Rows // rows of trace and funcslower, nil for the other tools
	Stack StackStyle
}

// StackStyle is how the frames of stacks are written.
type StackStyle struct {
	Indent string
	Addr   string // format of the address before the name, "" for none
	// Offset and Module add "+0x1f" and " [libc.so.6]" to the names.
	Offset, Module bool
}

// frame returns what bcc writes for an address of a stack.
func (s *StackStyle) frame(f value.Frame) string {
	text := f.Name
	if text == "" {
		text = "[unknown]"
	} else if s.Offset {
		text += fmt.Sprintf("+0x%x", f.Offset)
	}
	if s.Module && f.Module != "" {
		text += " [" + f.Module[strings.LastIndexByte(f.Module, '/')+1:] + "]"
	}
	return text
}

// UsageError is an error in the command line itself: the tools print their
// usage line before it and end with status 2.
type UsageError struct {
	Tool    *Tool
	Program string
	Message string
}

// Error returns the message.
func (e *UsageError) Error() string { return e.Message }

// usageText is the message of a UsageError that a translation returns.
type usageText string

func (e usageText) Error() string { return string(e) }

// Translate translates the words of a tool's command line. program is the name
// that messages use. Errors are *UsageError for a wrong command line, and others
// for probes that cannot be understood.
func (t *Tool) Translate(program string, words []string, m Machine) (*Plan, error) {
	l, err := t.parse(words)
	if err != nil {
		return nil, &UsageError{Tool: t, Program: program, Message: err.Error()}
	}
	if l.is("help") {
		return &Plan{Text: t.Help(program)}, nil
	}
	p, err := t.plan(l, m)
	var wrong usageText
	if errors.As(err, &wrong) {
		return nil, &UsageError{Tool: t, Program: program, Message: string(wrong)}
	}
	if err != nil {
		return nil, err
	}
	p.Show = l.is("show")
	for _, line := range strings.Split(p.Script, "\n") {
		if strings.HasPrefix(line, "interval:") || strings.HasPrefix(line, "end") || strings.HasPrefix(line, "begin") {
			p.Layout.Own++
		}
	}
	p.Script = fmt.Sprintf("// %s\n%s%s", commandLine(program, words), oldTypes(p.Script), p.Script)
	return p, nil
}

// oldTypes returns the definitions of types that examples of bcc use and kernels
// since 5.6 do not have.
func oldTypes(script string) string {
	if strings.Contains(script, "(struct timespec *)") {
		return "struct timespec { long tv_sec; long tv_nsec; };\n\n"
	}
	return ""
}

// commandLine returns a command line in one line of text.
func commandLine(program string, words []string) string {
	var b strings.Builder
	b.WriteString(program)
	for _, w := range words {
		if w == "--show" {
			continue
		}
		if w == "" || strings.ContainsAny(w, " \t\n\"'$*()<>|&;\\#") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		b.WriteString(" " + strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, w))
	}
	return b.String()
}
