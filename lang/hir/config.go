package hir

import (
	"slices"
	"strconv"
	"strings"
)

// ConfigKind is the kind of value a configuration variable takes.
type ConfigKind uint8

// The kinds.
const (
	ConfigBool   ConfigKind = iota
	ConfigInt               // a number from Min to Max
	ConfigWord              // one of Words
	ConfigString            // anything
	ConfigSwitch            // enable, warn, error, and the words for booleans
)

// ConfigVar is one configuration variable of the language.
type ConfigVar struct {
	Name string
	Row  string // row id of the language reference
	Kind ConfigKind
	// Default is the value without a setting; "" when the runtime decides.
	Default  string
	Words    []string // for ConfigWord
	Min, Max int64    // bounds of ConfigInt; Max 0 is MaxConfig
	Doc      string   // what it does, for the reference page
	// Was and WasNot are older names, which still work in scripts (L-CFG-05). A
	// name in WasNot has the opposite meaning.
	Was    []string
	WasNot string
	// NoField leaves the variable out of the value `config` (B-CONFIG).
	NoField bool
	// Numbers maps a number as written to the word it stands for.
	Numbers map[string]string
	// EnvOnly marks settings of the command-line tools, which can only be set
	// in the environment (L-CFG-04).
	EnvOnly bool
	// Compiled marks those of EnvOnly that change what a script is compiled to.
	Compiled bool
	// Dead marks variables that are accepted but no longer have an effect
	// (L-CFG-06).
	Dead bool
}

// MaxConfig is the maximum of a numeric variable. 2^53 is exact in a double,
// and so in JSON.
const MaxConfig = 1 << 53

var licenses = []string{"GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"}

// configVars is the one table of configuration variables, by name.
var configVars = []ConfigVar{
	{Name: "attach", Row: "X-CALL", Kind: ConfigWord, Words: []string{"fentry", "kprobe", "multi"}, Doc: "how `call:` and `ret:` reach kernel functions; without it the best way for each"},
	{Name: "btf", Row: "C-ENV-BTF", EnvOnly: true},
	{Name: "cache_user_symbols", Row: "C-CACHEUSYM", Kind: ConfigWord, Words: []string{"PER_PROGRAM", "PER_PID", "NONE"}, NoField: true, Numbers: map[string]string{"0": "NONE", "1": "PER_PROGRAM"},
		Doc: "no effect: symbols are found when they are printed, and those of processes that end are kept"},
	{Name: "color", Row: "C-ENV-COLOR", EnvOnly: true},
	{Name: "cpp_demangle", Row: "C-CPPDEMANGLE", Kind: ConfigBool, Default: "true", WasNot: "no_cpp_demangle", Doc: "show the names of C++ and Rust functions as the source has them"},
	{Name: "debug_output", Row: "C-ENV-MISC", EnvOnly: true},
	{Name: "dummy_ts_map", Row: "C-ENV-DUMMYTS", Kind: ConfigString, EnvOnly: true, Compiled: true},
	{Name: "fgraph", Row: "X-FGRAPH", Kind: ConfigWord, Words: []string{"bpf", "ftrace"}, Doc: "what records the trees of `fgraph:`; without it the source that fits"},
	{Name: "kernel_build", Row: "C-ENV-KSRC", EnvOnly: true},
	{Name: "kernel_source", Row: "C-ENV-KSRC", EnvOnly: true},
	{Name: "lazy_symbolication", Row: "C-LAZYSYM", Kind: ConfigBool, Default: "true", Doc: "no effect: always on"},
	{Name: "license", Row: "C-LICENSE", Kind: ConfigWord, Default: "GPL", Words: licenses, Doc: "no effect: programs always declare GPL"},
	{Name: "log_size", Row: "C-LOGSIZE", Kind: ConfigInt, Default: "1000000", Doc: "no effect: the verifier's log is kept as far as it matters"},
	{Name: "max_bpf_progs", Row: "C-MAXPROGS", Kind: ConfigInt, Default: "1024", Doc: "maximum number of programs that one script may become"},
	{Name: "max_cat_bytes", Row: "C-MAXCAT", Kind: ConfigInt, Default: "10240", Was: []string{"cat_bytes_max"}, Doc: "maximum number of bytes that `cat` prints of a file"},
	{Name: "max_map_keys", Row: "C-MAXKEYS", Kind: ConfigInt, Default: "4096", Was: []string{"map_keys_max"}, Doc: "entries of maps that are not declared"},
	{Name: "max_probes", Row: "C-MAXPROBES", Kind: ConfigInt, Default: "1024", Doc: "maximum number of places that one script may attach to"},
	{Name: "max_stack_frames", Row: "F-STACK", Kind: ConfigInt, Default: "127", Doc: "frames that `kstack` and `ustack` keep when they are not told"},
	{Name: "max_strlen", Row: "C-STRLEN", Kind: ConfigInt, Default: "1024", Was: []string{"strlen"}, Doc: "capacity of the results of `str` and `buf`"},
	{Name: "max_type_res_iterations", Row: "L-CFG-06", Dead: true},
	{Name: "missing_probes", Row: "C-MISSING", Kind: ConfigWord, Default: "error", Words: []string{"error", "warn", "ignore"}, Doc: "what to do about attach points that do not exist or cannot be attached"},
	{Name: "notify_probes_attached", Row: "C-ENV-NOTIFY", EnvOnly: true},
	{Name: "on_stack_limit", Row: "C-STACKLIMIT", Kind: ConfigInt, Default: "32", Doc: "no effect: the compiler decides what lies on the stack"},
	{Name: "perf_rb_pages", Row: "C-RBPAGES", Kind: ConfigInt, Default: "0", Doc: "pages of the ring buffer, rounded up to a power of two; 0 means 4 MiB"},
	{Name: "print_maps_on_exit", Row: "C-PRINTMAPS", Kind: ConfigBool, Default: "true", Doc: "print all maps at the end"},
	{Name: "show_debug_info", Row: "C-DEBUGINFO", Kind: ConfigBool, Doc: "whether user stacks show source lines and inlined functions, where there is debugging information; when it is not set they do in `probe run` and not under the name bpftrace"},
	{Name: "stack_mode", Row: "C-STACKMODE", Kind: ConfigWord, Default: "bpftrace", Words: []string{"bpftrace", "perf", "raw", "build_id"}, Doc: "how `kstack` and `ustack` print when they are not told"},
	{Name: "str_trunc_trailer", Row: "C-TRUNC", Kind: ConfigString, Default: "..", Doc: "what is printed behind a string that was cut"},
	{Name: "symbol_source", Row: "L-CFG-06", Dead: true},
	{Name: "task_filter", Row: "X-RUN", Kind: ConfigWord, Default: "all", Words: []string{"all", "script"}, Doc: "what -p and --comm apply to: all probes, or nothing but `filter_pid` and `filter_comm`, which the script then uses itself"},
	{Name: "unstable_addr", Row: "L-CFG-06", Dead: true},
	{Name: "unstable_dw_ustack", Row: "C-UNSTABLE", Kind: ConfigSwitch, Default: "warn", Doc: "whether a script may use `dw_ustack`"},
	{Name: "unstable_import", Row: "L-CFG-06", Dead: true},
	{Name: "unstable_import_statement", Row: "C-UNSTABLE", Kind: ConfigSwitch, Default: "error", Doc: "no effect yet"},
	{Name: "unstable_macro", Row: "L-CFG-06", Dead: true},
	{Name: "unstable_map_decl", Row: "L-CFG-06", Dead: true},
	{Name: "unstable_tseries", Row: "C-UNSTABLE", Kind: ConfigSwitch, Default: "warn", Doc: "whether a script may use `tseries`"},
	{Name: "unstable_typeinfo", Row: "C-UNSTABLE", Kind: ConfigSwitch, Default: "error", Doc: "whether a script may use `typeinfo`"},
	{Name: "use_blazesym", Row: "C-BLAZESYM", Kind: ConfigBool, Default: "true", Doc: "no effect"},
	{Name: "vmlinux", Row: "C-ENV-VMLINUX", EnvOnly: true},
}

// ConfigVars lists every configuration variable by name, including those that
// scripts cannot set and those without effect.
func ConfigVars() []ConfigVar { return slices.Clone(configVars) }

// FindConfig finds a variable by its name; nil if there is none.
func FindConfig(name string) *ConfigVar {
	i, ok := slices.BinarySearchFunc(configVars, name, func(v ConfigVar, name string) int { return strings.Compare(v.Name, name) })
	if !ok {
		return nil
	}
	return &configVars[i]
}

// RenamedConfig finds a variable by one of its former names. inverted is set if
// that name had the opposite meaning.
func RenamedConfig(old string) (v *ConfigVar, inverted bool) {
	for i := range configVars {
		v := &configVars[i]
		if slices.Contains(v.Was, old) || v.WasNot == old && old != "" {
			return v, v.WasNot == old
		}
	}
	return nil, false
}

// Settable reports whether scripts and the environment can set v.
func (v *ConfigVar) Settable() bool { return !v.EnvOnly && !v.Dead }

// Values describes the values that v accepts, for messages and the reference
// page.
func (v *ConfigVar) Values() string {
	switch v.Kind {
	case ConfigBool:
		return "true, false"
	case ConfigInt:
		return "a number"
	case ConfigWord:
		return strings.Join(v.Words, ", ")
	case ConfigString:
		return "a string"
	}
	return "enable, warn, error"
}

// Bounds returns the smallest and the largest number that a variable takes.
func (v *ConfigVar) Bounds() (least, most int64) {
	if v.Max == 0 {
		return v.Min, MaxConfig
	}
	return v.Min, v.Max
}

// ConfigString returns the value of a variable in its canonical form: what the
// script or the environment set, or the default.
func (p *Script) ConfigString(name string) string {
	if s, ok := p.Config[name]; ok {
		return s
	}
	if v := FindConfig(name); v != nil {
		return v.Default
	}
	return ""
}

// ConfigInt returns the value of a variable that is a number or a boolean.
func (p *Script) ConfigInt(name string) int64 { return ConfigNumber(p.ConfigString(name)) }

// ConfigNumber reads the canonical form of a number or a boolean.
func ConfigNumber(s string) int64 {
	if s == "true" {
		return 1
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
