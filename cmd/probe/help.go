package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"probe/cmd/front/cli"
	"probe/cmd/front/manual"
	"probe/lang/diag"
	"probe/lang/source"
)

var helpCommand = &command{
	Command: cli.Command{
		Name: "help", Usage: []string{"[NAME]"}, Max: 1, Dashes: true, Summary: "explain a word of the language, an option, a ready script or a message", Complete: completeNames,
		About: "Prints what a name means, with an example: a word of the language, a function, a value, an aggregation, a probe type, a configuration variable, " +
			"a module of the library or what it defines, the code of a message, a ready script, or a row of the language reference, which messages name. " +
			"The name of a command shows the command's help, --NAME what an option does in each command. Without a name the commands are listed.",
		Examples: []cli.Example{
			{Command: "probe help hist"},
			{Command: "probe help kprobe"},
			{Command: "probe help max_map_keys", About: "Explains a configuration variable."},
			{Command: "probe help --output", About: "Explains an option."},
			{Command: "probe help route", About: "Lists what the module route defines."},
			{Command: "probe help F-SIGNAL", About: "Shows a row of the language reference."},
		},
		SeeAlso: []string{"explain", "ls"},
	},
	run: runHelp,
}

func runHelp(o *options, std stdio) int {
	if len(o.words) == 0 {
		return written(std, app().Overview(std.out))
	}
	return helpName(o.words[0], std)
}

// helpName explains everything that a name stands for: words of the language,
// then options, ready scripts and commands.
func helpName(name string, std stdio) int {
	found := false
	part := func(write func(w io.Writer) error) error {
		if found {
			fmt.Fprintln(std.out)
		}
		found = true
		return write(std.out)
	}
	for _, e := range manual.Lookup(name) {
		if err := part(e.Write); err != nil {
			return written(std, err)
		}
	}
	if f, err := openBundled(name); err == nil {
		if err := part(func(w io.Writer) error { return helpScript(w, f) }); err != nil {
			return written(std, err)
		}
	}
	if c := lookup(name); c != nil && !c.Hidden {
		write := func(w io.Writer) error { return app().Help(w, &c.Command) }
		if found {
			write = func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "There is a command of that name: `probe %s --help` describes it.\n", name)
				return err
			}
		}
		if err := part(write); err != nil {
			return written(std, err)
		}
	}
	if !found || strings.HasPrefix(name, "-") {
		dashed := name
		if !strings.HasPrefix(name, "-") {
			dashed = "--" + name
		}
		known, err := app().OptionHelp(std.out, dashed)
		if known || err != nil {
			return written(std, err)
		}
	}
	if found {
		return exitOK
	}
	d := &diag.Diagnostic{Severity: diag.Error, Code: "unknown-name", Message: fmt.Sprintf("nothing is named %s", name)}
	if near := manual.Similar(name, otherTopics()); len(near) > 0 {
		d.WithHelp("similar names exist: %s", strings.Join(near, ", "))
	}
	fail(std, d)
	return exitUsage
}

// openBundled returns a script that comes with probe, by its exact name.
func openBundled(name string) (*source.File, error) {
	text, ok := bundled(name)
	if !ok {
		return nil, fmt.Errorf("no script is named %s", name)
	}
	return source.New(name, text), nil
}

// helpScript writes the help of a ready script and how it is started.
func helpScript(w io.Writer, f *source.File) error {
	if err := scriptHelp(w, f); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nExample:\n\n    probe run %s\n", f.Name)
	return err
}

// otherTopics returns the names that help explains and that are no words of the
// language: options, ready scripts and commands.
func otherTopics() []string {
	return slices.Concat(app().OptionNames(), bundledNames(), app().Names())
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
