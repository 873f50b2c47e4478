// Command probe traces Linux with small programs that it compiles to eBPF. The
// commands are thin: package runtime/engine takes a script from its text to its
// end, and this package turns command lines into calls of it and results into
// output and exit codes.
//
// Called by the name bpftrace, or by that of a tool of bcc (trace, funccount, …),
// through a link to the binary, it takes that program's command line and prints
// what that program prints.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"probe/cmd/front/bcc"
	"probe/cmd/front/cli"
	"probe/lang/diag"
	"probe/runtime/engine"
	"probe/runtime/lab"
	"probe/runtime/watchdog"
)

// stdio holds the standard streams of one invocation. Tests run Main with
// streams of their own.
type stdio struct {
	in       io.Reader
	out, err io.Writer
	compat   bool // messages look like those of bpftrace
}

func main() {
	// Before anything is read: see setID.
	if d := setID(os.Getuid(), os.Geteuid(), os.Getgid(), os.Getegid()); d != nil {
		fail(stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr}, d)
		os.Exit(exitUsage)
	}
	// The program runs itself again as its watchdog, as the process of -c and as
	// the client and server of a lab; in these processes the following calls do
	// not return.
	watchdog.Init(watchdog.Program{Restore: restore, Crashed: crashed})
	defer watchdog.Report()
	engine.MaybeChild()
	lab.MaybeChild()
	engine.ServeFirstThread(func() int { return Main(os.Args, stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr}) })
}

// main stays on the first thread, where the probes run that probe itself runs.
func init() { engine.KeepFirstThread() }

// Main runs one command line and returns its exit code.
func Main(args []string, std stdio) int {
	// The name decides, as with busybox: a link named bpftrace is the drop-in
	// replacement.
	if filepath.Base(args[0]) == "bpftrace" {
		return compatMain(args[1:], std)
	}
	if t := bcc.Lookup(filepath.Base(args[0])); t != nil {
		return bccMain(t, filepath.Base(args[0]), args[1:], std)
	}
	// When the reader of the output ends, SIGPIPE must not kill the process: the
	// command says so, and puts back what it has changed. The signal is caught and
	// not ignored, because a command of -c would inherit an ignored signal.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	words := args[1:]
	if len(words) == 0 && onTerminal(std) {
		return replCommand.invoke(nil, std)
	}
	if len(words) == 0 {
		_ = app().Overview(std.err)
		return exitUsage
	}
	switch words[0] {
	case "-h", "--help":
		return written(std, app().Overview(std.out))
	case "-V", "--version":
		return versionCommand.invoke(nil, std)
	// Hidden commands of the completion scripts, which have no row in the
	// table.
	case cli.CompleteName, cli.CompleteName + cli.NoDesc, cli.BashName:
		return complete(words, std)
	}
	if c := lookup(words[0]); c != nil {
		return c.invoke(words[1:], std)
	}
	// "run" may be left out when an option or an existing script comes first.
	if strings.HasPrefix(words[0], "-") || scriptExists(words[0]) {
		return runCommand.invoke(words, std)
	}
	fail(std, unknownCommand(words))
	return exitUsage
}

// written returns the exit code of a command that only prints: err says whether
// the output could be written.
func written(std stdio, err error) int {
	if err == nil {
		return exitOK
	}
	if o, ok := std.out.(*outcome); ok {
		o.told = true
	}
	d := &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: "write the output: " + err.Error()}
	if errors.Is(err, syscall.EPIPE) {
		d.Message = "the output is incomplete: the program that reads it has ended"
	}
	fail(std, d)
	return exitRun
}

func unknownCommand(words []string) *diag.Diagnostic {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage",
		Message: fmt.Sprintf("%s is neither a command nor a script that exists", words[0])}
	mark(d, words, 0, "no command, no file, and no script that comes with probe")
	if near, ok := diag.Nearest(words[0], app().Names()); ok {
		d.WithHelp("a command with a similar name exists: `probe %s`", near)
	} else if near, ok := diag.Nearest(words[0], bundledNames()); ok {
		d.WithHelp("a script with a similar name exists: `probe run %s`", near)
	}
	return d.WithHelp("run `probe --help` for the commands")
}

// invoke parses a command's options and runs it.
func (c *command) invoke(words []string, std stdio) int {
	o := &options{command: c}
	p, err := app().Parse(&c.Command, words, o)
	// "probe run SCRIPT --help" is about the script and not about run.
	if p.Help && c.Script && len(p.Operands) > 0 {
		f, err := openScript(p.Operands[0], std)
		if err != nil {
			fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
			return exitUsage
		}
		return written(std, scriptHelp(std.out, f))
	}
	// Help comes before the error: a user who asks for help should not first
	// have to correct the command line.
	if p.Help {
		return written(std, app().Help(std.out, &c.Command))
	}
	if err != nil {
		d := usageError(c, err)
		var m *cli.Mistake
		if errors.As(err, &m) {
			if m.Word >= 0 {
				mark(d, append([]string{c.Name}, words...), m.Word+1, m.Label)
			}
			d.Notes, d.Helps = append(m.Notes, d.Notes...), append(m.Helps, d.Helps...)
		}
		fail(std, d)
		return cmp.Or(c.wrong, exitUsage)
	}
	o.words, o.named = p.Operands, p.Named
	if err := o.readable(); err != nil {
		fail(std, usageError(c, err))
		return exitUsage
	}
	if c.ownOutput {
		return c.run(o, std)
	}
	return checkedOutput(std, func(std stdio) int { return c.run(o, std) })
}

// checkedOutput runs a command that only prints and ignores errors of writing. The
// first one becomes a message and, if the command has no other error, the status.
func checkedOutput(std stdio, run func(stdio) int) int {
	out := &outcome{w: std.out}
	std.out = out
	code := run(std)
	if out.err == nil || out.told {
		return code
	}
	if lost := written(std, out.err); code == exitOK {
		return lost
	}
	return code
}

// outcome is a writer that remembers whether everything could be written.
type outcome struct {
	w    io.Writer
	err  error
	told bool // the user knows
}

// Write implements io.Writer. After an error it writes nothing more, so that
// the output has no gap in the middle.
func (o *outcome) Write(b []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(b)
	o.err = err
	return n, err
}

func usageError(c *command, err error) *diag.Diagnostic {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()}
	usage := "probe " + c.Name
	if len(c.Usage) > 0 && c.Usage[0] != "" {
		usage += " " + c.Usage[0]
	}
	return d.WithHelp("usage: %s; `probe %s --help` lists the options", usage, c.Name)
}

// fail prints one message that has no place in a script.
func fail(std stdio, d *diag.Diagnostic) {
	list := &diag.List{}
	list.Add(d)
	if std.compat {
		_ = diag.RenderBpftrace(std.err, list, colored(std.err))
		return
	}
	_ = diag.Render(std.err, list, diag.Options{Color: colored(std.err)})
}

// colored reports whether messages written to w may use colours: w is a
// terminal and the environment allows them (C-ENV-COLOR).
func colored(w io.Writer) bool {
	switch os.Getenv("BPFTRACE_COLOR") {
	case "always":
		return true
	case "never":
		return false
	}
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && isTerminal(f) && isTerminal(os.Stdout)
}
