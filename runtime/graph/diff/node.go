package diff

import (
	"hash/maphash"
	"math"

	"probe/runtime/graph"
)

// DefaultIgnore lists the functions that a comparison leaves out by default:
// they come and go with the kernel's build and with other activity on the
// machine.
var DefaultIgnore = []string{
	"__rcu_read_lock", "__rcu_read_unlock", "rcu_*", "__rcu_*", "call_rcu*", "kvfree_call_rcu",
	"_raw_spin_*", "_raw_read_*", "_raw_write_*", "__raw_spin_*", "do_raw_*", "native_queued_spin_*",
	"mutex_lock*", "mutex_unlock*", "down_read*", "up_read*", "down_write*", "up_write*",
	"__local_bh_*", "local_bh_*", "preempt_count_*", "migrate_enable", "migrate_disable",
	"__cond_resched", "dynamic_*cond_resched", "_cond_resched", "__might_sleep", "__might_resched", "__might_fault",
	"should_failslab", "should_fail_alloc_page", "lock_acquire", "lock_release", "debug_*",
}

// Node is a call in the form that is compared. Nodes are created when a
// comparison reaches them: most of a million calls are never more than a part
// of a hash.
type Node struct {
	Name string
	// Result is the return value as text, "" when it is not known.
	Result string
	// Count is how many equal calls in a row the node stands for.
	Count int

	class  class
	parent *Node
	from   *view // nil when the calls below are no longer available
	at     int32 // index of the call
	// size is the number of nodes of the subtree, the node included.
	size int
	// shape is the hash of the subtree without results, full with them.
	shape, full uint64
}

// class is a return value reduced to what can be compared between two runs.
// The zero class is that of a value that is not known.
type class struct {
	kind  classKind
	value int64 // of an error, a truth, a code
}

type classKind uint8

const (
	anError classKind = iota + 1
	aTruth
	noPointer
	aPointer
	aCode   // a small number
	aNumber // sizes, times and the like differ from run to run
)

// classify returns the class of a return value.
func classify(typ graph.Result, bits uint64) class {
	v := int64(bits)
	switch typ {
	case graph.Void:
		return class{}
	case graph.Bool:
		return class{aTruth, int64(bits & 0xff)}
	case graph.Int8:
		v = int64(int8(bits))
	case graph.Int16:
		v = int64(int16(bits))
	case graph.Int32:
		v = int64(int32(bits))
	case graph.Uint8:
		v = int64(uint8(bits))
	case graph.Uint16:
		v = int64(uint16(bits))
	case graph.Uint32:
		v = int64(uint32(bits))
	case graph.Uint64:
		v = int64(min(bits, math.MaxInt64))
	}
	switch {
	case graph.IsError(typ, bits):
		return class{anError, v}
	case typ == graph.Pointer && bits == 0:
		return class{kind: noPointer}
	case typ == graph.Pointer:
		return class{kind: aPointer}
	case v < -4095 || v >= 256:
		return class{kind: aNumber}
	}
	return class{aCode, v}
}

// normaliser caches what comparing needs of the functions of one side.
type normaliser struct {
	funcs  *graph.Funcs
	ignore []string
	known  []function // by index
}

// function is what comparing needs of a function.
type function struct {
	name   string // the base name, "" before the first use
	hash   uint64 // of the name
	result graph.Result
	out    bool // ignored
}

var unknownFunction = function{name: "?", hash: 1}

func (n *normaliser) fn(id int32) *function {
	if id < 0 || int(id) >= len(n.funcs.List) {
		return &unknownFunction
	}
	if len(n.known) < len(n.funcs.List) {
		n.known = append(n.known, make([]function, len(n.funcs.List)-len(n.known))...)
	}
	f := &n.known[id]
	if f.name == "" {
		full := n.funcs.Name(id)
		f.name, f.out, f.result = graph.BaseName(full), graph.MatchAny(n.ignore, full), n.funcs.List[id].Result
		f.hash = maphash.String(seed, f.name)
	}
	return f
}

var seed = maphash.MakeSeed()

// mix adds a word to a hash: the finalizer of MurmurHash3, which spreads each
// bit over all.
func mix(h, x uint64) uint64 {
	h = (h ^ x) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>29
}

// view is a tree with the hashes of its subtrees.
type view struct {
	n    *normaliser
	t    *graph.Tree
	hash []hashes // by call
}

type hashes struct {
	shape, full uint64
	size        int32
}

// look computes the hashes of a tree, in the memory of the tree before.
func (v *view) look(t *graph.Tree) {
	v.t = t
	if cap(v.hash) < len(t.Calls) {
		v.hash = make([]hashes, len(t.Calls))
	}
	v.hash = v.hash[:len(t.Calls)]
	// Go backwards: the hashes of the calls below are then known when a call
	// needs them.
	for i := int32(len(t.Calls)) - 1; i >= 0; i-- {
		f := v.n.fn(t.Calls[i].Fn)
		if f.out && i > 0 {
			continue // its subtree is left out
		}
		h := hashes{shape: mix(f.hash, 1), full: mix(f.hash, 2), size: 1}
		if c := v.class(f, &t.Calls[i]); c.kind != 0 {
			h.full = mix(h.full, uint64(c.value)<<8|uint64(c.kind))
		}
		// Runs are folded by their full hashes; for the shape, equal ones that
		// only differ in results count as one run.
		var shape, full run
		for c := i + 1; c < t.Calls[i].End; c = t.Calls[c].End {
			if v.left(c) {
				continue
			}
			below := &v.hash[c]
			shape.add(below.shape, &h.shape)
			if full.add(below.full, &h.full) {
				h.size += below.size
			}
		}
		shape.end(&h.shape)
		full.end(&h.full)
		v.hash[i] = h
	}
}

// run is a number of equal hashes in a row.
type run struct{ hash, count uint64 }

// add takes the next hash. If that ends a run, the run is mixed into the hash
// into.
func (r *run) add(hash uint64, into *uint64) (begins bool) {
	if r.count > 0 && r.hash == hash {
		r.count++
		return false
	}
	r.end(into)
	*r = run{hash, 1}
	return true
}

func (r *run) end(into *uint64) {
	if r.count > 0 {
		*into = mix(mix(*into, r.hash), r.count)
	}
}

// left reports whether call i is left out of the comparison: a gap (the tree is
// reported as incomplete), an interruption, or a function to be ignored.
func (v *view) left(i int32) bool {
	c := &v.t.Calls[i]
	return c.Flags&(graph.Gap|graph.IRQ) != 0 || v.n.fn(c.Fn).out
}

func (v *view) class(f *function, c *graph.Call) class {
	if c.Flags&graph.HasRet == 0 {
		return class{}
	}
	return classify(f.result, c.Ret)
}

// node makes the node of a call.
func (v *view) node(i int32, parent *Node) *Node {
	c, h := &v.t.Calls[i], &v.hash[i]
	f := v.n.fn(c.Fn)
	return &Node{
		Name: f.name, Result: v.n.funcs.RetText(c), Count: 1, class: v.class(f, c), parent: parent,
		from: v, at: i, size: int(h.size), shape: h.shape, full: h.full,
	}
}

// children makes the nodes below a node, equal ones in a row as one.
func (x *Node) children() []*Node {
	v := x.from
	if v == nil {
		return nil
	}
	var out []*Node
	for c := x.at + 1; c < v.t.Calls[x.at].End; c = v.t.Calls[c].End {
		switch k := len(out) - 1; {
		case v.left(c):
		case k >= 0 && out[k].full == v.hash[c].full:
			out[k].Count++
		default:
			out = append(out, v.node(c, x))
		}
	}
	return out
}

// Path returns the chain of calls from the root to the node.
func (x *Node) Path() []string {
	var path []string
	for ; x != nil; x = x.parent {
		path = append(path, x.Name)
	}
	for i, j := 0, len(path)-1; i < j; i, j = i+1, j-1 {
		path[i], path[j] = path[j], path[i]
	}
	return path
}
