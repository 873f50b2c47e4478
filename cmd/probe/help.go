package main

import (
	"fmt"
	"slices"
	"strings"

	"probe/cmd/front/cli"
	"probe/lang/diag"
	"probe/lang/reference"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/machine/live/provider"
	"probe/stdlib"
)

var helpCommand = &command{
	Command: cli.Command{
		Name: "help", Usage: []string{"[NAME]"}, Max: 1, Dashes: true, Summary: "explain a function, a builtin value, a kind of probe, a module or a row of the reference", Complete: completeNames,
		About: "Prints what a name of the language means: a function, a value, an aggregation, a probe type, a module of the library or what it defines, " +
			"or a row of the language reference, which messages name. " +
			"The name of a command shows the command's help, --NAME what an option does in each command. Without a name the commands are listed.",
		Examples: []cli.Example{
			{Command: "probe help hist"},
			{Command: "probe help kprobe"},
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

func helpName(name string, std stdio) int {
	if c := lookup(name); c != nil {
		return written(std, app().Help(std.out, &c.Command))
	}
	if found, err := app().OptionHelp(std.out, name); found {
		return written(std, err)
	}
	var names []string
	if strings.HasPrefix(name, "-") {
		names = app().OptionNames()
	}
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
	if r, ok := reference.Lookup(name); ok {
		helpRow(r, std)
		return exitOK
	}
	names = append(names, reference.IDs()...)
	d := &diag.Diagnostic{Severity: diag.Error, Code: "unknown-name", Message: fmt.Sprintf("nothing is named %s", name)}
	slices.Sort(names)
	if near := diag.NearestN(name, names, 3); len(near) > 0 {
		d.WithHelp("similar names exist: %s", strings.Join(near, ", "))
	}
	fail(std, d)
	return exitUsage
}

// helpRow prints a row of the language reference.
func helpRow(r reference.Row, std stdio) {
	plain := strings.NewReplacer("`", "").Replace
	fmt.Fprintf(std.out, "%s: %s\n\n%s\n\n", r.ID, plain(r.Title), plain(r.Text))
	switch r.Status {
	case reference.Works:
		fmt.Fprintln(std.out, "In probe: works.")
	case reference.Differs:
		fmt.Fprintf(std.out, "In probe: differs; %s.\n", plain(r.Note))
	case reference.Missing:
		fmt.Fprintf(std.out, "In probe: not supported; %s.\n", plain(r.Note))
	}
}

// helpLibrary prints the help on a name from the modules that are written in
// the language, where the comment above a definition is its reference text. It
// reports whether it has found the name, and adds all names it knows to names.
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
