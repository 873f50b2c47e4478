package check

import (
	"fmt"
	"slices"
	"strings"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
)

// A body is typed once for each place that it is attached to, so a mistake that
// depends on the place is found many times: `tracepoint:syscalls:sys_enter_*` has
// hundreds of events, most of which have no field `fd`. onePerCause makes one
// message of these, which says how many places it is about, and what to write for
// the others.

// fault is one mistake in a body, with the places where it is one.
type fault struct {
	first  *diag.Diagnostic
	each   []*diag.Diagnostic
	places []*body
}

// faultKey tells mistakes apart: what differs by place only is one.
type faultKey struct {
	src        *syntax.Probe
	severity   diag.Severity
	code       diag.Code
	file       *source.File
	start, end int
	text       string
}

// elsewhere stands for the name of a place in the text of a faultKey.
const elsewhere = "\x00"

// bodyMessages returns the messages about all bodies, those about one mistake as
// one message. Bpftrace has one for each place, which it keeps (Compat.Each).
func (c *checker) bodyMessages() []*diag.Diagnostic {
	var out []*diag.Diagnostic
	faults := map[faultKey]*fault{}
	var merged []*fault
	for _, b := range c.bodies {
		for _, d := range b.out.All {
			text := strings.ReplaceAll(d.Message, b.site.Name, elsewhere)
			if text == d.Message {
				out = append(out, d)
				continue
			}
			key := faultKey{b.src, d.Severity, d.Code, d.Span.File, d.Span.Start, d.Span.End, text}
			f := faults[key]
			if f == nil {
				f = &fault{first: d}
				faults[key] = f
				merged = append(merged, f)
				out = append(out, d) // changed below if there are more
			}
			f.each = append(f.each, d)
			if n := len(f.places); n == 0 || f.places[n-1] != b {
				f.places = append(f.places, b)
			}
		}
	}
	for _, f := range merged {
		if len(f.places) > 1 {
			i := slices.Index(out, f.first)
			out[i] = c.merge(f)
		}
	}
	return out
}

// maxPlaces is the number of places that a message names.
const maxPlaces = 4

// merge returns one message for a mistake at many places.
func (c *checker) merge(f *fault) *diag.Diagnostic {
	b := f.places[0]
	var good, bad, names []string
	wrong := make(map[*body]bool, len(f.places))
	for _, x := range f.places {
		wrong[x] = true
	}
	for _, x := range c.bodies {
		switch {
		case x.src != b.src:
		case wrong[x]:
			bad = append(bad, x.site.Name)
		default:
			good = append(good, x.site.Name)
		}
	}
	all := len(good) + len(bad)
	where := fmt.Sprintf("%d of the %d probes of this clause", len(bad), all)
	if len(good) == 0 {
		where = fmt.Sprintf("any of the %d probes of this clause", all)
	}
	d := *f.first
	general := func(s string) string { return strings.ReplaceAll(s, b.site.Name, where) }
	d.Message, d.Label = general(d.Message), strings.ReplaceAll(d.Label, b.site.Name, "these probes")
	d.Notes, d.Helps, d.Labels = nil, nil, slices.Clone(d.Labels)
	d.Compat.Each = f.each
	// What is true of every place stays.
	for _, n := range f.first.Notes {
		if f.everywhere(func(d *diag.Diagnostic) []string { return d.Notes }, n) {
			d.Notes = append(d.Notes, n)
		}
	}
	for _, h := range f.first.Helps {
		if f.everywhere(func(d *diag.Diagnostic) []string { return d.Helps }, h) {
			d.Helps = append(d.Helps, h)
		}
	}
	names = good
	if len(good) == 0 || len(good) > len(bad) {
		names = bad
		d.WithNote("the %s: %s", count(len(bad), "probe"), list(bad))
	} else {
		d.WithNote("it is right in %s: %s", count(len(good), "probe"), list(good))
	}
	if patterns := narrower(good, bad); len(names) > 0 && len(patterns) > 0 {
		text := make([]string, 0, maxPlaces)
		for _, p := range patterns[:min(len(patterns), maxPlaces)] {
			text = append(text, "`"+p+"`")
		}
		more := ""
		if n := len(patterns) - len(text); n > 0 {
			more = fmt.Sprintf(", and %d more patterns for the rest", n)
		}
		d.WithHelp("these attach to nothing else: %s%s", strings.Join(text, ", "), more)
	}
	return &d
}

// oneMachine makes one message of those which say of several places that this
// machine lacks the same thing: tracefs that is not mounted is said once.
func oneMachine(list []*diag.Diagnostic) []*diag.Diagnostic {
	type key struct {
		severity diag.Severity
		text     string
	}
	first := map[key]int{} // index in out
	more := map[int]int{}
	out := make([]*diag.Diagnostic, 0, len(list))
	for _, d := range list {
		k := key{d.Severity, strings.Join(append([]string{d.Message}, d.Notes...), "\n")}
		at, again := first[k]
		if d.Code != "no-mechanism" || !d.Span.Valid() || !again {
			if d.Code == "no-mechanism" && d.Span.Valid() {
				first[k] = len(out)
			}
			out = append(out, d)
			continue
		}
		one := out[at]
		if more[at] == 0 {
			sum := *one
			sum.Labels, sum.Notes = slices.Clone(one.Labels), slices.Clone(one.Notes)
			sum.Compat.Each = []*diag.Diagnostic{one}
			one = &sum
			out[at] = one
		}
		one.Compat.Each = append(one.Compat.Each, d)
		if more[at]++; more[at] < maxPlaces {
			one.At(d.Span, "here, too")
		}
	}
	for at, n := range more {
		if rest := n - (maxPlaces - 1); rest > 0 {
			out[at].WithNote("and at %s more", count(rest, "place"))
		}
	}
	return out
}

// everywhere reports whether each message of a fault has a text.
func (f *fault) everywhere(texts func(*diag.Diagnostic) []string, text string) bool {
	return !slices.ContainsFunc(f.each, func(d *diag.Diagnostic) bool { return !slices.Contains(texts(d), text) })
}

// list names the first of some places.
func list(names []string) string {
	if n := len(names) - maxPlaces; n > 1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxPlaces], ", "), n)
	}
	return strings.Join(names, ", ")
}

// narrower returns patterns that match all of some names and none of others, those
// that match most first. Names that no star can stand for are given as they are.
func narrower(good, bad []string) []string {
	type pattern struct {
		text string
		of   []string
	}
	var out []*pattern
	by := map[string]*pattern{}
	bad = slices.Sorted(slices.Values(bad))
	begins := func(prefix string) bool { // one of the bad names
		i, _ := slices.BinarySearch(bad, prefix)
		return i < len(bad) && strings.HasPrefix(bad[i], prefix)
	}
	for _, name := range good {
		// The shortest beginning that no other name has.
		n := 1
		for n < len(name) && begins(name[:n]) {
			n++
		}
		// A name that another one begins with cannot have a star.
		key := name[:n]
		if begins(key) {
			key = name + "\x00"
		}
		p := by[key]
		if p == nil {
			p = &pattern{}
			by[key] = p
			out = append(out, p)
		}
		p.of = append(p.of, name)
	}
	for _, p := range out {
		p.text = p.of[0]
		for _, name := range p.of[1:] {
			for !strings.HasPrefix(name, p.text) {
				p.text = p.text[:len(p.text)-1]
			}
		}
		if len(p.of) > 1 {
			p.text += "*"
		}
	}
	slices.SortStableFunc(out, func(a, b *pattern) int { return len(b.of) - len(a.of) })
	texts := make([]string, len(out))
	for i, p := range out {
		texts[i] = p.text
	}
	return texts
}
