package recording

import (
	"fmt"
	"slices"
	"strings"

	"probe/compiler/target"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine"
	"probe/runtime/machine/live/provider"
)

// View implements machine.Machine; it is a *View.
func (r *Machine) View(q machine.Query) machine.View {
	return &View{Machine: r, env: env{r: r, q: q, enums: enums{}, asked: map[string]string{}}}
}

// Warm implements machine.Machine: the recording is in memory.
func (r *Machine) Warm(hir.Foresight) {}

// Refuses implements machine.Machine: a recording needs no privileges.
func (r *Machine) Refuses() *diag.Diagnostic { return nil }

// Probes implements machine.View.
func (r *View) Probes() hir.Probes { return r }

// Types implements machine.View.
func (r *View) Types() hir.Types { return r }

// Env implements machine.View.
func (r *View) Env() types.Env { return &r.env }

// Target implements machine.View: a kernel with all features and one CPU. Tasks
// are not part of a recording.
func (r *View) Target(target.Set) (*target.Target, error) {
	t := target.Full(1)
	delete(t.Features, target.TaskBTF)
	return t, nil
}

// KeyLimit implements machine.View: the interpreter has none.
func (r *View) KeyLimit() int { return 0 }

// Interprets implements machine.View.
func (r *View) Interprets() bool { return true }

// Partial implements machine.View.
func (r *View) Partial() bool { return true }

// Checked implements machine.View: it explains missing types, and turns
// warnings about attach points without events into errors if no other is left.
func (r *View) Checked(list *diag.List) {
	explain(list)
	r.settle()
}

// List implements machine.Machine: the probes of the functions that were called.
func (r *Machine) List(pattern string, yield func(machine.Listed) bool) error {
	kind, rest, named := strings.Cut(pattern, ":")
	kinds := slices.DeleteFunc(provider.Kinds(), func(k hir.ProbeKind) bool { return !k.Recorded })
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	if named {
		k := provider.KindOf(kind)
		if k == nil || !k.Recorded {
			return fmt.Errorf("a recording has probes of the kinds %s only", strings.Join(names, ", "))
		}
		kinds = []hir.ProbeKind{*k}
	} else if rest = pattern; rest == "" {
		rest = "*"
	}
	module, name, ok := strings.Cut(rest, ":")
	if !ok {
		module, name = "", rest
	}
	for _, k := range kinds {
		for _, fn := range r.matching(module, name, k.Graph) {
			if !yield(machine.Listed{Name: k.Name + ":" + symbol(&fn.Func)}) {
				return nil
			}
		}
	}
	return nil
}

var _ machine.View = (*View)(nil)
