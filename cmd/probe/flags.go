package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"probe/lang/diag"
)

// flag is one option of a command: a row of the table that parsing and help
// are made from.
type flag struct {
	long  string
	short byte   // 0 for none
	arg   string // what its value is called; "" for a switch
	help  string
	set   func(value string) error
}

// spelling is how help shows the option: "-p, --pid PID".
func (f *flag) spelling() string {
	s := "    --" + f.long
	switch {
	case f.long == "":
		s = "-" + string(f.short)
	case f.short != 0:
		s = "-" + string(f.short) + ", --" + f.long
	}
	if f.arg != "" {
		s += " " + f.arg
	}
	return s
}

// options is what a command line asks for.
type options struct {
	command *command
	words   []string          // operands
	named   map[string]string // --name=value after "--", for the script

	program                       *string // -e
	pid                           int
	cmd, comm                     string
	out, format, buffer           string
	record                        string // record -o
	replay                        string
	quiet, noWarnings, unsafe     bool
	strict, verbose, dryRun       bool
	keepWarnings                  int // -k, how often
	duration                      time.Duration
	maxEvents                     uint64
	noFeature, traceable, btfFile string

	write                 bool   // fmt -w
	stage                 string // dump --stage
	kase, compare         string // lab --case, --compare
	ipv6, trace           bool
	before, after         time.Duration
	list, compatFmt, info bool   // bpftrace's -l, --fmt, --info
	debug                 string // bpftrace's -d
	compat                bool
	graph                 graphOptions
}

// parseFlags reads options and operands in any order (CLI-04). After "--"
// everything is an operand, but --name=value is a named parameter of the
// script.
func parseFlags(flags []flag, words []string, o *options) error {
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "--":
			return o.afterDashes(words[i+1:])
		case strings.HasPrefix(w, "--"):
			name, value, has := strings.Cut(w[2:], "=")
			f := findLong(flags, name)
			if f == nil {
				return unknownFlag(flags, name)
			}
			if f.arg == "" && has {
				return fmt.Errorf("--%s takes no value", name)
			}
			if f.arg != "" && !has {
				if i++; i >= len(words) {
					return fmt.Errorf("--%s needs a value: %s", name, f.arg)
				}
				value = words[i]
			}
			if err := f.set(value); err != nil {
				return fmt.Errorf("--%s: %w", name, err)
			}
		case len(w) > 1 && w[0] == '-' && (!isNumber(w) || findShort(flags, w[1]) != nil):
			for j := 1; j < len(w); j++ {
				f := findShort(flags, w[j])
				if f == nil {
					return fmt.Errorf("unknown option -%c", w[j])
				}
				value := ""
				if f.arg != "" {
					value = w[j+1:]
					j = len(w)
					if value == "" {
						if i++; i >= len(words) {
							return fmt.Errorf("-%c needs a value: %s", f.short, f.arg)
						}
						value = words[i]
					}
				}
				if err := f.set(value); err != nil {
					return fmt.Errorf("-%c: %w", f.short, err)
				}
			}
		default:
			o.words = append(o.words, w)
		}
	}
	return nil
}

// isNumber tells negative numbers, which are operands where no option has the
// digit.
func isNumber(w string) bool {
	_, err := strconv.ParseInt(w, 0, 64)
	return err == nil
}

func (o *options) afterDashes(words []string) error {
	o.named = map[string]string{}
	for _, w := range words {
		name, value, has := strings.Cut(w, "=")
		if !strings.HasPrefix(w, "--") || len(name) == 2 {
			o.words = append(o.words, w)
			continue
		}
		if !has {
			value = "true"
		}
		o.named[name[2:]] = value
	}
	return nil
}

func findLong(flags []flag, name string) *flag {
	for i := range flags {
		if flags[i].long == name && name != "" {
			return &flags[i]
		}
	}
	return nil
}

func findShort(flags []flag, c byte) *flag {
	for i := range flags {
		if flags[i].short == c {
			return &flags[i]
		}
	}
	return nil
}

func unknownFlag(flags []flag, name string) error {
	var names []string
	for _, f := range flags {
		names = append(names, f.long)
	}
	if near, ok := diag.Nearest(name, names); ok {
		return fmt.Errorf("unknown option --%s; one with a similar name exists: --%s", name, near)
	}
	return fmt.Errorf("unknown option --%s; options of the script come after \"--\"", name)
}

func setString(to *string) func(string) error {
	return func(v string) error { *to = v; return nil }
}

func setBool(to *bool) func(string) error {
	return func(string) error { *to = true; return nil }
}

func setProgram(to **string) func(string) error {
	return func(v string) error { *to = &v; return nil }
}

// setDuration takes "10s", "1m30s", or a number of seconds.
func setDuration(to *time.Duration) func(string) error {
	return func(v string) error {
		d, err := time.ParseDuration(v)
		if err != nil {
			n, numErr := strconv.ParseUint(v, 10, 31)
			if numErr != nil {
				return fmt.Errorf("%q is not a duration such as 10s or 1m30s", v)
			}
			d = time.Duration(n) * time.Second
		}
		if d <= 0 {
			return fmt.Errorf("%q is not a positive duration", v)
		}
		*to = d
		return nil
	}
}

func setCount(to *uint64) func(string) error {
	return func(v string) error {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil || n == 0 {
			return fmt.Errorf("%q is not a positive number", v)
		}
		*to = n
		return nil
	}
}

// maxPID is the largest process id the kernel gives out (A-LIM-22).
const maxPID = 4194304

// setPID takes the id of a process that exists.
func setPID(to *int) func(string) error {
	return func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n <= 0 || n > maxPID {
			return fmt.Errorf("%q is not a process id: a number from 1 to %d", v, maxPID)
		}
		if err := unix.Kill(n, 0); err == unix.ESRCH {
			return fmt.Errorf("process %d does not exist", n)
		}
		*to = n
		return nil
	}
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
