package bpftrace

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A UsageError is what getopt_long says about a command line, without the name
// of the program in front.
type UsageError struct{ text string }

// Error implements error.
func (e *UsageError) Error() string { return e.text }

func usage(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

// Parse parses the words after the program's name. The error names the word at
// fault.
func Parse(words []string) (*Options, error) {
	o := &Options{}
	for i := 0; i < len(words); i++ {
		w := words[i]
		var err error
		switch {
		case w == "--":
			o.afterDashes(words[i+1:])
			return o, nil
		case strings.HasPrefix(w, "--"):
			i, err = o.long(words, i)
		case len(w) > 1 && w[0] == '-' && !isNumber(w):
			i, err = o.letters(words, i)
		default:
			o.Words = append(o.Words, w)
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

// long stores the option that word i names, and returns the index of the last
// word that it used.
func (o *Options) long(words []string, i int) (int, error) {
	name, value, has := strings.Cut(words[i][2:], "=")
	row, err := find(name, words[i])
	if err != nil {
		return i, err
	}
	if row.arg == "" && has {
		return i, usage("option '--%s' doesn't allow an argument", row.long)
	}
	if row.arg != "" && !has {
		if i++; i >= len(words) {
			return i, usage("option '--%s' requires an argument", row.long)
		}
		value = words[i]
	}
	return i, o.take(row, "--"+row.long, value)
}

// letters stores the options whose letters are in word i, and returns the index
// of the last word that it used.
func (o *Options) letters(words []string, i int) (int, error) {
	w := words[i]
	for j := 1; j < len(w); j++ {
		row := letter(w[j])
		if row == nil {
			return i, usage("invalid option -- '%c'", w[j])
		}
		value := ""
		if row.arg != "" {
			value = w[j+1:]
			j = len(w)
			if value == "" {
				if i++; i >= len(words) {
					return i, usage("option requires an argument -- '%c'", row.short)
				}
				value = words[i]
			}
		}
		if err := o.take(row, "-"+string(row.short), value); err != nil {
			return i, err
		}
	}
	return i, nil
}

func (o *Options) take(row *option, spelled, value string) error {
	if row.refused != "" {
		return fmt.Errorf("%s is not supported: %s", spelled, row.refused)
	}
	row.set(o, value)
	return nil
}

// find returns the row of a long name, or of a prefix that only one long name
// has. The error names the word at fault.
func find(name, word string) (*option, error) {
	var found []*option
	for i := range table {
		row := &table[i]
		if row.long == name && name != "" {
			return row, nil
		}
		if row.long != "" && name != "" && strings.HasPrefix(row.long, name) {
			found = append(found, row)
		}
	}
	switch len(found) {
	case 0:
		return nil, usage("unrecognized option '%s'", word)
	case 1:
		return found[0], nil
	}
	var names []string
	for _, row := range found {
		names = append(names, "'--"+row.long+"'")
	}
	return nil, usage("option '%s' is ambiguous; possibilities: %s", word, strings.Join(names, " "))
}

func letter(c byte) *option {
	for i := range table {
		if table[i].short == c {
			return &table[i]
		}
	}
	return nil
}

// isNumber reports whether a word is a negative number, which is a parameter
// of the script. No option is a digit.
func isNumber(w string) bool {
	_, err := strconv.ParseInt(w, 0, 64)
	return err == nil
}

// afterDashes stores the words after "--": operands, and named parameters of
// the script.
func (o *Options) afterDashes(words []string) {
	o.Named = map[string]string{}
	for _, w := range words {
		name, value, has := strings.Cut(w, "=")
		if !strings.HasPrefix(w, "--") || len(name) == 2 {
			o.Words = append(o.Words, w)
			continue
		}
		if !has {
			value = "true"
		}
		o.Named[name[2:]] = value
	}
}

// Usage writes the usage text.
func Usage(w io.Writer) {
	var b strings.Builder
	b.WriteString("USAGE:\n    bpftrace [options] filename\n    bpftrace [options] - <stdin input>\n    bpftrace [options] -e 'program'\n\nOPTIONS:\n")
	for i := range table {
		row := &table[i]
		if row.refused != "" {
			continue
		}
		fmt.Fprintf(&b, "    %-28s %s\n", row.spelling(), row.help)
	}
	_, _ = io.WriteString(w, b.String()) // ignore the error: if the text cannot be written nobody reads it
}

func (row *option) spelling() string {
	s := "    --" + row.long
	switch {
	case row.long == "":
		s = "-" + string(row.short)
	case row.short != 0:
		s = "-" + string(row.short) + ", --" + row.long
	}
	if row.arg != "" {
		s += " " + row.arg
	}
	return s
}
