package repl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"probe/cmd/front/filename"
	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/engine"
	"probe/runtime/trust"
)

// lender is a reader that can give the terminal to another program.
type lender interface {
	// Lend calls f, which uses the terminal.
	Lend(f func() error) error
}

// load runs a script as one input.
func (r *repl) load(ctx context.Context, arg string) *diag.Diagnostic {
	if arg == "" {
		return mistake("`:load` needs the name of a file or of a ready script")
	}
	open := r.cfg.Open
	if open == nil {
		open = openFile
	}
	f, err := open(arg)
	if err != nil {
		return mistake("%v", err)
	}
	r.loadScript(ctx, f)
	return nil
}

// loadScript runs a script as one input, whose messages name it.
func (r *repl) loadScript(ctx context.Context, f *source.File) {
	r.saved[f.Name] = true
	if syntax.IsItem(f.Text) {
		r.attach(ctx, f, r.last+1)
		return
	}
	r.evalStmts(ctx, f)
}

func openFile(name string) (*source.File, error) {
	f, err := trust.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := engine.Read(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return source.New(name, text), nil
}

// save writes the definitions and the clauses that run as a script.
func (r *repl) save(_ context.Context, arg string) *diag.Diagnostic {
	if arg == "" {
		return mistake("`:save` needs the name of a file")
	}
	if len(r.clauses) == 0 {
		return mistake("no clause runs, so there is nothing to save")
	}
	text, list := r.asScript(arg)
	if list.HasErrors() {
		r.wrong(list)
		return mistake("the clauses cannot be run as one script, so nothing was written")
	}
	flag := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if r.saved[arg] {
		flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := trust.OpenFile(arg, flag, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return mistake("%s exists, and was neither loaded nor saved in this session", arg).WithHelp("use another name, or remove it first")
	}
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return mistake("%v", err)
	}
	r.saved[arg] = true
	fmt.Fprintf(r.err, "%s written to %s\n", count(len(r.clauses), "clause"), arg)
	return nil
}

// asScript returns the text of a script that does what runs, or why it is none.
func (r *repl) asScript(name string) (string, diag.List) {
	var parts []string
	for _, d := range r.defs {
		if at := d.Span(); at.File == nil || at.File.Name != preludeName {
			parts = append(parts, strings.TrimSpace(at.Text()))
		}
	}
	for _, c := range r.clauses {
		f, _ := syntax.Parse(source.New(name, c.text))
		if !slices.ContainsFunc(f.Items, isDefinition) {
			parts = append(parts, strings.TrimSpace(withoutInterpreter(c.text)))
			continue
		}
		for _, it := range f.Items {
			if !isDefinition(it) {
				parts = append(parts, strings.TrimSpace(it.Span().Text()))
			}
		}
	}
	src := source.New(name, strings.Join(parts, "\n\n")+"\n")
	f, list := syntax.Parse(src)
	if list.HasErrors() {
		return "", list
	}
	opts := r.cfg.Check
	opts.Maps = nil
	_, list = engine.Check(engine.Script{Name: name, Text: src.Text, Tree: f, Import: r.cfg.Import}, r.cfg.Machine, opts)
	return syntax.Format(f), list
}

// withoutInterpreter returns a script without the line that names its
// interpreter, which only the first line of a file can be.
func withoutInterpreter(text string) string {
	if strings.HasPrefix(text, "#!") {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}

// edit lets the user change a clause, or write a new input, in an editor.
func (r *repl) edit(ctx context.Context, arg string) *diag.Diagnostic {
	text, old := "", -1
	if arg != "" {
		n, err := strconv.Atoi(arg)
		if err != nil {
			return mistake("`:edit` needs the number of a clause").WithHelp("`:list` shows them; without a number a new input is written")
		}
		if old = slices.IndexFunc(r.clauses, func(c *clause) bool { return c.n == n }); old < 0 {
			return mistake("no clause with the number %d runs", n).WithHelp("`:list` shows them")
		}
		text = r.clauses[old].text
	}
	changed, err := r.edited(text)
	if err != nil {
		return mistake("%v", err)
	}
	if strings.TrimSpace(changed) == "" || strings.TrimSpace(changed) == strings.TrimSpace(text) {
		fmt.Fprintln(r.err, "nothing was changed")
		return nil
	}
	changed = strings.TrimRight(changed, "\n")
	r.remember(changed)
	if old < 0 {
		r.eval(ctx, changed)
		return nil
	}
	// The old clause goes on until the new one is attached, and after a
	// mistake. Both share the maps.
	before := r.clauses[old]
	if !r.attach(ctx, source.New(clauseName(before.n), changed), before.n) {
		return mistake("clause %d runs unchanged", before.n).WithHelp("the changed text is in the history")
	}
	r.tracer.Remove(before.h)
	r.took(before.h)
	r.clauses = slices.DeleteFunc(r.clauses, func(c *clause) bool { return c == before })
	slices.SortFunc(r.clauses, func(a, b *clause) int { return a.n - b.n })
	return nil
}

// edited returns a text as the user leaves it in the editor that VISUAL or
// EDITOR names.
func (r *repl) edited(text string) (string, error) {
	dir, err := os.MkdirTemp("", "probe-") // only this user can look into it
	if err != nil {
		return "", fmt.Errorf("make a file for the editor: %w", err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "clause.pr")
	if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("make a file for the editor: %w", err)
	}
	editor := "vi"
	for _, v := range []string{"EDITOR", "VISUAL"} {
		if e := os.Getenv(v); strings.TrimSpace(e) != "" {
			editor = e
		}
	}
	if err := r.shell(editor+` "$1"`, name); err != nil {
		return "", fmt.Errorf("the editor `%s` failed: %w", editor, err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read what was edited: %w", err)
	}
	return string(b), nil
}

// command runs a command of the shell.
func (r *repl) runCommand(text string) *diag.Diagnostic {
	if strings.TrimSpace(text) == "" {
		return mistake("`:!` needs a command").WithHelp("for example: `:!ls`")
	}
	if !r.cfg.Check.Unsafe {
		return mistake("`:!` runs commands with the rights of probe, and needs --unsafe, as system() does").WithHelp("start the prompt with `probe repl --unsafe`")
	}
	err := r.shell(text)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return mistake("the command ended with status %d", exit.ExitCode())
	case err != nil:
		return mistake("%v", err)
	}
	return nil
}

// shell runs a command of the shell on the terminal, with arguments.
func (r *repl) shell(text string, args ...string) error {
	if r.cfg.MayRun != nil {
		if err := r.cfg.MayRun(); err != nil {
			return err
		}
	}
	cmd := exec.Command("sh", append([]string{"-c", text, "sh"}, args...)...)
	cmd.Stdout, cmd.Stderr = r.cfg.Out, r.cfg.Err
	if r.person {
		cmd.Stdin = r.cfg.In
	}
	if l, ok := r.reader.(lender); ok {
		r.flush()
		return l.Lend(cmd.Run)
	}
	return cmd.Run()
}

// set changes a configuration variable for later inputs.
func (r *repl) set(ctx context.Context, arg string) *diag.Diagnostic {
	if arg == "" {
		shown := false
		for _, d := range r.defs {
			if c, ok := d.(*syntax.Config); ok {
				fmt.Fprintln(r.out, oneLine(c.Span().Text()))
				shown = true
			}
		}
		if !shown {
			fmt.Fprintln(r.out, "no variable is set")
		}
		return nil
	}
	name, value, ok := strings.Cut(arg, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || name == "" || value == "" || lastWord(name) != name {
		return mistake("`:set` needs NAME=VALUE").WithHelp("for example: `:set max_strlen=200`; `:set` alone shows what is set")
	}
	// The name of a value may stand without quotes, as -c and the environment
	// have it.
	text := fmt.Sprintf("config = { %s = %s }", name, value)
	r.eval(ctx, text)
	return nil
}

// fileArgs completes the name of a file.
func (r *repl) fileArgs(word string) []string { return filename.Complete(word, nil) }
