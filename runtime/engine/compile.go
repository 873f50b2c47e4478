package engine

import (
	"slices"
	"strconv"
	"time"

	"probe/compiler"
	"probe/compiler/object"
	"probe/lang/diag"
	"probe/runtime/machine"
	"probe/runtime/session"
	"probe/stdlib"
)

// CompileOptions changes how a script is compiled. The zero value compiles for
// a run.
type CompileOptions struct {
	// Lookups also counts reads of keys that are not in their map, for
	// RunOptions.AllErrors. Each such read then costs time.
	Lookups bool
	// Sample prepares programs that only count for looking at a part of their
	// events, for RunOptions.Shed. Each run then takes a nanosecond more.
	Sample bool
	// Dump, if set, is called with the text of each program at each stage of
	// the compiler: "ir-lowered", "ir" and "bpf".
	Dump func(stage, program, text string)
	// Plain leaves out the optimising passes.
	Plain bool

	// Live is what the script shares with other scripts of a session; nil for a
	// separate run.
	Live *Live
}

// Live is the state that the scripts of a session share.
type Live struct {
	// Maps holds the existing maps, by their names in scripts.
	Maps map[string]*object.Map
	// Strings holds the interned strings so far: Object.Strings of the script
	// that was compiled last.
	Strings []string
}

// Compiled is a script that is ready to run.
type Compiled struct {
	*Checked
	// Object holds its programs and maps, as plain data.
	Object *object.Object
}

// Places returns the number of places that the script attaches to, and an
// estimate of the time that it takes to attach to them and to detach.
func (c *Compiled) Places() (n int, took time.Duration) { return session.Places(c.Object) }

// Compile compiles a script. The result is nil when the messages have errors.
func Compile(c *Checked, o CompileOptions) (*Compiled, diag.List) {
	out, list := compile(c, o)
	if out == nil {
		return nil, list
	}
	if o.Live == nil {
		var more diag.List
		said := append(slices.Clone(c.said), list.All...)
		out, more = shorten(out, o)
		list.All = append(list.All, unsaid(more.All, said)...)
		if out == nil {
			return nil, list
		}
	}
	more := out.view.Compiled(out.Tree, out.Object)
	list.All = append(list.All, more.All...)
	if list.HasErrors() {
		return nil, list
	}
	return out, list
}

// Build is Check and Compile.
func Build(s Script, m machine.Machine, co CheckOptions, o CompileOptions) (*Compiled, diag.List) {
	checked, list := Check(s, m, co)
	if checked == nil {
		return nil, list
	}
	out, more := Compile(checked, o)
	list.All = append(list.All, more.All...)
	return out, list
}

func compile(c *Checked, o CompileOptions) (*Compiled, diag.List) {
	config := compiler.Config{
		Builtins: stdlib.Table(), Types: c.view.Types(), PID: c.opts.filter(), Follow: c.opts.Follow && !c.view.Interprets(), Comm: c.opts.Comm,
		Lookups: o.Lookups, Sample: o.Sample, Dump: o.Dump, NoOpt: o.Plain, Interpret: c.view.Interprets(),
	}
	if o.Live != nil {
		config.Live, config.HashOnly, config.Strings = o.Live.Maps, true, o.Live.Strings
	}
	var err error
	if config.Target, err = c.view.Target(compiler.Needs(c.Program, config)); err != nil {
		var out diag.List
		out.Add(&diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: err.Error()})
		return nil, out
	}
	obj, out := compiler.Compile(c.Program, config)
	if obj == nil {
		return nil, out
	}
	return &Compiled{c, obj}, out
}

// unsaid returns the messages of list that are not in said: checking and
// compiling a script a second time repeats most messages.
func unsaid(list, said []*diag.Diagnostic) []*diag.Diagnostic {
	return slices.DeleteFunc(list, func(d *diag.Diagnostic) bool {
		return slices.ContainsFunc(said, func(s *diag.Diagnostic) bool {
			return s.Code == d.Code && s.Span == d.Span && s.Message == d.Message
		})
	})
}

// shorten compiles a script again with shorter strings and stacks, for kernels
// that limit the keys of maps to 512 bytes. It does not change sizes that the
// script sets itself.
func shorten(c *Compiled, o CompileOptions) (*Compiled, diag.List) {
	const least = 32
	asked := c.Program.Config
	small := c.Checked
	var list diag.List
	o.Dump = nil // the dump shows the script with its own sizes
	for n := machine.SmallKey / 2; n >= least; n /= 2 {
		if largestKey(c.Object) <= machine.SmallKey {
			break
		}
		limit := c.view.KeyLimit()
		if limit == 0 || largestKey(c.Object) <= limit {
			break
		}
		config := small.opts.Config
		for name, v := range map[string]int{"max_strlen": n, "max_stack_frames": n/4 - 4} {
			if _, set := small.opts.Config[name]; asked[name] == "" && !set {
				config = with(config, name, strconv.Itoa(v))
			}
		}
		opts := small.opts
		opts.Config = config
		again, _, more := check1(small.script, small.machine, opts)
		list = more
		if again == nil {
			return nil, list
		}
		again.opts = small.opts
		shorter, complaints := compile(again, o)
		list.All = append(list.All, complaints.All...)
		if shorter == nil {
			return nil, list
		}
		c = shorter
	}
	return c, list
}

func largestKey(obj *object.Object) int {
	largest := 0
	for _, m := range obj.Spec.Maps {
		largest = max(largest, int(m.KeySize))
	}
	return largest
}
