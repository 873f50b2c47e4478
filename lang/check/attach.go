package check

import (
	"strconv"
	"strings"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// attach resolves the attach points of all probes to sites, and makes one body
// per site.
func (c *checker) attach() {
	uses := usesFinder{c: c}
	for _, p := range c.probes {
		u, params := uses.of(p), uses.params(p)
		found, complained := false, false
		for i, ap := range p.Attach {
			before := c.out.Count(diag.Error)
			sites := c.sites(ap, i, u, params)
			complained = complained || c.out.Count(diag.Error) > before
			for _, s := range sites {
				found = true
				c.addBody(p, ap, s)
			}
		}
		if !found && !complained {
			c.noSites(p)
		}
	}
	if limit := c.cfg.int("max_bpf_progs"); int64(len(c.bodies)) > limit && !c.out.HasErrors() {
		c.out.Errorf("too-many-programs", c.bodies[0].at, "trying to generate more than %d BPF programs, which exceeds the current limit of %d", limit, limit).
			SameCompat().
			CompatHint("You can increase the limit through the BPFTRACE_MAX_BPF_PROGS environment variable, but BE CAREFUL since a high number of programs attached can cause your system to crash.").
			WithLabel("%d programs in all", len(c.bodies)).WithRow("P-COM-08").
			WithHelp("name fewer functions, or raise the limit: `config = { max_bpf_progs = %d }`", len(c.bodies))
	}
}

func (c *checker) addBody(p *syntax.Probe, ap *syntax.AttachPoint, s *hir.Site) {
	b := &body{c: c, order: len(c.bodies), src: p, at: ap.At.At, site: s, named: countNamed(s.Args)}
	b.concerns = newConcerns(b)
	b.info = types.SiteInfo{Provider: s.Provider, Type: s.Type, Name: s.Name, Space: s.Space, Func: s.Func, Path: s.Attach.Path, Offset: s.Attach.Offset}
	if s.Ret != nil {
		b.info.Retval = s.Ret.Type
	}
	c.bodies = append(c.bodies, b)
}

// noSites reports a probe without any site (P-COM-09).
func (c *checker) noSites(p *syntax.Probe) {
	at := p.At.At
	if len(p.Attach) > 0 {
		at = p.Attach[0].At.At
		at = at.To(p.Attach[len(p.Attach)-1].At.At)
	}
	whole := at
	c.leftOut = append(c.leftOut, whole)
	if len(p.Attach) > 0 {
		// The last part, so that the message follows those about the attach points.
		if parts := p.Attach[len(p.Attach)-1].Parts; len(parts) > 0 && parts[len(parts)-1].At.At.Valid() {
			at = parts[len(parts)-1].At.At
		}
	}
	const msg = "probe has no valid attach points"
	switch c.cfg.str("missing_probes") {
	case "error":
		c.out.Errorf("no-attach-points", at, msg).
			CompatAt(whole).WithCompat("Probe has no valid attach points. If this is expected, set the 'missing_probes' config variable to 'warn'.").WithLabel("none of these exists here").WithRow("P-COM-09").
			WithHelp("to run without it: `config = { missing_probes = warn }`")
	case "warn":
		c.out.Warnf("no-attach-points", at, msg+": it is left out").
			CompatAt(whole).WithCompat("Probe has no valid attach points. It is being removed which may cause issues with program behavior.").WithLabel("none of these exists here").WithRow("P-COM-09")
	}
}

// sites resolves one attach point, the index'th of its probe: a named probe of
// the script or a module, or one known to the providers.
func (c *checker) sites(ap *syntax.AttachPoint, index int, u hir.Uses, params map[string]bool) []*hir.Site {
	if np := c.named[strings.TrimSpace(ap.Raw)]; np != nil && len(np.Alts) > 0 {
		return c.expandAt(np.Alts[0], np.Alts[1:], ap.At.At, index, u, params)
	}
	return c.expandAt(ap, nil, ap.At.At, index, u, params)
}

// expandAt resolves an attach point through the providers. more are further
// alternatives of a named probe.
func (c *checker) expandAt(ap *syntax.AttachPoint, more []*syntax.AttachPoint, at source.Span, index int, u hir.Uses, params map[string]bool) []*hir.Site {
	first, ok := c.withParams(ap)
	if !ok {
		return nil
	}
	alts := first.Alts
	for _, m := range more {
		m, ok := c.withParams(m)
		if !ok {
			return nil
		}
		alts = append(append(alts, m), m.Alts...)
	}
	if len(first.Parts) == 0 {
		return nil
	}
	req := &hir.ExpandRequest{At: at, Name: first.Name, Parts: parts(first), Raw: first.Raw, Index: index, Uses: u, Params: params,
		Missing: c.cfg.str("missing_probes"), Attach: c.cfg.str("attach"), Config: c.cfg.str, PID: c.in.PID, Unsafe: c.in.Unsafe, Danger: c.in.Danger,
		MaxProgs: int(c.cfg.int("max_bpf_progs"))}
	for _, a := range alts {
		req.Alts = append(req.Alts, parts(a))
	}
	if c.in.Probes == nil {
		return nil
	}
	sites := c.in.Probes.Expand(req, &c.out)
	if first.Name != "" {
		for _, s := range sites {
			s.Name = first.Name // L-AP-04
		}
	}
	return sites
}

func parts(ap *syntax.AttachPoint) []hir.Part {
	out := make([]hir.Part, len(ap.Parts))
	for i, p := range ap.Parts {
		out[i] = hir.Part{Text: p.Text, Quoted: p.Quoted, Sep: p.Sep, At: p.At.At}
	}
	return out
}

// withParams replaces positional parameters in the text of an attach point and
// splits it again (L-PARM-07).
func (c *checker) withParams(ap *syntax.AttachPoint) (*syntax.AttachPoint, bool) {
	if !strings.Contains(ap.Raw, "$") {
		return ap, true
	}
	var out strings.Builder
	quoted := false
	raw := ap.Raw
	for i := 0; i < len(raw); i++ {
		switch ch := raw[i]; {
		case ch == '\\' && quoted && i+1 < len(raw):
			out.WriteByte(ch)
			i++
			out.WriteByte(raw[i])
		case ch == '"':
			quoted = !quoted
			out.WriteByte(ch)
		case ch != '$' || quoted:
			out.WriteByte(ch)
		default:
			j := i + 1
			for j < len(raw) && raw[j] >= '0' && raw[j] <= '9' {
				j++
			}
			if raw[i+1:j] == "" && j < len(raw) && raw[j] == '#' {
				out.WriteString(strconv.Itoa(len(c.in.Params)))
				i = j
				continue
			}
			n, err := strconv.Atoi(raw[i+1 : j])
			if err != nil || n == 0 { // reported by the parser
				return nil, false
			}
			text, given := c.param(n)
			if !given {
				c.out.Warnf("missing-parameter", ap.At.At, "positional parameter $%d is empty or not provided", n).
					WithCompat("Positional parameter $%d is empty or not provided. ", n).
					WithLabel("%s given", count(len(c.in.Params), "parameter")).WithRow("L-PARM-03")
			}
			out.WriteString(text)
			i = j - 1
		}
	}
	np := syntax.NewAttachPoint(out.String(), ap.At.At)
	return np, true
}

// usesFinder finds what bodies use of their sites, through the macros they
// call.
type usesFinder struct {
	c      *checker
	macros map[*macro]hir.Uses
	busy   map[*macro]bool
	consts map[string]hir.Uses // of constants of the C section
}

// of returns the uses of a probe's predicate and body.
func (f *usesFinder) of(p *syntax.Probe) hir.Uses {
	var u hir.Uses
	if p.Pred != nil {
		f.node(p.Pred, &u)
	}
	if p.Body != nil {
		f.node(p.Body, &u)
	}
	return u
}

// params returns the parameters that a probe's predicate and body read as args.NAME,
// nil if they use args in another way.
func (f *usesFinder) params(p *syntax.Probe) map[string]bool {
	out, whole, all := map[string]bool{}, 0, false
	elsewhere := func(name string) {
		var u hir.Uses
		f.name(name, &u)
		all = all || u.Args
	}
	look := func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Field:
			if x, ok := n.X.(*syntax.Ident); ok && x.Name == "args" {
				out[n.Name] = true
				whole--
			}
		case *syntax.Ident:
			if n.Name == "args" {
				whole++
			} else {
				elsewhere(n.Name)
			}
		case *syntax.Call:
			elsewhere(n.Name)
		}
		return true
	}
	if p.Pred != nil {
		syntax.Inspect(p.Pred, look)
	}
	if p.Body != nil {
		syntax.Inspect(p.Body, look)
	}
	if all || whole != 0 {
		return nil
	}
	return out
}

func (f *usesFinder) node(n syntax.Node, u *hir.Uses) {
	syntax.Inspect(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Ident:
			f.name(n.Name, u)
		case *syntax.Call:
			f.name(n.Name, u)
		}
		return true
	})
}

// name adds the uses of one name.
func (f *usesFinder) name(name string, u *hir.Uses) {
	u.Add(f.c.usesOf(name))
	for _, m := range f.c.macros[name] {
		f.macro(m, u)
	}
	f.constant(name, u)
}

// constant adds the uses of a constant of the C section. Constants can refer to
// each other, even in cycles, so each is only searched once.
func (f *usesFinder) constant(name string, u *hir.Uses) {
	m := f.c.cmacros[name]
	if m == nil || m.active {
		return
	}
	mu, done := f.consts[name]
	if !done {
		if !m.tried {
			m.tried = true
			m.x, _ = syntax.ParseMacroBody(m.def.BodyAt)
		}
		if m.x != nil {
			m.active = true
			f.node(m.x, &mu)
			m.active = false
		}
		if f.consts == nil {
			f.consts = map[string]hir.Uses{}
		}
		f.consts[name] = mu
	}
	u.Add(mu)
}

// macro adds the uses of a macro's body.
func (f *usesFinder) macro(m *macro, u *hir.Uses) {
	if f.macros == nil {
		f.macros, f.busy = map[*macro]hir.Uses{}, map[*macro]bool{}
	}
	mu, done := f.macros[m]
	if !done {
		if f.busy[m] {
			return
		}
		f.busy[m] = true
		if m.body != nil {
			f.node(m.body, &mu)
		}
		f.busy[m] = false
		f.macros[m] = mu
	}
	u.Add(mu)
}
