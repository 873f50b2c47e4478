package accept

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultTimeout is the time limit of a case without TIMEOUT.
const DefaultTimeout = 60 * time.Second

// Case is one acceptance case; the fields are the keys of the package comment.
type Case struct {
	File  string // file of the case, without folder and ending
	Line  int    // of NAME
	Name  string
	Rows  []string
	Needs []string

	Prog    string
	Opts    []string
	Args    []string
	Cmd     []string
	Files   map[string]string
	Env     []string
	Stdin   string
	User    int    // user and group of probe; 0 is root
	As      string // name that probe is called by
	Run     []string
	Do      []Step
	Timeout time.Duration

	Stdout, Maps, Stderr *Pattern // nil when not given
	Errors, Warnings     []string
	Status               int
	SortOut, SortMaps    bool // lines may come in any order
	Raw                  bool // Stdout is all of the output
}

// Command returns the command line of the case after the program's name.
func (c *Case) Command() []string {
	if c.Cmd != nil {
		return c.Cmd
	}
	line := append([]string{"run"}, c.Opts...)
	return append(append(line, "-e", c.Prog), c.Args...)
}

// JSON reports whether the case asks for JSON output.
func (c *Case) JSON() bool {
	for i, w := range c.Command() {
		if c.As == "" && w == "json" && i > 0 && c.Command()[i-1] == "-f" {
			return true
		}
	}
	return false
}

// ParseDir reads all files "*.cases" of a folder, sorted by name.
func ParseDir(dir string) ([]*Case, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.cases"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no case files in %s", dir)
	}
	slices.Sort(names)
	var all []*Case
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		cases, err := Parse(name, string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, cases...)
	}
	return all, nil
}

// Parse reads the cases of one file. Errors name the file and the line.
func Parse(name, text string) ([]*Case, error) {
	p := &parser{
		name: name,
		file: strings.TrimSuffix(filepath.Base(name), ".cases"),
		rest: strings.Split(text, "\n"),
		seen: map[string]int{},
	}
	var cases []*Case
	for {
		c, err := p.next()
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, p.line, err)
		}
		if c == nil {
			return cases, nil
		}
		cases = append(cases, c)
	}
}

// parser reads a file line by line.
type parser struct {
	name, file string
	rest       []string
	line       int            // number of the line read last
	seen       map[string]int // line of each name
}

// next reads one case, or nil at the end.
func (p *parser) next() (*Case, error) {
	c := &Case{File: p.file, Files: map[string]string{}, Timeout: DefaultTimeout, Status: -1}
	started := false
	for len(p.rest) > 0 {
		line := p.rest[0]
		p.rest = p.rest[1:]
		p.line++
		if strings.HasPrefix(line, "#") {
			continue
		}
		if strings.TrimSpace(line) == "" {
			if started {
				break
			}
			continue
		}
		key, value, _ := strings.Cut(line, " ")
		if !started {
			if key != "NAME" {
				return nil, fmt.Errorf("a case starts with NAME, found %q", key)
			}
			c.Line = p.line
		}
		started = true
		set, ok := keys[key]
		if !ok {
			return nil, fmt.Errorf("unknown key %q", key)
		}
		if err := set(c, strings.TrimLeft(value, " "), p.block()); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	if !started {
		return nil, nil
	}
	if first, twice := p.seen[c.Name]; twice {
		return nil, fmt.Errorf("the name %q is taken by the case of line %d", c.Name, first)
	}
	p.seen[c.Name] = c.Line
	return c, c.complete()
}

// block reads the lines that belong to the key before them, without their mark.
func (p *parser) block() []string {
	var lines []string
	for len(p.rest) > 0 && strings.HasPrefix(p.rest[0], "|") {
		lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(p.rest[0], "|"), " "))
		p.rest = p.rest[1:]
		p.line++
	}
	return lines
}

// complete checks that the keys are consistent and fills in the values that
// follow from them.
func (c *Case) complete() error {
	switch {
	case (c.Prog == "") == (c.Cmd == nil):
		return fmt.Errorf("%s: needs either PROG or CMD", c.Name)
	case c.Cmd != nil && (c.Opts != nil || c.Args != nil):
		return fmt.Errorf("%s: CMD is the whole command line; OPTS and ARGS go with PROG", c.Name)
	case len(c.Rows) == 0:
		return fmt.Errorf("%s: ROWS is missing", c.Name)
	case c.Raw && c.Maps != nil:
		return fmt.Errorf("%s: with RAW the whole output is in STDOUT", c.Name)
	case c.Run == nil && slices.ContainsFunc(c.Do, func(s Step) bool { return s.Do == "release" || s.Do == "workload" }):
		return fmt.Errorf("%s: DO speaks of a workload, but there is no RUN", c.Name)
	}
	if c.Status < 0 {
		c.Status = 0
		if len(c.Errors) > 0 {
			c.Status = 1
		}
	}
	if c.Do == nil && c.Run != nil {
		c.Do = []Step{{Do: "attached"}, {Do: "release"}, {Do: "workload"}, {Do: "signal", Arg: "INT"}}
	}
	return nil
}

// keys sets the field of each key from the rest of its line and its block.
var keys = map[string]func(c *Case, value string, block []string) error{
	"NAME": func(c *Case, value string, block []string) error {
		c.Name = value
		if value == "" || strings.Contains(value, "/") {
			return fmt.Errorf("needs a text without a slash")
		}
		return noBlock(block)
	},
	"ROWS":  words(func(c *Case) *[]string { return &c.Rows }),
	"NEEDS": words(func(c *Case) *[]string { return &c.Needs }),
	"OPTS":  words(func(c *Case) *[]string { return &c.Opts }),
	"ARGS":  words(func(c *Case) *[]string { return &c.Args }),
	"CMD":   words(func(c *Case) *[]string { return &c.Cmd }),
	"ENV":   words(func(c *Case) *[]string { return &c.Env }),
	"RUN":   words(func(c *Case) *[]string { return &c.Run }),
	"PROG": func(c *Case, value string, block []string) error {
		c.Prog = joined(value, block)
		return nil
	},
	"STDIN": func(c *Case, value string, block []string) error {
		c.Stdin = joined(value, block)
		return nil
	},
	"FILE": func(c *Case, value string, block []string) error {
		if value == "" || filepath.Base(value) != value {
			return fmt.Errorf("needs a plain file name")
		}
		text := ""
		for _, l := range block {
			text += l + "\n"
		}
		c.Files[value] = text
		return nil
	},
	"DO": func(c *Case, value string, block []string) error {
		for _, l := range lines(value, block) {
			s, err := parseStep(l)
			if err != nil {
				return err
			}
			c.Do = append(c.Do, s)
		}
		return nil
	},
	"USER": func(c *Case, value string, block []string) (err error) {
		c.User, err = strconv.Atoi(value)
		return err
	},
	"AS": func(c *Case, value string, block []string) error {
		c.As = value
		return noBlock(block)
	},
	"TIMEOUT": func(c *Case, value string, block []string) (err error) {
		c.Timeout, err = time.ParseDuration(value)
		return err
	},
	"STDOUT": pattern(func(c *Case) **Pattern { return &c.Stdout }),
	"MAPS":   pattern(func(c *Case) **Pattern { return &c.Maps }),
	"STDERR": pattern(func(c *Case) **Pattern { return &c.Stderr }),
	"ERROR":  pieces(func(c *Case) *[]string { return &c.Errors }),
	"WARN":   pieces(func(c *Case) *[]string { return &c.Warnings }),
	"STATUS": func(c *Case, value string, block []string) (err error) {
		c.Status, err = strconv.Atoi(value)
		return err
	},
	"SORT": func(c *Case, value string, block []string) error {
		switch value {
		case "", "stdout":
			c.SortOut = true
		case "maps":
			c.SortMaps = true
		default:
			return fmt.Errorf("takes stdout or maps, not %q", value)
		}
		return noBlock(block)
	},
	"RAW": func(c *Case, value string, block []string) error {
		c.Raw = true
		return noBlock(block)
	},
}

func noBlock(block []string) error {
	if len(block) > 0 {
		return fmt.Errorf("takes no lines with |")
	}
	return nil
}

// lines returns the value of a key as lines.
func lines(value string, block []string) []string {
	if value == "" {
		return block
	}
	return append([]string{value}, block...)
}

func joined(value string, block []string) string { return strings.Join(lines(value, block), "\n") }

// words returns the setter of a key whose value is words.
func words(field func(*Case) *[]string) func(*Case, string, []string) error {
	return func(c *Case, value string, block []string) error {
		w, err := splitWords(joined(value, block))
		if err != nil {
			return err
		}
		f := field(c)
		if *f = append(*f, w...); *f == nil {
			*f = []string{}
		}
		return nil
	}
}

// pieces returns the setter of a key that can be given several times.
func pieces(field func(*Case) *[]string) func(*Case, string, []string) error {
	return func(c *Case, value string, block []string) error {
		if value == "" {
			return fmt.Errorf("needs a piece of the message")
		}
		f := field(c)
		*f = append(*f, value)
		return noBlock(block)
	}
}

// pattern returns the setter of a key with expected output.
func pattern(field func(*Case) **Pattern) func(*Case, string, []string) error {
	return func(c *Case, value string, block []string) (err error) {
		*field(c), err = NewPattern(lines(value, block))
		return err
	}
}

// splitWords splits a text as a shell does: at blanks outside of quotes.
// Between double quotes a backslash protects a quote and a backslash.
func splitWords(text string) ([]string, error) {
	var out []string
	var word strings.Builder
	var quote byte
	in := false
	for i := 0; i < len(text); i++ {
		ch := text[i]
		switch {
		case quote == '"' && ch == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			word.WriteByte(text[i])
		case quote != 0 && ch == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(ch)
		case ch == '"' || ch == '\'':
			quote, in = ch, true
		case ch == ' ' || ch == '\t' || ch == '\n':
			if in {
				out = append(out, word.String())
				word.Reset()
			}
			in = false
		default:
			word.WriteByte(ch)
			in = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if in {
		out = append(out, word.String())
	}
	return out, nil
}
