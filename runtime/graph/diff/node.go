package diff

import (
	"hash/maphash"
	"strconv"

	"probe/runtime/graph"
)

// DefaultIgnore are the functions that are left out of a comparison: they come
// and go with the kernel's build and with what else happens on the machine.
var DefaultIgnore = []string{
	"__rcu_read_lock", "__rcu_read_unlock", "rcu_*", "__rcu_*", "call_rcu*", "kvfree_call_rcu",
	"_raw_spin_*", "_raw_read_*", "_raw_write_*", "__raw_spin_*", "do_raw_*", "native_queued_spin_*",
	"mutex_lock*", "mutex_unlock*", "down_read*", "up_read*", "down_write*", "up_write*",
	"__local_bh_*", "local_bh_*", "preempt_count_*", "migrate_enable", "migrate_disable",
	"__cond_resched", "dynamic_*cond_resched", "_cond_resched", "__might_sleep", "__might_resched", "__might_fault",
	"should_failslab", "should_fail_alloc_page", "lock_acquire", "lock_release", "debug_*",
}

// Node is a call in the form that is compared.
type Node struct {
	Name string
	// Result is the return value as text and class its class; both are ""
	// when the value is not known.
	Result, class string
	// Count is how many equal calls in a row the node stands for.
	Count    int
	Children []*Node
	// size is the number of nodes of the subtree, the node included.
	size int
	// shape is the hash of the subtree without results, full with them.
	shape, full uint64
	parent      *Node
}

var seed = maphash.MakeSeed()

// normaliser turns trees into nodes. It remembers what it found out about
// functions.
type normaliser struct {
	funcs  *graph.Funcs
	ignore []string
	names  []string // by function: the base name, "" when not looked at
	out    []bool   // by function: ignored
	buf    []byte
}

// fn gives the name of a function, and whether it is ignored.
func (n *normaliser) fn(id int32) (name string, out bool) {
	if id < 0 {
		return "?", false
	}
	for len(n.names) <= int(id) {
		n.names, n.out = append(n.names, ""), append(n.out, false)
	}
	if n.names[id] == "" {
		full := n.funcs.Name(id)
		n.names[id], n.out[id] = graph.BaseName(full), graph.MatchAny(n.ignore, full)
	}
	return n.names[id], n.out[id]
}

// tree makes the node of a tree. Gaps are left out: a tree that has one is
// told as incomplete.
func (n *normaliser) tree(t *graph.Tree) *Node {
	open := []*Node{n.node(&t.Calls[0])}
	ends := []int32{t.Calls[0].End}
	for i := int32(1); i < int32(len(t.Calls)); {
		c := &t.Calls[i]
		for i >= ends[len(ends)-1] {
			open[len(open)-1].seal(n)
			open, ends = open[:len(open)-1], ends[:len(ends)-1]
		}
		if c.Flags&(graph.Gap|graph.IRQ) != 0 {
			i = c.End
			continue
		}
		if _, out := n.fn(c.Fn); out {
			i = c.End
			continue
		}
		x, parent := n.node(c), open[len(open)-1]
		x.parent = parent
		parent.Children = append(parent.Children, x)
		open, ends = append(open, x), append(ends, c.End)
		i++
	}
	for k := len(open) - 1; k >= 0; k-- {
		open[k].seal(n)
	}
	return open[0]
}

func (n *normaliser) node(c *graph.Call) *Node {
	x := &Node{Count: 1}
	x.Name, _ = n.fn(c.Fn)
	if x.Result = n.funcs.RetText(c); x.Result != "" {
		f := n.funcs.Func(c.Fn)
		x.class = class(f.Result, c.Ret, graph.FormatValue(f.Result, c.Ret))
		if f.Notation != nil && len(f.Notation.Enum) > 0 {
			x.class = x.Result // the numbers of enumerators change between kernels
		}
	}
	return x
}

// class reduces a return value to what can be compared between two runs.
func class(typ graph.Result, bits uint64, text string) string {
	switch {
	case graph.IsError(typ, bits), typ == graph.Bool:
		return text
	case typ == graph.Pointer:
		if bits == 0 {
			return "NULL"
		}
		return "a pointer"
	case typ == graph.Unknown && bits >= 1<<16:
		return "a value"
	}
	// Codes are small; sizes, times and the like differ from run to run.
	if v, err := strconv.ParseInt(text, 10, 64); err != nil || v >= 256 || v < -4095 {
		return "a number"
	}
	return text
}

// seal folds equal children in a row into one and hashes the node. All
// children are sealed.
func (x *Node) seal(n *normaliser) {
	kept := x.Children[:0]
	for _, c := range x.Children {
		if k := len(kept); k > 0 && kept[k-1].full == c.full {
			kept[k-1].Count += c.Count
			continue
		}
		kept = append(kept, c)
	}
	x.Children = kept
	x.size = 1
	hash := func(result string, child func(c *Node) uint64) uint64 {
		b := append(n.buf[:0], x.Name...)
		b = append(b, 0)
		b = append(b, result...)
		for _, c := range x.Children {
			b = append(b, 0)
			b = strconv.AppendUint(b, child(c), 36)
			b = append(b, 'x')
			b = strconv.AppendInt(b, int64(c.Count), 10)
		}
		n.buf = b
		return maphash.Bytes(seed, b)
	}
	x.full = hash(x.class, func(c *Node) uint64 { return c.full })
	// Runs are folded by their full hashes; for the shape, equal ones that
	// only differ in results count as one run.
	b := append(n.buf[:0], x.Name...)
	for i := 0; i < len(x.Children); {
		c := x.Children[i]
		count := 0
		for ; i < len(x.Children) && x.Children[i].shape == c.shape; i++ {
			count += x.Children[i].Count
		}
		b = append(b, 0)
		b = strconv.AppendUint(b, c.shape, 36)
		b = append(b, 'x')
		b = strconv.AppendInt(b, int64(count), 10)
	}
	n.buf = b
	x.shape = maphash.Bytes(seed, b)
	for _, c := range x.Children {
		x.size += c.size
	}
}

// Path is the chain of calls from the root to the node.
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
