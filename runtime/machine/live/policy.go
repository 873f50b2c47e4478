package live

import (
	"strings"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/types"
)

// permitted returns a message for each probe of a script that the policy of the
// machine does not allow.
func (v *view) permitted(obj *object.Object) (list diag.List) {
	if v.m.policy == nil {
		return list
	}
	seen := map[*hir.Probe]bool{}
	for _, p := range obj.Programs {
		if seen[p.Probe] {
			continue
		}
		if err := v.permit(p.Site); err != nil {
			seen[p.Probe] = true
			list.Add(&diag.Diagnostic{Severity: diag.Error, Code: "policy", Span: p.Probe.At, Message: err.Error(), Label: "this probe",
				Helps: []string{"ask the administrator of this machine, who made the rule, or change it as root"}})
		}
	}
	return list
}

// permit applies the rules to a site. Probes in probe itself, such as begin and
// interval, are always allowed.
func (v *view) permit(s *hir.Site) error {
	rules := v.m.policy
	if s.About().Own {
		return nil
	}
	if !s.Part {
		if err := rules.Probe(s.Provider); err != nil {
			return err
		}
	}
	a := &s.Attach
	function := a.Kind >= hir.AttachKprobe && a.Kind <= hir.AttachFexit
	if !function || s.Space == types.User || !rules.Limited() {
		return nil
	}
	names := a.Symbols
	if len(names) == 0 && a.Symbol != "" {
		names = []string{a.Symbol}
	}
	if len(names) == 0 {
		return rules.Unnamed()
	}
	for _, name := range names {
		if _, rest, ok := strings.Cut(name, ":"); ok {
			name = rest // behind the module
		}
		if err := rules.Function(name); err != nil {
			return err
		}
	}
	return nil
}
