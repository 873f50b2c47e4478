package check

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"probe/lang/check/infer"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

var errNoMachine = errors.New("nothing is known of this machine")

// confKind is what a configuration variable takes.
type confKind uint8

const (
	confBool confKind = iota
	confInt
	confWord   // one of a list
	confString // anything
	confSwitch // enable, warn, error, and the words for booleans
)

// confVar is one row of the table of configuration variables (section 6.1).
type confVar struct {
	kind  confKind
	def   string // "" is decided by the runtime
	words []string
	doc   string // what it does, for the reference page
}

var licenses = []string{"GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"}

var confVars = map[string]confVar{
	"attach":                    {kind: confWord, words: []string{"fentry", "kprobe", "multi"}, doc: "how `call:` and `ret:` reach kernel functions; without it the best way for each"},
	"cache_user_symbols":        {kind: confWord, words: []string{"PER_PROGRAM", "PER_PID", "NONE"}, doc: "no effect: symbols are found when they are printed, and those of processes that end are kept"},
	"cpp_demangle":              {kind: confBool, def: "true", doc: "no effect: C++ names are shown as they stand in the symbol table"},
	"fgraph":                    {kind: confWord, words: []string{"bpf", "ftrace"}, doc: "what records the trees of `fgraph:`; without it the source that fits"},
	"lazy_symbolication":        {kind: confBool, def: "true", doc: "no effect: always on"},
	"license":                   {kind: confWord, def: "GPL", words: licenses, doc: "no effect: programs always declare GPL"},
	"log_size":                  {kind: confInt, def: "1000000", doc: "no effect: the verifier's log is kept as far as it matters"},
	"max_bpf_progs":             {kind: confInt, def: "1024", doc: "most programs that one script may become"},
	"max_cat_bytes":             {kind: confInt, def: "10240", doc: "most bytes that `cat` prints of a file"},
	"max_map_keys":              {kind: confInt, def: "4096", doc: "entries of maps that are not declared"},
	"max_probes":                {kind: confInt, def: "1024", doc: "most places that one script may attach to"},
	"max_stack_frames":          {kind: confInt, def: "127", doc: "frames that `kstack` and `ustack` keep when they are not told"},
	"max_strlen":                {kind: confInt, def: "1024", doc: "capacity of the results of `str` and `buf`"},
	"missing_probes":            {kind: confWord, def: "error", words: []string{"error", "warn", "ignore"}, doc: "what to do about attach points that do not exist or cannot be attached"},
	"on_stack_limit":            {kind: confInt, def: "32", doc: "no effect: the compiler decides what lies on the stack"},
	"perf_rb_pages":             {kind: confInt, def: "0", doc: "pages of the ring buffer, rounded up to a power of two; 0 means 4 MiB"},
	"print_maps_on_exit":        {kind: confBool, def: "true", doc: "print all maps at the end"},
	"show_debug_info":           {kind: confBool, doc: "no effect: stacks have no file names and no inlined functions"},
	"stack_mode":                {kind: confWord, def: "bpftrace", words: []string{"bpftrace", "perf", "raw", "build_id"}, doc: "how `kstack` and `ustack` print when they are not told"},
	"task_filter":               {kind: confWord, def: "all", words: []string{"all", "script"}, doc: "what -p and --comm apply to: all probes, or nothing but `filter_pid` and `filter_comm`, which the script then uses itself"},
	"str_trunc_trailer":         {kind: confString, def: "..", doc: "what is printed behind a string that was cut"},
	"unstable_dw_ustack":        {kind: confSwitch, def: "warn", doc: "no effect yet"},
	"unstable_import_statement": {kind: confSwitch, def: "error", doc: "no effect yet"},
	"unstable_tseries":          {kind: confSwitch, def: "warn", doc: "whether a script may use `tseries`"},
	"unstable_typeinfo":         {kind: confSwitch, def: "error", doc: "whether a script may use `typeinfo`"},
	"use_blazesym":              {kind: confBool, def: "true", doc: "no effect"},
}

// confRenamed are old names that still work (L-CFG-05).
var confRenamed = map[string]string{
	"strlen": "max_strlen", "no_cpp_demangle": "cpp_demangle", "cat_bytes_max": "max_cat_bytes", "map_keys_max": "max_map_keys",
}

// confDead have no effect any more (L-CFG-06).
var confDead = []string{
	"symbol_source", "max_type_res_iterations", "unstable_addr", "unstable_import", "unstable_macro", "unstable_map_decl",
}

// confEnvOnly can only be set in the environment (section 6.2).
var confEnvOnly = []string{
	"btf", "kernel_source", "kernel_build", "vmlinux", "color", "notify_probes_attached", "dummy_ts_map",
}

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
	return confVars[name].def
}

// int reads a number or a boolean.
func (c *config) int(name string) int64 {
	s := c.str(name)
	if s == "true" {
		return 1
	}
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// changed is what differs from the defaults.
func (c *config) changed() map[string]string {
	out := map[string]string{}
	for k, v := range c.vals {
		if v != confVars[k].def {
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
		v, known := confVars[k]
		if !known {
			c.unknownEnvironment(k)
			continue
		}
		val, why := v.parse(c.in.Config[k])
		if why != "" {
			c.out.Errorf("bad-config", source.Span{}, "invalid value for %s: %s (value: %s)", k, why, c.in.Config[k]).WithRow("C-00").
				WithNote("the value comes from the environment")
			continue
		}
		c.cfg.vals[k] = val
	}
	c.cfg.maxStrlen = c.cfg.int("max_strlen")
}

// unknownEnvironment warns of a variable that is ignored: it may be meant for
// another version, and old names count in the script only.
func (c *checker) unknownEnvironment(key string) {
	d := c.out.Warnf("unknown-environment", source.Span{}, "the environment variable BPFTRACE_%s is not known and has no effect", strings.ToUpper(key)).
		WithRow("C-00")
	if name, renamed := confRenamed[key]; renamed {
		d.WithHelp("the option is called BPFTRACE_%s", strings.ToUpper(name))
	}
}

// configEntry applies key = value.
func (c *checker) configEntry(e *syntax.ConfigEntry) {
	key := strings.TrimPrefix(strings.ToLower(e.Key), "bpftrace_")
	text := configText(e.Value)
	old, renamed := confRenamed[key]
	switch {
	case renamed:
		c.out.Warnf("renamed-config", e.At.At, "%s has been renamed, please use %s", key, old).
			WithLabel("the old name").WithRow("L-CFG-05").WithHelp("write `%s = …`", old)
		if key == "no_cpp_demangle" {
			if b, ok := parseBool(text); ok {
				text = strconv.FormatBool(!b)
			}
		}
		key = old
	case slices.Contains(confDead, key):
		c.out.Warnf("dead-config", e.At.At, "%s is deprecated and has no effect", key).
			WithLabel("nothing depends on it").WithRow("L-CFG-06").WithHelp("remove it")
		return
	case slices.Contains(confEnvOnly, strings.Trim(key, "_")):
		c.out.Errorf("bad-config", e.At.At, "%s can only be set as an environment variable", key).
			WithLabel("not in a script").WithRow("L-CFG-04").WithHelp("set `BPFTRACE_%s=…` in the environment", strings.ToUpper(key))
		return
	}
	v, known := confVars[key]
	if !known {
		d := c.out.Errorf("bad-config", e.At.At, "`%s` is not a known configuration option", e.Key).
			WithLabel("no such option").WithRow("L-CFG-04")
		if n := nearest(key, slices.Sorted(maps.Keys(confVars))); n != "" {
			d.WithHelp("an option with a similar name exists: `%s`", n)
		}
		return
	}
	val, why := v.parse(text)
	if why != "" {
		c.out.Errorf("bad-config", e.Value.Span(), "invalid value for %s: %s", key, why).
			WithLabel("this value").WithRow("L-CFG-04")
		return
	}
	if at, dup := c.cfg.at[key]; dup && c.cfg.vals[key] != val {
		c.out.Warnf("repeated-config", e.At.At, "%s is set twice: the last value counts", key).
			WithLabel("set again here").At(at, "first set here").WithRow("L-CFG-01")
	}
	c.cfg.vals[key], c.cfg.at[key] = val, e.At.At
}

// configText is a value as text.
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

// parse brings a value into its canonical form, or says what is accepted.
func (v *confVar) parse(text string) (val, why string) {
	switch v.kind {
	case confBool:
		if b, ok := parseBool(text); ok {
			return strconv.FormatBool(b), ""
		}
		return "", "expected a boolean: true, on, yes, 1, or false, off, no, 0"
	case confInt:
		n, neg, err := syntax.ParseInteger(text)
		if err != nil || neg || n > 1<<53 {
			return "", "expected a non-negative integer"
		}
		return strconv.FormatUint(n, 10), ""
	case confWord:
		for _, w := range v.words {
			if strings.EqualFold(w, text) {
				return w, ""
			}
		}
		if slices.Contains(v.words, "PER_PID") {
			switch text {
			case "0":
				return "NONE", ""
			case "1":
				return "PER_PROGRAM", ""
			}
		}
		return "", "expected one of " + strings.Join(v.words, ", ")
	case confSwitch:
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

// parseBool knows the words of C-00.
func parseBool(s string) (v, ok bool) {
	switch strings.ToLower(s) {
	case "1", "true", "on", "yes":
		return true, true
	case "0", "false", "off", "no":
		return false, true
	}
	return false, false
}

// configValue is a variable as a literal.
func (b siteVals) configValue(name string, at source.Span) hir.Expr {
	s := b.c.cfg.str(name)
	switch confVars[name].kind {
	case confBool:
		return infer.Bool(at, s == "true")
	case confInt:
		return infer.Lit(at, uint64(b.c.cfg.int(name)), false)
	}
	return infer.Str(at, s)
}

// configNames are the fields of config: all variables but one (B-CONFIG).
func configNames() []string {
	var names []string
	for k := range confVars {
		if k != "cache_user_symbols" {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	return names
}

// configRecord is config as a whole.
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

// configField is config.NAME.
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
