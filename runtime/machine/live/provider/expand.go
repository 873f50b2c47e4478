package provider

import (
	"fmt"
	"slices"
	"strings"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
)

// Expand implements hir.Probes.
func (s *Set) Expand(req *hir.ExpandRequest, out *diag.List) []*hir.Site {
	alternatives := append([][]hir.Part{req.Parts}, req.Alts...)
	if len(alternatives) == 1 {
		sites, _ := s.expand(req, alternatives[0], out)
		return sites
	}
	// Use the first alternative that this kernel has. Complaints about the
	// others are shown only if there is none.
	var complaints diag.List
	for i, parts := range alternatives {
		var one diag.List
		sites, matched := s.expand(req, parts, &one)
		if matched || len(sites) > 0 {
			out.All = append(out.All, one.All...)
			for _, site := range sites {
				if i > 0 {
					site.Why += fmt.Sprintf("; alternative %d of %d, the ones before it do not exist here", i+1, len(alternatives))
				}
			}
			return sites
		}
		complaints.All = append(complaints.All, one.All...)
	}
	out.All = append(out.All, complaints.All...)
	return nil
}

// expand expands one alternative. matched reports whether its target exists.
func (s *Set) expand(req *hir.ExpandRequest, parts []hir.Part, out *diag.List) (sites []*hir.Site, matched bool) {
	if len(parts) == 0 {
		return nil, false
	}
	word := parts[0].Text
	if strings.Contains(word, "*") {
		return s.expandTypes(req, parts, out), true
	}
	p := find(word)
	if p == nil {
		d := NoKind(out, req, parts[0])
		if len(parts) == 1 && len(word) > 0 && s.lookup("", word).err == nil {
			d.Helps = nil
			d.WithHelp("%s is a function of the kernel: `call:%s` probes its calls, `ret:%s` its returns", word, word, word)
		}
		return nil, false
	}
	r := &request{ExpandRequest: req, set: s, p: p, args: parts[1:], out: out}
	if !r.count() {
		return nil, true
	}
	if s.real != nil {
		s.real.warn(r)
	}
	sites = p.Expand(r)
	return sites, r.matched || len(sites) > 0
}

// NoKind reports that the first word of an attach point is not a kind of probe,
// and returns the message.
func NoKind(out *diag.List, req *hir.ExpandRequest, word hir.Part) *diag.Diagnostic {
	d := out.Errorf("bad-probe", partSpan(req, word), "invalid probe type: %s", word.Text).
		WithCompat("Invalid probe type: %s", word.Text).CompatAt(req.At).WithRow("P-COM-03").
		WithLabel("not a kind of probe")
	if near := nearestKind(word.Text); near != "" {
		d.WithHelp("a probe type with a similar name exists: `%s`", near)
	}
	return d
}

// expandTypes expands a wildcard in the type (P-COM-05): it silently skips
// kinds that the parts do not fit.
func (s *Set) expandTypes(req *hir.ExpandRequest, parts []hir.Part, out *diag.List) []*hir.Site {
	user := req.PID > 0 || len(parts) > 1 && strings.Contains(parts[1].Text, "/")
	var sites []*hir.Site
	matched := false
	pattern := strings.ToLower(parts[0].Text)
	for _, p := range table {
		if !(user && p.User || !user && p.Kernel) || !match(pattern, p.Name) {
			continue
		}
		matched = true
		r := &request{ExpandRequest: req, set: s, p: p, args: parts[1:], out: out, quiet: true}
		if len(r.args) >= p.Min && len(r.args) <= p.Max {
			sites = append(sites, p.Expand(r)...)
		}
	}
	if !matched {
		out.Errorf("bad-probe", partSpan(req, parts[0]), "no probe type matched for %s", parts[0].Text).WithRow("P-COM-05")
	}
	return sites
}

func partSpan(req *hir.ExpandRequest, p hir.Part) source.Span {
	if p.At.Valid() {
		return p.At
	}
	return req.At
}

// find returns the kind with a name, in upper or lower case, or with exactly
// that alias (P-COM-02).
func find(word string) *Provider {
	for _, p := range table {
		if strings.EqualFold(p.Name, word) || slices.Contains(p.Aliases, word) {
			return p
		}
	}
	// Aliases that are words and not letters are compared without case, like
	// names.
	for _, p := range table {
		for _, a := range p.Aliases {
			if len(a) > 2 && strings.EqualFold(a, word) {
				return p
			}
		}
	}
	return nil
}

func nearestKind(word string) string {
	n := newNearest(strings.ToLower(word))
	for _, p := range table {
		n.add(p.Name)
		for _, a := range p.Aliases {
			if len(a) > 2 {
				n.add(a)
			}
		}
	}
	return n.first()
}

// count checks the number of parts (P-COM-03).
func (r *request) count() bool {
	n := len(r.args)
	// "begin:*" is tolerated (P-BEGIN-01), and so is an empty last part.
	if n > r.p.Max && n == r.p.Max+1 && (r.args[n-1].Text == "*" && r.p.Max == 0 || r.args[n-1].Text == "" && r.p.Max == 0) {
		r.args = r.args[:r.p.Max]
		return true
	}
	if n >= r.p.Min && n <= r.p.Max {
		return true
	}
	if r.p.Max == 0 {
		r.errorf("bad-attach-point", 0, "%s probes should not have a target", r.p.Name).
			WithCompat("%s probe type requires 0 arguments, found %d", r.p.Name, n).
			WithLabel("not expected").WithHelp("write `%s { … }`", r.p.Name)
		return false
	}
	want := fmt.Sprint(r.p.Min)
	switch {
	case r.p.Max == r.p.Min+1:
		want = fmt.Sprintf("%d or %d", r.p.Min, r.p.Max)
	case r.p.Max > r.p.Min:
		want = fmt.Sprintf("%d to %d", r.p.Min, r.p.Max)
	}
	word := "arguments"
	if want == "1" {
		word = "argument"
	}
	r.errorf("bad-attach-point", -1, "%s probe type requires %s %s, found %d", r.p.Name, want, word, n).
		SameCompat().
		WithHelp("the form is `%s`", r.p.Usage).WithRow("P-COM-03")
	return false
}
