package provider

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/btf"
	"probe/runtime/machine/live/kernel"
	"probe/runtime/machine/live/rights"
	"probe/runtime/machine/live/tracefs"
)

// tracepoint is a static event of the kernel.
var tracepoint = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "tracepoint", Aliases: []string{"t"}, Row: "P-TRACE-01", Usage: "tracepoint:category:event",
		Doc:    "A static event of the kernel. args.FIELD are the fields of its record.",
		Fields: true,
	},
	Min: 1, Max: 2, Needs: []rights.Access{rights.Tracefs, rights.Samples}, Type: "tracepoint", Kernel: true, Expand: expandTracepoint, List: listTracepoints,
}

func expandTracepoint(r *request) []*hir.Site {
	category, event := r.part(0), r.part(1)
	if len(r.args) == 1 {
		if !isPattern(category) {
			d := r.errorf("bad-attach-point", -1, "tracepoint probe type requires 2 arguments, found 1").SameCompat().WithRow("P-COM-03")
			if found := r.set.categories(category); found != "" {
				d.WithHelp("name the category, too: %s", found)
			} else {
				d.WithHelp("the form is `%s`", r.p.Usage)
			}
			return nil
		}
		category, event = "*", category
	}
	t, err := r.set.k.Tracefs()
	if err != nil && r.set.real != nil {
		return r.unreadTracepoint(category, event, err)
	}
	if err != nil {
		d := r.errorf("no-mechanism", -1, "tracepoints cannot be used: %v", err)
		switch {
		case errors.Is(err, tracefs.ErrForbidden):
			if !isPattern(event) && r.set.rawExists(event) {
				d.WithHelp("the raw tracepoint needs no tracefs: rawtracepoint:%s", event)
			}
			helpTracing(d)
		case errors.Is(err, tracefs.ErrHidden) && !isPattern(event) && r.set.rawExists(event):
			d.WithRow("CLI-28").WithHelp("the raw tracepoint needs no tracefs: rawtracepoint:%s", event)
		case errors.Is(err, tracefs.ErrHidden):
			d.WithRow("CLI-28").WithHelp("`probe ls 'rawtracepoint:*'` lists raw tracepoints, which need no tracefs")
		}
		return nil
	}
	if !isPattern(category) && !isPattern(event) {
		if err := r.set.records.exists(t, category, event); err != nil {
			r.tracepointMissing(t, category, event, err)
			return nil
		}
		r.matched = true
		if s := r.tracepointSite(t, category, event, func() bool { return t.Unique(event) }); s != nil {
			return []*hir.Site{s}
		}
		return nil
	}
	found, count, err := matchingEvents(t, category, event)
	if err != nil {
		r.errorf("no-mechanism", -1, "a pattern needs the list of events, which cannot be read").WithNote("%v", err)
		return nil
	}
	if len(found) == 0 {
		if !r.quiet && r.Missing != "ignore" {
			r.warnf("no-match", len(r.args)-1, "no matches for tracepoint:%s", r.text()).
				CompatOmit()
		}
		return nil
	}
	r.matched = true
	if r.MaxProgs > 0 && len(found) > r.MaxProgs {
		r.errorf("too-many-programs", -1, "this pattern would make %d BPF programs, the limit is %d", len(found), r.MaxProgs).WithCompat(tooManyPrograms, len(found), r.MaxProgs).
			CompatHint(raiseProgs).WithRow("P-COM-08").
			WithHelp("narrow the pattern, or raise max_bpf_progs in the config block")
		return nil
	}
	var sites []*hir.Site
	for _, e := range found {
		if s := r.tracepointSite(t, e[0], e[1], func() bool { return count[e[1]] == 1 }); s != nil {
			sites = append(sites, s)
		}
	}
	return sites
}

// records is what was read of events for one script: scripts have many probes
// at one event. The kernel formats these files on each read. A nil map remembers nothing.
type records map[[2]string]*eventRead

// eventRead is what was read of one event.
type eventRead struct {
	looked    bool
	err       error // why the event cannot be used, nil if it exists
	format    *tracefs.Format
	formatErr error
}

// of returns what was read of an event, or an empty value.
func (m records) of(category, event string) *eventRead {
	key := [2]string{category, event}
	r, ok := m[key]
	if !ok {
		r = &eventRead{}
		if m != nil {
			m[key] = r
		}
	}
	return r
}

// exists returns nil if the kernel has an event, else why it cannot be used.
func (m records) exists(t *tracefs.FS, category, event string) error {
	r := m.of(category, event)
	if !r.looked {
		_, r.err = t.EventID(category, event)
		r.looked = true
	}
	return r.err
}

// format returns the layout of an event's records.
func (m records) format(t *tracefs.FS, category, event string) (*tracefs.Format, error) {
	r := m.of(category, event)
	if r.format == nil && r.formatErr == nil {
		r.format, r.formatErr = t.ReadFormat(category, event)
	}
	return r.format, r.formatErr
}

// categories returns the attach points of all events with a name, as
// "`tracepoint:sched:sched_switch`"; "" if there are none or they cannot be read.
func (s *Set) categories(event string) string {
	t, err := s.k.Tracefs()
	if err != nil {
		return ""
	}
	found, _, err := matchingEvents(t, "*", event)
	if err != nil {
		return ""
	}
	out := make([]string, len(found))
	for i, e := range found {
		out[i] = "`tracepoint:" + e[0] + ":" + e[1] + "`"
	}
	return strings.Join(out, " or ")
}

// rawExists reports whether the kernel's type information has a tracepoint.
func (s *Set) rawExists(event string) bool {
	spec, err := s.k.Spec()
	if err != nil {
		return false
	}
	_, ok := spec.First("btf_trace_"+event, btf.KindTypedef)
	return ok
}

// matchingEvents returns category and event of all matches, sorted, and the
// number of categories that have an event with the name.
func matchingEvents(t *tracefs.FS, category, event string) (out [][2]string, count map[string]int, err error) {
	count = map[string]int{}
	err = t.Events(func(c, e string) bool {
		if !match(event, e) {
			return true
		}
		count[e]++
		if match(category, c) {
			out = append(out, [2]string{c, e})
		}
		return true
	})
	slices.SortFunc(out, func(a, b [2]string) int {
		return strings.Compare(a[0]+":"+a[1], b[0]+":"+b[1])
	})
	return slices.Compact(out), count, err
}

// tracepointMissing reports that an event does not exist (P-TRACE-05).
func (r *request) tracepointMissing(t *tracefs.FS, category, event string, err error) {
	if !errors.Is(err, tracefs.ErrNoEvent) {
		r.errorf("no-mechanism", 1, "the event tracepoint:%s:%s cannot be read", category, event).WithNote("%v", err).
			WithHelp("tracepoints need access to %s: see `probe doctor`", t.Dir())
		return
	}
	d := r.missing(1, "no matches for tracepoint:%s:%s: tracepoint not found", category, event).WithLabel("no such event in this kernel").WithRow("P-TRACE-05")
	if category == "syscall" {
		d.WithHelp("the category is `syscalls`: tracepoint:syscalls:%s", event)
		return
	}
	n := r.set.seek(event)
	if n == nil {
		return
	}
	full := newNearest(category + ":" + event)
	_ = t.Events(func(c, e string) bool {
		if c == category {
			n.add(e)
		}
		full.add(c + ":" + e)
		return true
	})
	switch {
	case n.names() != "":
		d.WithHelp("events with similar names exist in this category: %s", n.names())
	case full.names() != "":
		d.WithHelp("events with similar names exist: %s", full.names())
	}
}

// tracepointSite returns the site of one event. unique reports whether only one
// category has an event with the name.
func (r *request) tracepointSite(t *tracefs.FS, category, event string, unique func() bool) *hir.Site {
	s := r.site(hir.ProgTracepoint, types.Kernel, "tracepoint:"+category+":"+event)
	s.Attach = hir.Attach{Kind: hir.AttachTracepoint, Group: category, Symbol: event}
	if r.set.chooseRaw(s, r.Uses, unique); !r.Uses.Args {
		return s
	}
	format, err := r.set.records.format(t, category, event)
	if err != nil {
		r.errorf("no-args", 1, "the fields of tracepoint:%s:%s cannot be read", category, event).WithNote("%v", err)
		return nil
	}
	s.Args = formatArgs(r.set.k, format, category == "syscalls" || category == "raw_syscalls")
	return s
}

// formatArgs returns the fields of a record with their types (A-TF rows).
func formatArgs(k *kernel.Kernel, f *tracefs.Format, syscalls bool) []hir.Arg {
	space := types.Kernel
	if syscalls {
		space = types.User // T-AS-03
	}
	var out []hir.Arg
	for i := range f.Fields {
		ff := &f.Fields[i]
		field := &types.Field{Name: ff.Name, Offset: int(ff.Offset)}
		switch {
		case ff.Loc != tracefs.InPlace:
			field.Type = types.Int64
			field.DataLoc, field.RelLoc = ff.Loc == tracefs.DataLoc, ff.Loc == tracefs.RelLoc
		default:
			field.Type = formatType(k, ff, space)
		}
		out = append(out, hir.Arg{
			Name: ff.Name, Type: field.Type, Field: field,
			Loc: hir.Loc{Kind: hir.LocCtx, Off: int(ff.Offset), Size: int(ff.Size)},
		})
	}
	return out
}

// formatType returns the type of a field: the C type by name, with size and
// sign as the format says (A-TF-02 to A-TF-04).
func formatType(k *kernel.Kernel, f *tracefs.Field, space types.Space) *types.Type {
	text := strings.TrimSpace(f.Type)
	if f.Array {
		n := int(f.Len)
		switch base := strings.TrimPrefix(text, "const "); {
		case base == "char" && n > 0:
			return types.CharArray(int(f.Size))
		case n == 0:
			return types.ArrayOf(types.Uint8, 0)
		}
		return types.ArrayOf(scalarType(k, text, int(f.Size)/n, f.Signed, space), n)
	}
	return scalarType(k, text, int(f.Size), f.Signed, space)
}

// scalarType returns a pointer, an integer or a struct by value.
func scalarType(k *kernel.Kernel, text string, size int, signed bool, space types.Space) *types.Type {
	if strings.Contains(text, "(*)") {
		return types.PointerTo(types.VoidType, types.Kernel)
	}
	text = withoutQualifiers(text)
	if rest, ok := strings.CutSuffix(text, "*"); ok {
		if strings.Contains(text, "__user") {
			space = types.User
		}
		rest = withoutQualifiers(rest)
		if strings.HasSuffix(rest, "*") {
			return types.PointerTo(scalarType(k, rest, 8, false, space), space)
		}
		elem, ok := namedType(k, rest)
		if !ok {
			elem = types.VoidType
		}
		return types.PointerTo(elem, space)
	}
	t, ok := namedType(k, text)
	if ok {
		switch {
		case t.Kind == types.Int && (size == 1 || size == 2 || size == 4 || size == 8):
			it := *types.IntType(size, signed)
			it.Name = t.Name
			it.Space = addressIn(&it, space)
			return &it
		case t.Size == size:
			return t
		}
	}
	if size == 1 || size == 2 || size == 4 || size == 8 {
		it := *types.IntType(size, signed)
		it.Space = addressIn(&it, space)
		return &it
	}
	return types.ArrayOf(types.Uint8, size)
}

// addressIn returns the space of a number that may be an address: many system
// calls take addresses as unsigned long (T-AS-03).
func addressIn(t *types.Type, space types.Space) types.Space {
	if t.Size == 8 && !t.Signed {
		return space
	}
	return types.SpaceNone
}

// withoutQualifiers removes the qualifiers at the end of a C type, which are
// those of the pointer in "char *const".
func withoutQualifiers(text string) string {
	for {
		text = strings.TrimSpace(text)
		cut := text
		for _, q := range []string{"const", "volatile", "restrict", "__user"} {
			if rest, ok := strings.CutSuffix(text, q); ok && (strings.HasSuffix(rest, "*") || strings.HasSuffix(rest, " ")) {
				cut = rest
			}
		}
		if cut == text {
			return text
		}
		text = cut
	}
}

// namedType finds a type by its C name.
func namedType(k *kernel.Kernel, text string) (*types.Type, bool) {
	words := strings.Fields(text)
	words = slices.DeleteFunc(words, func(w string) bool {
		return w == "const" || w == "volatile" || w == "__user" || w == "__rcu" || w == "__percpu"
	})
	if len(words) == 2 {
		switch words[0] {
		case "struct", "union", "enum":
			return k.Named(words[0], words[1])
		}
	}
	return k.Named("", strings.Join(words, " "))
}

// describe returns a field as its format file declares it, for listings.
func describe(f *tracefs.Field) string {
	typ := f.Type
	if f.Loc != tracefs.InPlace {
		typ = f.Loc.String() + " " + typ + "[]"
	}
	if f.Array && f.Loc == tracefs.InPlace {
		return fmt.Sprintf("%s %s[%d]", typ, f.Name, f.Len)
	}
	return typ + " " + f.Name
}
