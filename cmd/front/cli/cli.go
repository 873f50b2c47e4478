// Package cli turns tables of commands and options into a command line: its
// parser, its help, its completion in shells, its manual pages and its page of
// the reference. It does not know what the commands do: the caller looks a
// command up, parses the command line with it, and runs it.
//
// The grammar is that of pflag under cobra, with two rules of probe's own:
// negative numbers are operands, and --name=value after "--" is a parameter of
// the script.
package cli

import "strings"

// App is a program with commands. O is the struct that options are stored in.
type App[O any] struct {
	Name     string
	Summary  string   // what the program does, one phrase
	Usage    []string // forms of its command line, without the program's name
	About    string   // paragraphs for the manual, separated by empty lines
	Commands []*Command
	Flags    []Flag[O]
	Examples []Example
	Statuses []Status
	// Environment and Files list what the program reads besides its arguments.
	Environment, Files []Entry
	// Words completes the first word, in addition to the names of the commands.
	Words Completer
	// Version is shown at the foot of the manual pages.
	Version string
}

// Command is one command of a program.
type Command struct {
	Name    string
	Usage   []string // what follows its name, one form a line
	Summary string   // what it does: one phrase for the overview, lower case
	About   string   // paragraphs: what the summary does not say
	// Script reports whether its first operand is a script, so that
	// --name=value after "--" is a parameter of it. For other commands such a
	// word is an operand.
	Script bool
	// Min and Max bound the number of operands; Max -1 means any number.
	Min, Max int
	Complete Completer // of its operands
	Examples []Example
	// More returns sections of help about its operands; nil for none. It is a
	// function so that their text is made only for help.
	More    func() []Section
	SeeAlso []string // commands that a reader of its manual page may want
	// Dashes reports whether words that start with dashes are operands, other
	// than -h and --help.
	Dashes bool
	Hidden bool // not in help and pages
}

// Flag is the row of an option. It has everything about the option: parsing,
// help, completion and documentation use nothing else.
type Flag[O any] struct {
	Name     string // long name, without dashes
	Short    byte   // letter, 0 for none
	Arg      string // name of its value in help; "" for a switch
	Help     string // sentences that say what it does
	Example  string // a command line that shows it
	Group    string // heading in help; "" is the first one
	Commands string // the commands that take it, separated by spaces
	Complete Completer
	// Set stores a value; for a switch it is called with "".
	Set func(o *O, value string) error
}

// Example is a command line with what it is for.
type Example struct{ Command, About string }

// Section is a list of things with its title.
type Section struct {
	Title   string
	Entries []Entry
}

// Entry is a name with what it is for.
type Entry struct {
	Name, About string
	Commands    string // the commands whose pages name it too, separated by spaces
}

// Status is an exit status.
type Status struct {
	Code     string // a number, or a text in its place such as "that of exit()"
	Commands string // the commands that give it, separated by spaces; "" for all
	Except   string // if Commands is "", the commands that do not have it
	About    string // a sentence
}

// Names returns the names of the commands that help shows.
func (a *App[O]) Names() []string {
	var out []string
	for _, c := range a.shown() {
		out = append(out, c.Name)
	}
	return out
}

func (a *App[O]) shown() []*Command {
	var out []*Command
	for _, c := range a.Commands {
		if !c.Hidden {
			out = append(out, c)
		}
	}
	return out
}

// Options returns the rows of a command's options, in the order of the table.
func (a *App[O]) Options(command string) []*Flag[O] {
	var out []*Flag[O]
	for i := range a.Flags {
		if a.Flags[i].Of(command) {
			out = append(out, &a.Flags[i])
		}
	}
	return out
}

// Of reports whether a command takes the option.
func (f *Flag[O]) Of(command string) bool { return listed(f.Commands, command) }

// Of reports whether a command can end with the status.
func (s *Status) Of(command string) bool {
	return s.Commands == "" && !listed(s.Except, command) || listed(s.Commands, command)
}

func listed(list, name string) bool {
	for list != "" {
		var word string
		if word, list, _ = strings.Cut(list, " "); word == name {
			return true
		}
	}
	return false
}

// Spelling returns how the option is shown: "-p, --pid PID".
func (f *Flag[O]) Spelling() string {
	s := "--" + f.Name
	if f.Short != 0 {
		s = "-" + string(f.Short) + ", " + s
	}
	if f.Arg != "" {
		s += " " + f.Arg
	}
	return s
}

// firstSentence returns a text up to its first full stop.
func firstSentence(s string) string {
	if i := strings.Index(s, ". "); i >= 0 {
		s = s[:i]
	}
	return strings.TrimSuffix(s, ".")
}
