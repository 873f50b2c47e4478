package engine

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"probe/lang/check"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
	"probe/runtime/machine"
	"probe/stdlib"
)

// Script is the text of a script and its parameters.
type Script struct {
	// Name is the name of the script in messages, and the path beside which
	// imported files are looked up. It need not be the name of a file.
	Name string
	Text string
	// Tree is the parsed script, nil if it has not been parsed yet. With a
	// Tree, Name is not used, and Text is used only to predict what the script
	// may need.
	Tree *syntax.File
	// Params are the positional parameters: $1 is Params[0].
	Params []string
	// Named are the named parameters (getopt). A parameter that the script does
	// not ask for is an error.
	Named map[string]string
	// Import finds the files that the script imports; nil is Import.
	Import Importer
}

// CheckOptions describes the run that a script is checked for. The zero value
// is a run without restrictions.
type CheckOptions struct {
	// PID and Comm restrict the run to a process and to threads with a name; 0
	// and "" mean no restriction.
	PID  int
	Comm string
	// UnwindPID is the process whose stacks dw_ustack walks, 0 for the one that the
	// run is restricted to.
	UnwindPID int
	// Follow restricts the run to the process of PID or Child and its descendants,
	// which the programs of a run in the kernel find out for themselves.
	Follow bool
	// Child is a command that runs along with the script and to which the run
	// is restricted; nil for none.
	Child *Child
	// Open lets probes on the kernel see all processes although there is a Child:
	// only what is attached for a process is attached for the child. Its end still
	// ends the run. bpftrace's -c means that.
	Open bool
	// Unsafe allows functions that change the system.
	Unsafe bool
	// Danger is what to do about kernel functions that are dangerous or hot to
	// probe.
	Danger hir.Danger
	// Exact takes only what bpftrace takes, and also gives its warnings about what
	// most scripts do on purpose.
	Exact bool
	// Mode selects the probes of the script that are compiled: those that are
	// attached, its tests, or its benchmarks.
	Mode hir.Mode
	// Filter leaves out probes whose names it does not match, but for begin, end
	// and self; nil leaves out none.
	Filter *regexp.Regexp
	// Config holds configuration variables from outside of the script, by name.
	// They take precedence over the script's own.
	Config map[string]string
	// Includes are headers that the C section includes before anything else,
	// HeaderDirs the folders in which headers are looked for.
	Includes, HeaderDirs []string
	// Maps lists maps that exist already, in a session, and that the script may
	// use.
	Maps []*hir.Map
	// Empty allows a script without probes.
	Empty bool
}

// filter is the process that programs look for themselves.
func (o *CheckOptions) filter() int {
	if o.Child != nil && o.Open {
		return 0
	}
	return o.pid()
}

// unwound is the process whose stacks dw_ustack walks, 0 for none.
func (o *CheckOptions) unwound() int { return cmp.Or(o.UnwindPID, o.pid()) }

// pid returns the process that the run is restricted to, 0 for none.
func (o *CheckOptions) pid() int {
	if o.Child != nil {
		return o.Child.PID()
	}
	return o.PID
}

// wants reports whether a probe takes part in the run.
func (o *CheckOptions) wants(s *hir.Site) bool {
	k := s.About()
	switch {
	case k.Phase != hir.WhileAttached:
		return true
	case k.Mode != o.Mode:
		return false
	case o.Filter == nil || s.Attach.Kind == hir.AttachSignal:
		return true
	}
	return o.Filter.MatchString(s.Name)
}

// Checked is a script without errors.
type Checked struct {
	Tree    *syntax.File
	Program *hir.Script

	script  Script
	machine machine.Machine
	view    machine.View
	opts    CheckOptions
	said    []*diag.Diagnostic // messages about it, so that Compile does not repeat them, so that Compile does not repeat them
}

// Parse parses a script. The tree is nil when there are errors.
func Parse(s Script) (*syntax.File, diag.List) {
	if s.Tree != nil {
		return s.Tree, diag.List{}
	}
	tree, list := syntax.Parse(source.New(s.Name, s.Text))
	if list.HasErrors() {
		return nil, list
	}
	return tree, list
}

// Check parses a script and types it for a machine. The result is nil when the
// messages have errors.
func Check(s Script, m machine.Machine, o CheckOptions) (*Checked, diag.List) {
	tree, list := Parse(s)
	if tree == nil {
		return nil, list
	}
	s.Tree = tree
	c, _, more := check1(s, m, o)
	list.All = append(list.All, more.All...)
	return c, list
}

// Learn is Check for tools that show or change scripts, such as editors. It
// returns what is known of a script even if the script does not parse or has
// errors.
func Learn(s Script, m machine.Machine, o CheckOptions) (*check.Info, diag.List) {
	var list diag.List
	if s.Tree == nil {
		s.Tree, list = syntax.Parse(source.New(s.Name, s.Text))
	}
	_, info, more := check1(s, m, o)
	list.All = append(list.All, more.All...)
	list.Sort()
	return info, list
}

// check1 types a parsed script.
func check1(s Script, m machine.Machine, o CheckOptions) (*Checked, *check.Info, diag.List) {
	q := machine.Query{Options: s.Named, PID: o.pid(), Unwind: o.UnwindPID, Comm: o.Comm, Deep: stdlib.Deep()}
	if o.Child != nil {
		q.Child = o.Child.PID()
	}
	c := &Checked{Tree: s.Tree, script: s, machine: m, view: m.View(q), opts: o}
	m.Warm(check.Foresee(s.Tree, stdlib.Signatures(), c.view.Probes().Kinds()))
	find := s.Import
	if find == nil {
		find = Import
	}
	config := o.Config
	if c.view.Partial() {
		// The view itself reports the probes that its machine lacks.
		config = with(config, "missing_probes", "ignore")
	}
	prog, info, list := check.Check(&check.Input{
		File: s.Tree, Builtins: stdlib.Signatures(), Probes: c.view.Probes(), Types: c.view.Types(), Env: c.view.Env(),
		Config: config, Params: s.Params, PID: q.PID, Comm: q.Comm, Unsafe: o.Unsafe, Danger: o.Danger, Exact: o.Exact, Maps: o.Maps,
		Import: find, Includes: o.Includes, Header: headers(o.HeaderDirs),
	})
	if prog != nil {
		checkNamed(s.Named, prog.Options, &list)
		had := len(prog.Probes) > 0
		prog.Probes = slices.DeleteFunc(prog.Probes, func(p *hir.Probe) bool { return !o.wants(p.Site) })
		switch {
		case had && len(prog.Probes) == 0:
			d := list.Add(&diag.Diagnostic{Severity: diag.Error, Code: "no-probes", Row: "O-EXIT-03", Message: "no probes to attach", Compat: diag.Compat{Plain: "No probes to attach"}})
			if o.Filter != nil {
				d.WithNote("the filter %q matches none of the names", o.Filter)
			} else {
				d.WithNote("tests run with --test, benchmarks with --bench, and all other probes without these")
			}
		case len(prog.Probes) == 0 && !c.view.Partial() && !o.Empty:
			list.Add(&diag.Diagnostic{Severity: diag.Error, Code: "no-probes", Row: "O-EXIT-03", Message: "no probes to attach", Compat: diag.Compat{Plain: "No probes to attach"}}).
				WithHelp("a script is made of probes: `begin { printf(\"hello\\n\"); }`")
		}
	}
	c.view.Checked(&list)
	if prog == nil || list.HasErrors() {
		return nil, info, list
	}
	c.Program, c.said = prog, slices.Clone(list.All)
	return c, info, list
}

// with returns a copy of a configuration with one more variable.
func with(config map[string]string, name, value string) map[string]string {
	out := map[string]string{name: value}
	for k, v := range config {
		if k != name {
			out[k] = v
		}
	}
	return out
}

// checkNamed reports an error for each named parameter that the script does not
// ask for (L-PARM-12).
func checkNamed(given map[string]string, asked []hir.Option, out *diag.List) {
	known := map[string]bool{}
	for _, o := range asked {
		known[o.Name] = true
	}
	var bad []string
	for name := range given {
		if !known[name] {
			bad = append(bad, "--"+name)
		}
	}
	if len(bad) == 0 {
		return
	}
	slices.Sort(bad)
	d := out.Add(&diag.Diagnostic{Severity: diag.Error, Code: "bad-option", Row: "L-PARM-12",
		Message: "unexpected program command line options: " + strings.Join(bad, ", ")})
	if len(asked) == 0 {
		d.WithNote("the script takes no options").SameCompat().CompatHint("no custom program options defined.")
		return
	}
	help := slices.Equal(bad, []string{"--help"})
	lines, compat, described := "expected program options:", "", false
	for _, o := range asked {
		line := "--" + o.Name
		if o.Doc != "" {
			line += ": " + o.Doc
			described = true
		}
		lines, compat = lines+"\n  "+line, compat+": --"+o.Name
	}
	d.WithHelp("%s", lines)
	if help {
		d.CompatPrint(0, "HINT: %s", strings.ReplaceAll(lines, "\n  ", "\n"))
		return
	}
	if described {
		d.WithCompat("%s\nHINT: %s", d.Message, strings.ReplaceAll(lines, "\n  ", "\n"))
		return
	}
	d.SameCompat().CompatHint("expected program options%s", compat)
}

// Signatures returns the functions, values and aggregations of the language, by
// name.
func Signatures() map[string]*types.Signature { return stdlib.Signatures() }

// Modules lists the modules of the library that scripts can import.
func Modules() []string { return stdlib.Modules() }
