package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"probe/lang/diag"
)

// Parsed is the part of a command line other than the values of its options.
type Parsed struct {
	Operands []string
	// Named holds the parameters --name=value after "--", which belong to a
	// script; nil if there are none.
	Named map[string]string
	Help  bool // --help was given. The rest is not checked, but help may be about an operand
}

// Mistake is the error for a command line that does not follow the tables.
type Mistake struct {
	Message string
	Word    int    // index of the word at fault, -1 if it is none of them
	Label   string // what is wrong with that word
	Notes   []string
	Helps   []string
}

// Error implements error: the message without its place.
func (m *Mistake) Error() string { return m.Message }

// guard marks operands that pflag would take for options, such as negative
// numbers. It is NUL, which no argument of a program can contain.
const guard = "\x00"

// given is the value that pflag passes to a switch without a value.
const given = "\x00given"

// Parse reads the words that follow a command's name and stores the values of
// its options in o. Errors are *Mistake.
func (a *App[O]) Parse(c *Command, words []string, o *O) (Parsed, error) {
	var p Parsed
	root := a.root()
	root.AddCommand(a.cobra(c, func(f *Flag[O], v string) error { return f.Set(o, v) }))
	cmd := root.Commands()[0]
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p.operands(args, cmd.ArgsLenAtDash(), c.Script)
		return nil
	}
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		p.Help = true
		p.operands(cmd.Flags().Args(), cmd.ArgsLenAtDash(), c.Script)
	})
	root.SetArgs(append([]string{c.Name}, a.guarded(c, words)...))
	if err := root.Execute(); err != nil {
		return p, a.mistake(c, words, err)
	}
	if n := len(p.Operands); !p.Help && (n < c.Min || c.Max >= 0 && n > c.Max) {
		return p, a.count(c, words, p.Operands)
	}
	return p, nil
}

// root returns the cobra command of the program, without its commands.
func (a *App[O]) root() *cobra.Command {
	root := &cobra.Command{Use: a.Name, SilenceErrors: true, SilenceUsage: true, Args: cobra.ArbitraryArgs}
	root.CompletionOptions.DisableDefaultCmd = true
	// cobra must not add a help command: ours is in the table.
	root.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true})
	return root
}

// cobra returns a cobra command with the options of c. set stores a value.
func (a *App[O]) cobra(c *Command, set func(f *Flag[O], value string) error) *cobra.Command {
	cmd := &cobra.Command{Use: c.Name, Short: c.Summary, Hidden: c.Hidden, Args: cobra.ArbitraryArgs, SilenceErrors: true, SilenceUsage: true,
		RunE: func(*cobra.Command, []string) error { return nil }}
	flags := cmd.Flags()
	flags.SortFlags = false
	for _, f := range a.Options(c.Name) {
		v := &flagValue[O]{flag: f, set: set}
		pf := &pflag.Flag{Name: f.Name, Usage: firstSentence(f.Help), Value: v}
		if f.Short != 0 {
			pf.Shorthand = string(f.Short)
		}
		if f.Arg == "" {
			pf.NoOptDefVal = given
		}
		flags.AddFlag(pf)
	}
	return cmd
}

// flagValue implements pflag.Value for an option.
type flagValue[O any] struct {
	flag *Flag[O]
	set  func(f *Flag[O], value string) error
}

func (v *flagValue[O]) String() string { return "" }
func (v *flagValue[O]) Type() string   { return v.flag.Arg }

// Set implements pflag.Value.
func (v *flagValue[O]) Set(s string) error {
	if v.flag.Arg == "" {
		if s != given {
			return errNoValue
		}
		return v.set(v.flag, "")
	}
	return v.set(v.flag, strings.TrimPrefix(s, guard))
}

var errNoValue = errors.New("takes no value")

// guarded returns the words with guard before those that are operands although
// they start with a dash: negative numbers, unless a digit is an option, and
// for some commands all words.
func (a *App[O]) guarded(c *Command, words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		if w == "--" {
			copy(out[i:], words[i:])
			break
		}
		if negative(w) && a.short(c, w[1]) == nil || c.Dashes && strings.HasPrefix(w, "-") && w != "-h" && w != "--help" {
			w = guard + w
		}
		out[i] = w
	}
	return out
}

// negative reports whether a word is a number below 0.
func negative(w string) bool {
	if len(w) < 2 || w[0] != '-' {
		return false
	}
	_, err := strconv.ParseInt(w, 0, 64)
	return err == nil
}

func (a *App[O]) short(c *Command, letter byte) *Flag[O] {
	for i := range a.Flags {
		if f := &a.Flags[i]; f.Short == letter && f.Of(c.Name) {
			return f
		}
	}
	return nil
}

// operands stores the operands. dash is the index of the first one after "--",
// -1 if there was none. script says whether the words after "--" can be named
// parameters.
func (p *Parsed) operands(args []string, dash int, script bool) {
	for i, w := range args {
		w = strings.TrimPrefix(w, guard)
		name, value, has := strings.Cut(w, "=")
		if !script || dash < 0 || i < dash || !strings.HasPrefix(w, "--") || len(name) == 2 {
			p.Operands = append(p.Operands, w)
			continue
		}
		if !has {
			value = "true"
		}
		if p.Named == nil {
			p.Named = map[string]string{}
		}
		p.Named[name[2:]] = value
	}
}

// count returns the mistake for too few or too many operands, nil if their
// number is right.
func (a *App[O]) count(c *Command, words, operands []string) *Mistake {
	takes := fmt.Sprintf("%d to %d operands", c.Min, c.Max)
	switch {
	case c.Max < 0:
		takes = "at least " + plural(c.Min, "operand")
	case c.Min == c.Max && c.Min == 0:
		takes = "no operands"
	case c.Min == c.Max:
		takes = plural(c.Min, "operand")
	case c.Min == 0 && c.Max == 1:
		takes = "at most 1 operand"
	}
	m := &Mistake{Message: fmt.Sprintf("%s %s takes %s, found %d", a.Name, c.Name, takes, len(operands)), Word: -1}
	if len(operands) > c.Min {
		m.Word, m.Label = lastIndex(words, operands[c.Max]), "one too many"
	}
	return m
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// mistake converts an error of pflag to a Mistake in the style of probe's
// messages.
func (a *App[O]) mistake(c *Command, words []string, err error) *Mistake {
	var (
		unknown *pflag.NotExistError
		needs   *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
		syntax  *pflag.InvalidSyntaxError
	)
	switch {
	case errors.As(err, &unknown):
		return a.unknown(c, words, unknown.GetSpecifiedName(), unknown.GetSpecifiedShortnames())
	case errors.As(err, &needs):
		spelled := "--" + needs.GetSpecifiedName()
		if needs.GetSpecifiedShortnames() != "" {
			spelled = "-" + needs.GetSpecifiedName()
		}
		arg := needs.GetFlag().Value.Type()
		return &Mistake{Message: fmt.Sprintf("%s needs a value: %s", spelled, arg), Word: len(words) - 1, Label: arg + " is missing after this word"}
	case errors.As(err, &invalid):
		return invalidValue(words, invalid)
	case errors.As(err, &syntax):
		w := syntax.GetSpecifiedFlag()
		return &Mistake{Message: fmt.Sprintf("%s is not an option: an option is two dashes and a name", w), Word: index(words, w)}
	}
	return &Mistake{Message: err.Error(), Word: -1}
}

// invalidValue returns the mistake of a value that the option does not take.
func invalidValue(words []string, e *pflag.InvalidValueError) *Mistake {
	f := e.GetFlag()
	long, spelled, at := "--"+f.Name, "-"+f.Shorthand, -1
	for i, w := range words {
		if w == "--" {
			break
		}
		if w == long || strings.HasPrefix(w, long+"=") {
			spelled, at = long, i
			break
		}
		if at < 0 && f.Shorthand != "" && len(w) > 1 && w[0] == '-' && w[1] != '-' && strings.Contains(w, f.Shorthand) {
			at = i
		}
	}
	cause := errors.Unwrap(e)
	if errors.Is(cause, errNoValue) {
		return &Mistake{Message: spelled + " takes no value", Word: at, Label: "a switch: leave out what follows the name"}
	}
	// Point at the value, which may be the next word.
	if at >= 0 && at+1 < len(words) && !strings.Contains(words[at], "=") && strings.TrimPrefix(e.GetValue(), guard) == words[at+1] {
		at++
	}
	return &Mistake{Message: spelled + ": " + cause.Error(), Word: at}
}

// unknown returns the mistake of an option that the command does not have.
// shorts are the letters that a short one stood among.
func (a *App[O]) unknown(c *Command, words []string, name, shorts string) *Mistake {
	if shorts != "" {
		m := &Mistake{Message: "unknown option -" + name[:1], Word: lettersIndex(words, shorts), Label: a.notOf(c)}
		a.elsewhere(m, func(f *Flag[O]) bool { return f.Short == name[0] }, "-"+name[:1])
		return m
	}
	m := &Mistake{Message: "unknown option --" + name, Word: index(words, "--"+name), Label: a.notOf(c)}
	var names []string
	for _, f := range a.Options(c.Name) {
		names = append(names, f.Name)
	}
	near, ok := diag.Nearest(name, append(names, "help"))
	if ok {
		m.Helps = append(m.Helps, "an option with a similar name exists: `--"+near+"`")
	} else {
		a.elsewhere(m, func(f *Flag[O]) bool { return f.Name == name }, "--"+name)
	}
	if !ok && c.Script {
		m.Helps = append(m.Helps, "options of the script come after `--`: `"+a.Name+" "+c.Name+" SCRIPT -- --"+name+"=VALUE`")
	}
	return m
}

func (a *App[O]) notOf(c *Command) string { return "not an option of `" + a.Name + " " + c.Name + "`" }

// elsewhere adds to a mistake which other commands have the option.
func (a *App[O]) elsewhere(m *Mistake, is func(*Flag[O]) bool, spelled string) {
	var have []string
	for _, c := range a.shown() {
		for _, f := range a.Options(c.Name) {
			if is(f) {
				have = append(have, "`"+a.Name+" "+c.Name+"`")
			}
		}
	}
	if len(have) > 0 {
		m.Notes = append(m.Notes, spelled+" is an option of "+join(have))
	}
}

// join returns a list as text: "a, b and c".
func join(list []string) string {
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
	return strings.Join(list, "")
}

// index returns the index of the word s, or of s with a value, -1 if there is
// none.
func index(words []string, s string) int {
	for i, w := range words {
		if w == s || strings.HasPrefix(w, s+"=") {
			return i
		}
	}
	return -1
}

// lettersIndex returns the index of the word of short options that ends with
// letters, -1 if there is none.
func lettersIndex(words []string, letters string) int {
	for i, w := range words {
		if strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--") && strings.HasSuffix(w, letters) {
			return i
		}
	}
	return -1
}

func lastIndex(words []string, s string) int {
	for i := len(words) - 1; i >= 0; i-- {
		if words[i] == s {
			return i
		}
	}
	return -1
}
