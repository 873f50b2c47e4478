package graph

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const interrupted = `
	> a 0
	> b 1
	> irq_enter_rcu 2
	< irq_enter_rcu 2
	> hrtimer_interrupt 2 irq
	> tick 3 irq
	< tick 3
	< hrtimer_interrupt 2
	> irq_exit_rcu 2
	> __do_softirq 3
	< __do_softirq 3
	< irq_exit_rcu 2
	< b 1
	> timer 1 irq
	< timer 1
	> local_bh_enable 1
	> __do_softirq 2
	< __do_softirq 2
	< local_bh_enable 1
	< a 0`

func build(t *testing.T, events string, then func(tree *Tree, funcs *Funcs)) string {
	t.Helper()
	var b Builder
	var out strings.Builder
	feed(t, &b, events) // checks
	n := &names{}
	b = Builder{Funcs: &Funcs{}, Resolve: n.resolve, Done: nil}
	b.Done = func(_ int32, tree *Tree) {
		then(tree, b.Funcs)
		check(t, tree)
		if err := tree.Write(&out, b.Funcs, Lines); err != nil {
			t.Fatal(err)
		}
	}
	now := int64(0)
	for line := range strings.Lines(events) {
		w := strings.Fields(line)
		if len(w) == 0 {
			continue
		}
		now += 1000
		e := Event{Time: now, Addr: n.addr(w[1]), Depth: int16(w[2][0] - '0')}
		if w[0] == "<" {
			e.Kind = Exit
		}
		if len(w) > 3 {
			e.Flags = HardIRQ
		}
		b.Add(&e, nil)
	}
	b.Flush()
	return out.String()
}

func TestFold(t *testing.T) {
	got := build(t, interrupted, func(tree *Tree, _ *Funcs) { tree.Fold() })
	want := ` a                    19.0 us
 ├─ b                 11.0 us
 └─ local_bh_enable    3.0 us
    └─ __do_softirq    1.0 us
 (left out: 2 interruptions with 6 calls, 8.0 us)
`
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("folded tree (-want +got):\n%s", d)
	}
}

// What a function called in an interrupt does is not an interruption.
func TestFoldInterruptContext(t *testing.T) {
	got := build(t, "> a 0 irq\n> b 1 irq\n< b 1\n< a 0", func(tree *Tree, _ *Funcs) { tree.Fold() })
	if want := " a      3.0 us\n └─ b   1.0 us\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestSkipAndPrune(t *testing.T) {
	events := "> a 0\n> rcu_read 1\n> x 2\n< x 2\n< rcu_read 1\n> b 1\n> c.isra.0 2\n> d 3\n< d 3\n< c.isra.0 2\n< b 1\n< a 0"
	got := build(t, events, func(tree *Tree, funcs *Funcs) {
		tree.Skip(funcs, []string{"rcu_*", "a"})
		if tree.Folded.Skipped != 2 {
			t.Errorf("%d calls skipped, want 2", tree.Folded.Skipped)
		}
		tree.Prune(2)
	})
	want := ` a                11.0 us
 └─ b              5.0 us
    └─ c.isra.0    3.0 us
`
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("tree (-want +got):\n%s", d)
	}
}

func TestBraces(t *testing.T) {
	var funcs Funcs
	for _, f := range []Func{
		{Name: "a", Params: []Param{{Name: "sk", Type: Pointer}, {Name: "len", Type: Int32}}, Result: Int32},
		{Name: "b", Module: "veth"},
	} {
		funcs.Named(f)
	}
	tree := &Tree{
		Args: []uint64{0, 42, 7, 7},
		Lost: 2,
		Calls: []Call{
			{T0: 0, T1: 1_500_000, Fn: 0, Parent: -1, End: 4, CPU: 1, NArgs: 4, Flags: HasRet, Ret: 0xffffff8f},
			{T0: 100, T1: 700, Fn: 1, Parent: 0, End: 2, Depth: 1},
			{T0: 700, T1: 700, Fn: -1, Parent: 0, End: 3, Depth: 1, Flags: Gap, Ret: 2},
			{T0: 700, T1: 900, Fn: 1, Parent: 0, End: 4, Depth: 1, Flags: NoExit},
		},
	}
	var out strings.Builder
	if err := tree.Write(&out, &funcs, Braces); err != nil {
		t.Fatal(err)
	}
	want := ` incomplete: at least 2 events lost, the end of 1 call not seen
# CPU  DURATION                  FUNCTION CALLS
# |     |   |                     |   |   |   |
  1)                   |  a(sk=NULL, len=42) {
  0)          0.600 us  |    b [veth]();
        /* … 2 events lost … */
  0)                   |    b [veth]();
  1)  # 1500.000 us  |  } /* = -EHOSTUNREACH */ /* a */
`
	got := out.String()
	if d := cmp.Diff(strings.Fields(want), strings.Fields(got)); d != "" {
		t.Errorf("words (-want +got):\n%s\ngot:\n%s", d, got)
	}
}

func TestFormatValue(t *testing.T) {
	for _, tt := range []struct {
		typ  Result
		bits uint64
		want string
	}{
		{Void, 5, ""}, {Bool, 0xff00, "false"}, {Bool, 0xff01, "true"},
		{Int32, 0xdeadbeef_ffffff9b, "-ENETUNREACH"}, {Int32, 7, "7"}, {Int32, 0xffff0000, "-65536"},
		{Int64, 0xffffffff_ffffff9b, "-ENETUNREACH"}, {Int64, 0xffffff9b, "4294967195"},
		{Int16, 0xffff, "-EPERM"}, {Int8, 0x7f, "127"}, {Uint8, 0x1ff, "255"}, {Uint16, 0x10001, "1"},
		{Uint32, 0xffffff9b, "4294967195"}, {Uint64, 1 << 63, "9223372036854775808"},
		{Pointer, 0, "NULL"}, {Pointer, ^uint64(0) - 100, "-ENETUNREACH"}, {Pointer, 0xffff888000001000, "0xffff888000001000"},
		{Unknown, 0, "0"}, {Unknown, ^uint64(1), "-ENOENT"}, {Unknown, 0xffffff9b, "0xffffff9b"},
	} {
		if got := FormatValue(tt.typ, tt.bits); got != tt.want {
			t.Errorf("FormatValue(%v, %#x) = %q, want %q", tt.typ, tt.bits, got, tt.want)
		}
	}
	for r := range results {
		if got := ResultNamed(Result(r).String()); got != Result(r) {
			t.Errorf("class %d has the name of class %d", r, got)
		}
	}
	if IsError(Uint32, 0xffffff9b) || !IsError(Int32, 0xffffff9b) || !IsError(Pointer, ^uint64(0)) || IsError(Pointer, 0) {
		t.Error("IsError does not follow the type")
	}
}

func TestFormatDuration(t *testing.T) {
	for ns, want := range map[int64]string{0: "0.0 us", 11_440: "11.4 us", 9_999_900: "9999.9 us", 10_000_000: "10.0 ms", 10e9: "10.0 s "} {
		if got := FormatDuration(ns); got != want {
			t.Errorf("FormatDuration(%d) = %q, want %q", ns, got, want)
		}
	}
}

func TestBaseName(t *testing.T) {
	for name, want := range map[string]string{
		"vfs_read": "vfs_read", "rt_set_nexthop.constprop.0": "rt_set_nexthop", "inet_addr_hash.isra.0": "inet_addr_hash",
		"a.isra.0.constprop.12": "a", "b.part.0": "b", "kmem_cache_alloc_noprof": "kmem_cache_alloc", "c.cold": "c",
		"x_noprof.isra.0": "x", "__fib.lookup": "__fib.lookup", ".isra.0": ".isra", "0": "0",
	} {
		if got := BaseName(name); got != want {
			t.Errorf("BaseName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestMatchName(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"vfs_read", "vfs_read", true}, {"vfs_read", "vfs_readv", false}, {"vfs_*", "vfs_", true}, {"*", "", true},
		{"*_read", "vfs_read", true}, {"*_read", "vfs_reads", false}, {"v?s_*d", "vfs_read", true}, {"?", "", false},
		{"a*b*c", "aXbXbc", true}, {"a*b*c", "aXbXb", false}, {"", "a", false},
	} {
		if got := MatchName(tt.pattern, tt.name); got != tt.want {
			t.Errorf("MatchName(%q, %q) = %v", tt.pattern, tt.name, got)
		}
	}
	if !IsClone("foo.isra.0", "foo") || IsClone("foo.cold", "foo") || IsClone("foobar.isra.0", "foo") {
		t.Error("IsClone does not tell copies from parts")
	}
}

func TestFuncs(t *testing.T) {
	var f Funcs
	asked := 0
	resolve := func(a uint64) Func { asked++; return Func{Name: "x"} }
	if first := f.At(10, resolve); f.At(10, resolve) != first || asked != 1 {
		t.Errorf("an address was resolved %d times", asked)
	}
	inside := func(uint64) Func { return Func{Name: "z", Addr: 100} }
	if f.At(104, inside) != f.At(100, inside) {
		t.Error("two addresses of a function have two numbers")
	}
	if f.Named(Func{Name: "y"}) == f.Named(Func{Name: "y", Module: "m"}) {
		t.Error("functions of two modules share a number")
	}
	if f.Name(-1) != "?" || f.Name(99) != "?" {
		t.Error("an unknown index has a name")
	}
}
