package check

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"probe/lang/check/infer"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

var errNoMachine = errors.New("nothing is known of this machine")

// config is the configuration of one script.
type config struct {
	vals      map[string]string
	at        map[string]source.Span
	maxStrlen int64
}

func newConfig() *config { return &config{vals: map[string]string{}, at: map[string]source.Span{}} }

// str reads a variable.
func (c *config) str(name string) string {
	if v, ok := c.vals[name]; ok {
		return v
	}
	if v := hir.FindConfig(name); v != nil {
		return v.Default
	}
	return ""
}

// int reads a number or a boolean.
func (c *config) int(name string) int64 {
	return hir.ConfigNumber(c.str(name))
}

// changed returns the variables that differ from their defaults.
func (c *config) changed() map[string]string {
	out := map[string]string{}
	for k, v := range c.vals {
		if v != hir.FindConfig(k).Default {
			out[k] = v
		}
	}
	return out
}

// configBlock applies the script's block and then the environment (L-CFG-03).
func (c *checker) configBlock(blocks []*syntax.Config) {
	c.cfg = newConfig()
	for _, blk := range blocks {
		for _, e := range blk.Entries {
			c.configEntry(e)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(c.in.Config)) {
		v := hir.FindConfig(k)
		if v == nil || v.Dead {
			c.unknownEnvironment(k)
			continue
		}
		if v.EnvOnly && !v.Compiled {
			continue // read by another tool
		}
		val, why := parseConfig(v, c.in.Config[k])
		if why != "" {
			c.out.Errorf("bad-config", source.Span{}, "invalid value for %s: %s (value: %s)", k, why, c.in.Config[k]).WithRow("C-00").
				WithNote("the value comes from the environment").CompatPrint(diag.SetupStatus, "%s", badSetting(v, c.in.Config[k]))
			continue
		}
		c.cfg.vals[k] = val
	}
	c.cfg.maxStrlen = c.cfg.int("max_strlen")
}

// unknownEnvironment warns about a variable that is ignored. It is not an
// error: it can be meant for another version, and old names only work in
// scripts.
func (c *checker) unknownEnvironment(key string) {
	d := c.out.Warnf("unknown-environment", source.Span{}, "the environment variable BPFTRACE_%s is not known and has no effect", strings.ToUpper(key)).
		WithRow("C-00").CompatOmit()
	if v, _ := hir.RenamedConfig(key); v != nil {
		d.WithHelp("the option is called BPFTRACE_%s", strings.ToUpper(v.Name))
	}
}

// configEntry applies key = value.
func (c *checker) configEntry(e *syntax.ConfigEntry) {
	key := strings.TrimPrefix(strings.ToLower(e.Key), "bpftrace_")
	text := configText(e.Value)
	if now, inverted := hir.RenamedConfig(key); now != nil {
		c.out.Warnf("renamed-config", e.At.At, "%s has been renamed, please use %s", key, now.Name).
			SameCompat().
			WithLabel("the old name").WithRow("L-CFG-05").WithHelp("write `%s = …`", now.Name)
		if b, ok := parseBool(text); ok && inverted {
			text = strconv.FormatBool(!b)
		}
		key = now.Name
	}
	v := hir.FindConfig(strings.Trim(key, "_"))
	switch {
	case v != nil && v.Dead:
		c.out.Warnf("dead-config", e.At.At, "%s is deprecated and has no effect", key).
			SameCompat().
			WithLabel("it has no effect").WithRow("L-CFG-06").WithHelp("remove it")
		return
	case v != nil && v.EnvOnly:
		c.out.Errorf("bad-config", e.At.At, "%s can only be set as an environment variable", key).
			WithCompat("%s: can only be set as an environment variable", key).
			WithLabel("not in a script").WithRow("L-CFG-04").WithHelp("set `BPFTRACE_%s=…` in the environment", strings.ToUpper(key))
		return
	}
	if v == nil || v.Name != key {
		d := c.out.Errorf("bad-config", e.At.At, "`%s` is not a known configuration option", e.Key).
			WithCompat("%s: not a known configuration option", e.Key).
			WithLabel("no such option").WithRow("L-CFG-04")
		if n := nearest(key, settable()); n != "" {
			d.WithHelp("an option with a similar name exists: `%s`", n)
		}
		return
	}
	if n, ok := e.Value.(*syntax.IntLit); ok && v.Kind == hir.ConfigBool {
		text = strconv.FormatBool(n.Value != 0)
	}
	val, why := parseConfig(v, text)
	if why != "" {
		c.out.Errorf("bad-config", e.Value.Span(), "invalid value for %s: %s", key, why).
			WithCompat("%s", badSetting(v, text)).CompatAt(e.At.At).
			WithLabel("this value").WithRow("L-CFG-04")
		return
	}
	if at, dup := c.cfg.at[key]; dup && c.cfg.vals[key] != val {
		c.out.Warnf("repeated-config", e.At.At, "%s is set twice: the last value counts", key).
			WithLabel("set again here").At(at, "first set here").WithRow("L-CFG-01")
	}
	c.cfg.vals[key], c.cfg.at[key] = val, e.At.At
}

// configText returns a value as text.
func configText(x syntax.Expr) string {
	switch x := x.(type) {
	case *syntax.StringLit:
		return x.Value
	case *syntax.IntLit:
		return strconv.FormatUint(x.Value, 10)
	case *syntax.BoolLit:
		return strconv.FormatBool(x.Value)
	case *syntax.Ident:
		return x.Name
	}
	return ""
}

// settable returns the names of the variables that a script can set.
func settable() []string {
	var names []string
	for _, v := range hir.ConfigVars() {
		if v.Settable() {
			names = append(names, v.Name)
		}
	}
	return names
}

// parseConfig converts a value to its canonical form, or returns a description
// of what is accepted.
func parseConfig(v *hir.ConfigVar, text string) (val, why string) {
	switch v.Kind {
	case hir.ConfigBool:
		if b, ok := parseBool(text); ok {
			return strconv.FormatBool(b), ""
		}
		return "", "expected a boolean: true, on, yes, 1, or false, off, no, 0"
	case hir.ConfigInt:
		least, most := v.Bounds()
		n, neg, err := syntax.ParseInteger(text)
		switch {
		case err != nil || neg || n > hir.MaxConfig:
			return "", "expected a non-negative integer"
		case int64(n) < least || int64(n) > most:
			return "", fmt.Sprintf("expected a number from %d to %d", least, most)
		}
		return strconv.FormatUint(n, 10), ""
	case hir.ConfigWord:
		for _, w := range v.Words {
			if strings.EqualFold(w, text) {
				return w, ""
			}
		}
		if w, ok := v.Numbers[text]; ok {
			return w, ""
		}
		return "", "expected one of " + strings.Join(v.Words, ", ")
	case hir.ConfigSwitch:
		switch t := strings.ToLower(text); t {
		case "enable", "warn", "error":
			return t, ""
		}
		if b, ok := parseBool(text); ok {
			if b {
				return "enable", ""
			}
			return "error", ""
		}
		return "", "expected enable, warn or error"
	}
	return text, ""
}

// parseBool parses the words for booleans (C-00).
func parseBool(s string) (v, ok bool) {
	switch strings.ToLower(s) {
	case "1", "true", "on", "yes":
		return true, true
	case "0", "false", "off", "no":
		return false, true
	}
	return false, false
}

// configValue returns a variable as a literal.
func (b siteVals) configValue(name string, at source.Span) hir.Expr {
	s := b.c.cfg.str(name)
	switch hir.FindConfig(name).Kind {
	case hir.ConfigBool:
		return infer.Bool(at, s == "true")
	case hir.ConfigInt:
		return infer.Lit(at, uint64(b.c.cfg.int(name)), false)
	}
	return infer.Str(at, s)
}

// configNames returns the fields of config by name (B-CONFIG).
func configNames() []string {
	var names []string
	for _, v := range hir.ConfigVars() {
		if v.Settable() && !v.NoField {
			names = append(names, v.Name)
		}
	}
	return names
}

// configRecord types config as a whole.
func (b siteVals) configRecord(at source.Span) hir.Expr {
	names := configNames()
	elems := make([]hir.Expr, len(names))
	ts := make([]*types.Type, len(names))
	for i, n := range names {
		elems[i] = b.configValue(n, at)
		ts[i] = elems[i].Type()
	}
	return &hir.Tuple{X: hir.X{T: types.RecordLitType(names, ts), At: at}, Elems: elems}
}

// configField types config.NAME.
func (b siteVals) configField(e *syntax.Field) hir.Expr {
	names := configNames()
	if !slices.Contains(names, e.Name) {
		d := b.errorf("unknown-field", e.NameAt, "`config` does not contain a field named `%s`", e.Name).
			WithLabel("no such option").WithRow("B-CONFIG")
		b.suggest(d, "an option", e.Name, names)
		return infer.Poison(e.At.At)
	}
	return b.configValue(e.Name, e.At.At)
}
