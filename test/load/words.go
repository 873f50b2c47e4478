package load

import (
	"fmt"
	"strings"
)

// macros writes the macros that probes may use.
func (w *writer) macros() {
	w.line("macro twice(n) { n + n }")
	w.line("macro add($to, n) { $to += n; }")
	w.line("macro note(@m, key) { @m[key] = count(); }")
}

// tuple makes a tuple or a record and keeps its elements as variables.
func (w *writer) tuple() {
	v := w.fresh("t")
	switch w.r.IntN(3) {
	case 0:
		w.line("%s = (%s, %s, %s);", v, w.num(1), w.str(), w.num(1))
		w.vars = append(w.vars, v+".0", v+".2")
		w.texts = append(w.texts, v+".1")
	case 1:
		w.line("%s = (%s, (%s, (uint16)%s));", v, w.num(1), w.str(), paren(w.num(1)))
		w.vars = append(w.vars, v+".0", v+".1.1")
		w.texts = append(w.texts, v+".1.0")
	default:
		w.line("%s = (size = %s, name = %s);", v, w.num(1), w.str())
		w.vars = append(w.vars, v+".size")
		w.texts = append(w.texts, v+".name")
	}
}

// odd writes a statement that is rarer than the others.
func (w *writer) odd() {
	kinds := 11
	if !w.stacks {
		kinds = 9
	}
	switch w.r.IntN(kinds) {
	case 0:
		w.line("@last = (%s, %s, (int32)%s);", w.num(1), w.str(), paren(w.num(1)))
	case 1:
		w.line("print((%s, %s));", w.str(), w.num(1))
	case 2:
		w.line("note(@noted, %s);", w.num(1))
	case 3:
		w.line("@kinds[(%s, %s), comm] = count();", w.num(0), w.str())
	case 4:
		w.line("time(\"%%H:%%M:%%S\\n\");")
	case 5:
		w.line("@symbols[ksym(%s), ntop(%s)] = count();", paren("(uint64)"+paren(w.num(0))), paren("(uint32)"+paren(w.num(0))))
	case 6:
		v := w.fresh("v")
		w.line("%s = if (%s) { %s } else { %s };", v, w.cond(1), w.num(1), w.num(1))
		w.vars = append(w.vars, v)
	case 7:
		v := w.fresh("f")
		w.line("if (find(@k, pid, %s)) {", v)
		w.vars = append(w.vars, v)
		w.stmts(1)
		w.vars = w.vars[:len(w.vars)-1]
		w.line("}")
	case 8:
		w.line("clear(@by_name);")
	case 9:
		w.line("printf(\"%%s %%s\\n\", kstack(4), ustack(perf, 3));")
	default:
		w.line("if (%s) {", w.cond(0))
		w.line("  return;")
		w.line("}")
	}
}

// chainOfCases compares a number with many constants.
func (w *writer) chainOfCases() {
	x := w.num(0)
	if len(w.vars) > 0 {
		x = w.vars[w.r.IntN(len(w.vars))]
	}
	n := 2 + w.r.IntN(40)
	for i := range n {
		open := "} else if"
		if i == 0 {
			open = "if"
		}
		w.line("%s (%s == %d) {", open, x, i)
		w.line("  %s", w.pick(fmt.Sprintf("@cases[%d] = count();", i), fmt.Sprintf("@x = %d;", i), fmt.Sprintf("@sum[%d] = sum(%s);", i, w.num(0))))
	}
	w.line("}")
}

// measure returns a number taken from a string or computed by a macro.
func (w *writer) measure() string {
	switch w.r.IntN(6) {
	case 0:
		return "(int64)strlen(" + w.str() + ")"
	case 1:
		return fmt.Sprintf("(int64)strstr(%s, %q)", w.str(), w.pick("sh", "/", "long enough"))
	case 2:
		return fmt.Sprintf("(int64)strncmp(%s, %q, %d)", w.str(), w.pick("bash", "kworker"), 1+w.r.IntN(6))
	case 3:
		return "twice(" + w.num(0) + ")"
	case 4:
		if w.o.Sums {
			return "(int64)" + w.pick("@n", "@max")
		}
		return "(int64)bswap((uint32)" + paren(w.num(0)) + ")"
	}
	return "(int64)" + w.str() + "[0]"
}

// question returns a condition about maps, tuples or strings.
func (w *writer) question() string {
	switch w.r.IntN(4) {
	case 0:
		return "has_key(@k, pid)"
	case 1:
		return "delete(@k, pid)"
	case 2:
		return fmt.Sprintf("(%s, %s) == (%s, %s)", w.num(0), w.num(0), w.num(0), w.num(0))
	}
	return w.str() + " == " + w.str()
}

// printf prints a few values, now and then many.
func (w *writer) printf() {
	n := 1 + w.r.IntN(8)
	if w.chance(8) {
		n = 10 + w.r.IntN(20)
	}
	var format, args strings.Builder
	for range n {
		switch w.r.IntN(6) {
		case 0:
			format.WriteString(" %s")
			args.WriteString(", " + w.str())
		case 1:
			format.WriteString(" %lx")
			args.WriteString(", " + w.num(1))
		case 2:
			format.WriteString(" %s")
			args.WriteString(", " + w.shown())
		default:
			format.WriteString(" %d")
			args.WriteString(", " + w.num(1))
		}
	}
	w.line("printf(%q%s);", strings.TrimSpace(format.String())+"\n", args.String())
}

// shown returns a value whose text is made when it is printed.
func (w *writer) shown() string {
	switch w.r.IntN(6) {
	case 0:
		return "ksym((uint64)" + paren(w.num(0)) + ")"
	case 1:
		return "usym((uint64)" + paren(w.num(0)) + ")"
	case 2:
		return "ntop((uint32)" + paren(w.num(0)) + ")"
	case 3:
		return "strftime(\"%H:%M\", nsecs)"
	case 4:
		return "errname(" + w.num(0) + ")"
	}
	return paren(w.num(1) + ", " + w.num(0))
}
