package load

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Script writes a script from a seed. It uses what the language has: several
// probes, integers of all sizes, nested conditions and loops, strings, tuples and
// records, chains of kernel types, stacks, symbols, aggregations, printf with many
// values, macros. The same seed and options give the same script.
func Script(seed uint64, o Options) string {
	w := &writer{r: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), o: o}
	w.macros()
	for range 1 + w.r.IntN(3)*w.r.IntN(3) {
		w.probe()
	}
	// What is read has a type, whatever else the script does with it.
	w.line("begin {")
	w.line("  @x = (int64)0; @k[(uint64)0] = (int64)0; @a[(int64)0, (int64)0] = (int64)0; @b[(int64)0, (int64)0] = (int64)0;")
	w.line("  @t[(uint64)0] = ((int64)0, comm, (int64)0); @n = count(); @max = max((int64)0); @by_name[comm, (int64)0] = count();")
	w.line("}")
	return w.b.String()
}

// Options leave out what a kernel refuses.
type Options struct {
	// MapLoops allows loops over maps and len() of them (5.13), Sums reading an
	// aggregation as a number (5.19).
	MapLoops, Sums bool
	// Tracepoints allows probes that need tracefs, Traced those of functions by
	// trampolines.
	Tracepoints, Traced bool
}

type writer struct {
	r *rand.Rand
	o Options
	b strings.Builder

	depth  int      // of blocks
	loops  int      // around
	budget int      // statements left in the probe
	args   bool     // argN can be read here
	strs   []string // addresses of strings
	typed  []string // pointers to kernel structs: an expression of a struct file or task
	vars   []string // numbers that are in scope
	texts  []string // strings that are in scope
	stacks bool     // the context is there, from which stacks are taken
	next   int      // number of the next variable
}

func (w *writer) pick(s ...string) string { return s[w.r.IntN(len(s))] }

func (w *writer) chance(percent int) bool { return w.r.IntN(100) < percent }

func (w *writer) line(format string, args ...any) {
	w.b.WriteString(strings.Repeat("  ", w.depth))
	fmt.Fprintf(&w.b, format, args...)
	w.b.WriteByte('\n')
}

// head is a kind of probe with what can be read in it.
type head struct {
	text  string
	args  bool
	strs  []string
	typed []string
	nums  []string
}

func (w *writer) heads() []head {
	task := []string{"curtask", "((struct task_struct *)curtask)"}
	all := []head{
		{text: "kprobe:vfs_read", args: true, strs: []string{"arg1"}, typed: append([]string{"((struct file *)arg0)"}, task...)},
		{text: "kprobe:vfs_write", args: true, strs: []string{"arg1", "arg2"}, typed: append([]string{"((struct file *)arg0)"}, task...)},
		{text: "kretprobe:vfs_read", nums: []string{"retval"}, typed: task},
		{text: "interval:s:1", typed: task},
		{text: "begin", typed: task},
		{text: "profile:hz:99", typed: task},
		{text: "software:cpu-clock:1000000", typed: task},
		{text: "kprobe:vfs_read, kprobe:vfs_write", args: true, strs: []string{"arg1"}, typed: task},
	}
	if w.o.Traced {
		all = append(all,
			head{text: "call:vfs_read", args: true, nums: []string{"args.count", "args.pos"}, strs: []string{"args.buf"}, typed: append([]string{"args.file"}, task...)},
			head{text: "ret:vfs_read", nums: []string{"retval", "duration", "args.count"}, typed: append([]string{"args.file"}, task...)},
			head{text: "rawtracepoint:sched_switch", nums: []string{"args.preempt", "args.prev->pid"}, typed: append([]string{"args.next", "args.prev"}, task...)},
		)
	}
	if w.o.Tracepoints {
		all = append(all,
			head{text: "tracepoint:syscalls:sys_enter_openat", strs: []string{"args.filename"}, nums: []string{"args.dfd", "args.flags", "args.mode"}, typed: task},
			head{text: "tracepoint:sched:sched_switch", strs: []string{"args.next_comm"}, nums: []string{"args.prev_pid", "args.next_pid", "args.prev_state"}, typed: task},
			head{text: "tracepoint:raw_syscalls:sys_enter", nums: []string{"args.id", "args.args[0]", "args.args[2]"}, typed: task},
		)
	}
	if w.o.Traced {
		all = append(all,
			head{text: "fentry:vfs_read", nums: []string{"args.count", "args.buf"}, strs: []string{"args.buf"}, typed: append([]string{"args.file"}, task...)},
			head{text: "fexit:vfs_write", nums: []string{"args.count", "retval"}, strs: []string{"args.buf"}, typed: append([]string{"args.file"}, task...)},
		)
	}
	return all
}

// chains lead from a pointer to a number, strings to a string.
var (
	fileChains  = []string{"->f_flags", "->f_mode", "->f_path.dentry->d_inode->i_ino", "->f_path.dentry->d_parent->d_inode->i_mode", "->f_inode->i_size", "->f_inode->i_sb->s_dev"}
	taskChains  = []string{"->pid", "->tgid", "->real_parent->tgid", "->parent->parent->pid", "->mm->total_vm", "->flags", "->cred->uid.val", "->group_leader->prio"}
	fileStrings = []string{"->f_path.dentry->d_name.name", "->f_path.dentry->d_parent->d_name.name"}
	taskStrings = []string{"->comm", "->real_parent->comm"}
)

func (w *writer) probe() {
	all := w.heads()
	h := all[w.r.IntN(len(all))]
	w.args, w.strs, w.typed, w.vars, w.texts = h.args, h.strs, h.typed, h.nums, nil
	w.budget, w.loops, w.stacks = 3+w.r.IntN(18), 0, true
	pred := ""
	if w.chance(25) {
		pred = " /" + w.cond(1) + "/"
	}
	w.line("%s%s {", h.text, pred)
	w.depth++
	// What loops read has to be in variables: the context is not there.
	for range 1 + w.r.IntN(3) {
		w.assign()
	}
	for w.budget > 0 {
		w.stmt()
	}
	w.depth--
	w.line("}")
}

// stmts writes the inside of a block; variables made there are forgotten.
func (w *writer) stmts(n int) {
	vars, texts := w.vars, w.texts
	w.depth++
	for range n {
		w.stmt()
	}
	w.depth--
	w.vars, w.texts = vars[:len(vars):len(vars)], texts[:len(texts):len(texts)]
}

func (w *writer) stmt() {
	w.budget--
	roll := w.r.IntN(100)
	deep := w.depth > 5 || w.budget < 0
	switch {
	case roll < 12:
		w.assign()
	case roll < 15:
		w.tuple()
	case roll < 22:
		w.text()
	case roll < 34:
		w.aggregate()
	case roll < 44:
		w.set()
	case roll < 50 && len(w.vars) > 0 && strings.HasPrefix(w.last(), "$v"):
		v := w.last()
		w.line("%s;", w.pick(v+"++", v+" += "+w.num(1), v+" = "+v+" ^ "+w.num(1), v+" -= 3", "add("+v+", "+w.num(1)+")"))
	case roll < 56:
		w.printf()
	case roll < 58:
		w.odd()
	case deep:
		w.line("@n = count();")
	case roll < 60:
		w.chainOfCases()
	case roll < 74:
		w.line("if (%s) {", w.cond(2))
		w.stmts(1 + w.r.IntN(3))
		for range w.r.IntN(3) {
			w.line("} else if (%s) {", w.cond(1))
			w.stmts(1 + w.r.IntN(2))
		}
		if w.chance(50) {
			w.line("} else {")
			w.stmts(1 + w.r.IntN(3))
		}
		w.line("}")
	case roll < 78:
		w.line("unroll(%d) {", 2+w.r.IntN(6))
		w.stmts(1)
		w.line("}")
	default:
		w.loop()
	}
}

// last returns the variable made last.
func (w *writer) last() string { return w.vars[len(w.vars)-1] }

func (w *writer) loop() {
	if w.loops >= 2 {
		w.line("@deep = sum(%s);", w.num(1))
		return
	}
	args, ctx, stacks := w.args, w.typed, w.stacks
	vars := w.vars
	strs := w.strs
	w.loops++
	w.stacks = false
	// The context cannot be read in a loop.
	w.args, w.strs, w.typed = false, nil, []string{"curtask"}
	w.vars = nil
	for _, v := range vars {
		if strings.HasPrefix(v, "$") {
			w.vars = append(w.vars, v)
		}
	}
	v := w.fresh("i")
	n := 1 + w.r.IntN(3)
	switch roll := w.r.IntN(10); {
	case roll < 6:
		to := w.pick("2", "4", "8", "16", "50", "100", "128", "1000", "20000")
		if len(w.vars) > 0 && w.chance(30) {
			to = w.vars[w.r.IntN(len(w.vars))]
		}
		w.line("for (%s : %s..%s) {", v, w.pick("0", "0", "1"), to)
		w.vars = append(w.vars, v)
		w.stmts(n)
		if w.chance(20) {
			w.line("  if (%s) { %s; }", w.cond(1), w.pick("break", "continue"))
		}
	case roll < 8 && w.o.MapLoops:
		m := w.pick("@a", "@b")
		w.line("%s[%s, %s] = %s;", m, w.num(0), w.num(0), w.num(0))
		w.line("for (%s : %s) {", v, m)
		w.vars = append(w.vars, v+".0.0", v+".1")
		w.stmts(n)
	default:
		c := w.fresh("w")
		w.line("%s = (uint64)0;", c)
		w.line("while (%s < %s) {", c, w.pick("3", "10", "64", "500", w.num(0)))
		w.vars = append(w.vars, c)
		w.stmts(n)
		w.line("  %s++;", c)
	}
	w.line("}")
	w.loops--
	w.args, w.typed, w.vars, w.strs, w.stacks = args, ctx, vars, strs, stacks
}

func (w *writer) fresh(kind string) string {
	w.next++
	return fmt.Sprintf("$%s%d", kind, w.next)
}

func (w *writer) assign() {
	x := w.num(2)
	if w.chance(8) {
		x = "(bool)" + paren(x)
	}
	v := w.fresh("v")
	w.line("%s = (%s)%s;", v, w.pick("uint64", "int64", "uint64", "uint32", "int32", "uint16", "int16", "uint8", "int8"), paren(x))
	w.vars = append(w.vars, v)
}

func paren(x string) string { return "(" + x + ")" }

// num returns a number.
func (w *writer) num(depth int) string {
	if depth > 0 && w.chance(45) {
		a, b := w.num(depth-1), w.num(depth-1)
		switch w.r.IntN(6) {
		case 0:
			return fmt.Sprintf("(%s ? %s : %s)", w.cond(depth-1), a, b)
		case 1:
			return fmt.Sprintf("(%s %s %d)", a, w.pick("<<", ">>"), w.r.IntN(20))
		case 2:
			return fmt.Sprintf("(%s %s %d)", a, w.pick("/", "%"), 1+w.r.IntN(300))
		default:
			return fmt.Sprintf("(%s %s %s)", a, w.pick("+", "-", "*", "&", "|", "^"), b)
		}
	}
	switch roll := w.r.IntN(12); {
	case roll < 4 && len(w.vars) > 0:
		return "(int64)" + w.vars[w.r.IntN(len(w.vars))]
	case roll < 6 && w.args:
		return "(int64)" + w.pick("arg0", "arg1", "arg2")
	case roll < 7:
		return "(int64)" + w.pick("pid", "tid", "uid", "gid", "cpu", "nsecs", "elapsed", "cgroup", "rand", "usermode", "ppid", "jiffies", "ncpus")
	case roll < 9:
		return "(int64)" + w.chain()
	case roll < 10 && w.loops == 0:
		return w.pick("@x", "@k[pid]", "@a[1, 2]", "@t[tid].0")
	case roll < 11 && w.chance(30):
		return w.measure()
	}
	return fmt.Sprint(w.r.IntN(1 << w.r.IntN(12)))
}

func (w *writer) chain() string {
	p := w.typed[w.r.IntN(len(w.typed))]
	if strings.Contains(p, "file") {
		return p + fileChains[w.r.IntN(len(fileChains))]
	}
	return p + taskChains[w.r.IntN(len(taskChains))]
}

// str returns a string.
func (w *writer) str() string {
	switch roll := w.r.IntN(8); {
	case roll < 3 && len(w.texts) > 0:
		return w.texts[w.r.IntN(len(w.texts))]
	case roll < 5 && len(w.strs) > 0:
		s := w.strs[w.r.IntN(len(w.strs))]
		if s == "args.next_comm" {
			return s
		}
		return w.pick("str("+s+")", "str("+s+", 16)", "str("+s+", 40)", "str("+s+", "+w.num(0)+")")
	case roll < 6:
		p := w.typed[w.r.IntN(len(w.typed))]
		if strings.Contains(p, "file") {
			return "str(" + p + fileStrings[w.r.IntN(len(fileStrings))] + ")"
		}
		return p + taskStrings[w.r.IntN(len(taskStrings))]
	}
	return "comm"
}

func (w *writer) text() {
	v := w.fresh("s")
	w.line("%s = %s;", v, w.str())
	w.texts = append(w.texts, v)
}

// cond returns a condition.
func (w *writer) cond(depth int) string {
	if depth > 0 && w.chance(35) {
		a, b := w.cond(depth-1), w.cond(depth-1)
		return w.pick("("+a+" && "+b+")", "("+a+" || "+b+")", "!("+a+")")
	}
	switch roll := w.r.IntN(10); {
	case roll < 6:
		return fmt.Sprintf("%s %s %s", w.num(1), w.pick("<", ">", "==", "!=", "<=", ">="), w.num(0))
	case roll < 7:
		return fmt.Sprintf("%s %s %q", w.str(), w.pick("==", "!="), w.pick("sh", "systemd", "a long name that fits nowhere at all"))
	case roll < 8:
		return fmt.Sprintf("strcontains(%s, %q)", w.str(), w.pick("passwd", "x", "/proc"))
	case roll < 9 && w.o.MapLoops && w.loops == 0:
		return fmt.Sprintf("len(@a) %s %d", w.pick("<", ">"), w.r.IntN(9))
	case roll < 9 && w.chance(50):
		return w.question()
	}
	return fmt.Sprintf("%s & %d", w.num(0), 1+w.r.IntN(64))
}

// key is the key of a map; each map has keys of one type.
func (w *writer) aggregate() {
	kinds := 12
	if !w.stacks {
		kinds = 9
	}
	switch w.r.IntN(kinds) {
	case 0:
		w.line("@n = count();")
	case 1:
		w.line("@sum[%s] = sum(%s);", w.num(1), w.num(1))
	case 2:
		w.line("@hist = hist(%s);", w.num(1))
	case 3:
		w.line("@lhist[comm] = lhist(%s, 0, 1000, 50);", w.num(1))
	case 4:
		w.line("@avg[%s, %s] = avg(%s);", w.num(0), w.str(), w.num(1))
	case 5:
		w.line("@min[cpu] = min(%s);", w.num(1))
	case 6:
		w.line("@max = max(%s);", w.num(1))
	case 7:
		w.line("@stats[%s] = stats(%s);", w.num(0), w.num(0))
	case 8:
		w.line("@by_name[%s, %s] = count();", w.str(), w.num(0))
	case 9:
		w.line("@kstack[kstack(5)] = count();")
	case 10:
		w.line("@ustack[ustack, comm] = count();")
	default:
		w.line("@kstacks[%s, kstack(7)] = sum(%s);", w.num(0), w.num(1))
	}
}

// set assigns to maps and deletes from them.
func (w *writer) set() {
	switch w.r.IntN(8) {
	case 0:
		w.line("@x = %s;", w.num(2))
	case 1:
		w.line("@k[pid] = %s;", w.num(2))
	case 2:
		w.line("@%s[%s, %s] = %s;", w.pick("a", "b"), w.num(1), w.num(0), w.num(1))
	case 3:
		w.line("@t[tid] = (%s, %s, %s);", w.num(1), w.str(), w.num(0))
	case 4:
		w.line("@text[%s] = %s;", w.num(0), w.str())
	case 5:
		w.line("delete(@k, pid);")
	case 6:
		w.line("@k[pid]++;")
	default:
		w.line("@x += %s;", w.num(1))
	}
}
