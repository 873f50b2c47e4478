package bcc

import (
	"fmt"
	"strconv"
	"strings"
)

// option is a row in the table of a tool's options.
type option struct {
	long  string
	short byte
	arg   string // name of its value in help; "" for a switch
	kind  kind
	help  string
}

// kind is the type of an option's value.
type kind uint8

const (
	text   kind = iota
	number      // an integer
	real        // a number with decimals
)

// showOption is an option of all tools that bcc does not have.
var showOption = option{long: "show", help: "print the script that this command line stands for, and exit"}

var helpOption = option{long: "help", short: 'h', help: "show this text and exit"}

// pidOption is an option of most tools.
func pidOption(what string) option {
	return option{long: "pid", short: 'p', arg: "PID", kind: number, help: what}
}

// all returns the rows of the tool with those of every tool.
func (t *Tool) all() []option {
	list := append([]option{helpOption}, t.options...)
	if t.intervals {
		list = append(list, intervalOptions...)
	}
	return append(list, showOption)
}

// line is a parsed command line. The keys are the long names of options.
type line struct {
	values map[string][]string // in order; a switch has "" for each time
	words  []string
}

func (l *line) is(name string) bool      { return len(l.values[name]) > 0 }
func (l *line) times(name string) int    { return len(l.values[name]) }
func (l *line) all(name string) []string { return l.values[name] }

// text returns the last value of an option, "" if it was not given.
func (l *line) text(name string) string {
	v := l.values[name]
	if len(v) == 0 {
		return ""
	}
	return v[len(v)-1]
}

// number returns the value of an option, def if it was not given.
func (l *line) number(name string, def int) int {
	if !l.is(name) {
		return def
	}
	n, _ := strconv.Atoi(l.text(name)) // checked by parse
	return n
}

// parse reads the words as Python's argparse does: options and operands mix,
// letters can be joined, a value follows with or without a blank, or after "="
// behind a long name, which may be shortened to a prefix that no other has.
func (t *Tool) parse(words []string) (*line, error) {
	l := &line{values: map[string][]string{}}
	table := t.all()
	set := func(o *option, v string) error {
		if err := o.check(v); err != nil {
			return err
		}
		l.values[o.long] = append(l.values[o.long], v)
		return nil
	}
	for len(words) > 0 {
		w := words[0]
		words = words[1:]
		// next takes the value of an option from the following word.
		next := func(o *option) (string, error) {
			if len(words) == 0 || isOption(words[0]) {
				return "", fmt.Errorf("argument %s: expected one argument", o.spelling())
			}
			v := words[0]
			words = words[1:]
			return v, nil
		}
		switch {
		case w == "--":
			l.words = append(l.words, words...)
			words = nil
		case strings.HasPrefix(w, "--"):
			name, v, given := strings.Cut(w[2:], "=")
			o, err := long(table, name)
			if err != nil {
				return nil, err
			}
			switch {
			case o == nil:
				return nil, fmt.Errorf("unrecognized arguments: %s", w)
			case o.arg == "" && given:
				return nil, fmt.Errorf("argument %s: ignored explicit argument '%s'", o.spelling(), v)
			case o.arg != "" && !given:
				if v, err = next(o); err != nil {
					return nil, err
				}
			}
			if err := set(o, v); err != nil {
				return nil, err
			}
		case isOption(w):
			for rest := w[1:]; rest != ""; {
				o := letter(table, rest[0])
				if o == nil {
					return nil, fmt.Errorf("unrecognized arguments: -%s", rest)
				}
				v := rest[1:]
				rest = v
				if o.arg != "" {
					rest = ""
					var err error
					if v == "" {
						v, err = next(o)
					} else {
						v = strings.TrimPrefix(v, "=")
					}
					if err != nil {
						return nil, err
					}
				} else {
					v = ""
				}
				if err := set(o, v); err != nil {
					return nil, err
				}
			}
		default:
			l.words = append(l.words, w)
		}
	}
	if l.is(helpOption.long) {
		return l, nil
	}
	if len(l.words) < t.least {
		return nil, fmt.Errorf("the following arguments are required: %s", strings.Fields(t.Operands)[0])
	}
	if t.most >= 0 && len(l.words) > t.most {
		return nil, fmt.Errorf("unrecognized arguments: %s", strings.Join(l.words[t.most:], " "))
	}
	return l, nil
}

// isOption reports whether a word is an option and not an operand; negative
// numbers and a single dash are operands.
func isOption(w string) bool {
	if len(w) < 2 || w[0] != '-' {
		return false
	}
	_, err := strconv.ParseFloat(w, 64)
	return err != nil
}

// long returns the row of a long name or of a prefix that no other has; nil if
// there is none.
func long(table []option, name string) (*option, error) {
	var found *option
	var names []string
	for i := range table {
		switch o := &table[i]; {
		case o.long == name:
			return o, nil
		case strings.HasPrefix(o.long, name):
			found = o
			names = append(names, "--"+o.long)
		}
	}
	if len(names) > 1 {
		return nil, fmt.Errorf("ambiguous option: --%s could match %s", name, strings.Join(names, ", "))
	}
	return found, nil
}

func letter(table []option, c byte) *option {
	for i := range table {
		if table[i].short == c {
			return &table[i]
		}
	}
	return nil
}

// check returns an error for a value that is not of the option's type.
func (o *option) check(v string) error {
	switch o.kind {
	case number:
		if _, err := strconv.Atoi(v); err != nil {
			return fmt.Errorf("argument %s: invalid int value: '%s'", o.spelling(), v)
		}
	case real:
		if _, err := strconv.ParseFloat(v, 64); err != nil {
			return fmt.Errorf("argument %s: invalid float value: '%s'", o.spelling(), v)
		}
	}
	return nil
}

// spelling returns the names of the option as messages have them: "-p/--pid".
func (o *option) spelling() string {
	if o.short == 0 {
		return "--" + o.long
	}
	return "-" + string(o.short) + "/--" + o.long
}

// Spelling returns the names of the option as help has them: "-p, --pid PID".
func (o *option) name() string {
	s := "--" + o.long
	if o.short != 0 {
		s = "-" + string(o.short) + ", " + s
	}
	if o.arg != "" {
		s += " " + o.arg
	}
	return s
}

// UsageLine returns the first line of the tool's help.
func (t *Tool) UsageLine(program string) string {
	var b strings.Builder
	const width = 78
	line := "usage: " + program
	indent := strings.Repeat(" ", len(line))
	add := func(word string) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = indent
		}
		line += " " + word
	}
	for _, o := range t.all() {
		s := "--" + o.long
		if o.short != 0 {
			s = "-" + string(o.short)
		}
		if o.arg != "" {
			s += " " + o.arg
		}
		add("[" + s + "]")
	}
	add(t.Operands)
	return b.String() + line + "\n"
}

// Entry is a line of help: an option and what it does.
type Entry struct{ Name, About string }

// Options returns the options of the tool for help and manual pages.
func (t *Tool) Options() []Entry {
	var out []Entry
	for _, o := range t.all() {
		out = append(out, Entry{o.name(), o.help})
	}
	return out
}

// Help returns the text of -h.
func (t *Tool) Help(program string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s%s\n\n%s\n\noptions:\n", t.UsageLine(program), strings.ToUpper(t.Summary[:1]), t.Summary[1:], t.About)
	for _, e := range t.Options() {
		if len(e.Name) > 22 {
			fmt.Fprintf(&b, "  %s\n%24s%s\n", e.Name, "", e.About)
		} else {
			fmt.Fprintf(&b, "  %-21s %s\n", e.Name, e.About)
		}
	}
	b.WriteString("\nexamples:\n")
	for _, e := range t.Examples {
		fmt.Fprintf(&b, "  %s %s\n      %s\n", program, e.Args, e.About)
	}
	return b.String()
}
