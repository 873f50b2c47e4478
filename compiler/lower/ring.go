package lower

import (
	"time"

	"probe/lang/hir"
)

const (
	smallRing = 64 << 10
	// smallRounds is how often all records of the script fit into a small ring.
	smallRounds = 16
	// slowest is the shortest period of an interval probe whose records are few: the
	// reader looks several times in between.
	slowest = 100 * time.Millisecond
)

// fewRecords reports whether records come only from probes that user space runs, once or
// at long intervals, and of these at most one from each call: the reader then
// always has the time to read them.
func (u *Unit) fewRecords() bool {
	if u.cfg.HashOnly {
		return false // further scripts use the ring
	}
	size := 0
	for _, ev := range u.Obj.Events {
		size += (ev.Size+7)/8*8 + 8
	}
	if size*smallRounds > smallRing {
		return false
	}
	for _, pr := range u.hir.Probes {
		if u.sends(pr) && !rare(pr) {
			return false
		}
	}
	return true
}

// sends reports whether the programs of a probe write records.
func (u *Unit) sends(pr *hir.Probe) bool {
	if len(u.parts[pr]) > 0 {
		return true
	}
	found := false
	see := func(e hir.Expr) {
		c, ok := e.(*hir.Call)
		found = found || ok && (u.cfg.Builtins[c.Sig.Name] == nil || u.cfg.Builtins[c.Sig.Name].UserHalf != nil)
	}
	hir.WalkExpr(pr.Pred, see, nil)
	hir.WalkBlock(pr.Body, see, nil)
	return found
}

// rare reports whether user space runs the probe, and not often, and it has no loops.
func rare(pr *hir.Probe) bool {
	switch at := pr.Site.Attach; at.Kind {
	case hir.AttachNone:
	case hir.AttachInterval:
		if time.Duration(at.Period) < slowest {
			return false
		}
	default:
		return false
	}
	loops := false
	hir.WalkBlock(pr.Body, nil, func(s hir.Stmt) {
		switch s.(type) {
		case *hir.ForRange, *hir.ForMap, *hir.While, *hir.Unroll:
			loops = true
		}
	})
	return !loops
}
