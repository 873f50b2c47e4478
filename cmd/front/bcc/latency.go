package bcc

import (
	"fmt"
	"math"
	"strings"

	"probe/lang/value"
	"probe/runtime/event"
)

var latencyTool = &Tool{
	Name: "funclatency", Command: "latency", Summary: "show how long calls of functions take, as a histogram",
	Operands: "pattern", least: 1, most: 1,
	About: "The pattern is func or lib:func, where * stands for any characters.",
	Examples: []Example{
		{"do_sys_openat2", "Shows the times of calls of a kernel function, in nanoseconds."},
		{"-u vfs_read", "Shows them in microseconds."},
		{"-mTi 5 vfs_read", "Prints milliseconds every five seconds, with the time."},
		{"-F 'vfs_r*'", "Shows a histogram for each function."},
		{"c:read", "Shows the times of a function of libc."},
	},
	intervals: true, options: []option{
		pidOption("trace only this process"),
		{long: "duration", short: 'd', arg: "DURATION", kind: number, help: "seconds until the end"},
		{long: "microseconds", short: 'u', help: "show microseconds"},
		{long: "milliseconds", short: 'm', help: "show milliseconds"},
		{long: "function", short: 'F', help: "show a histogram for each function"},
		{long: "level", short: 'l', arg: "LEVEL", kind: number, help: "depth of nested calls; accepted and ignored, since nested calls are always told apart"},
		{long: "verbose", short: 'v', help: "print the script before running it"},
	},
	plan: planLatency,
}

func planLatency(l *line, m Machine) (*Plan, error) {
	text := l.words[0]
	if strings.Count(text, ":") > 1 {
		return nil, fmt.Errorf("Error: unrecognized pattern format '%s'", text)
	}
	p, err := parsePattern(text, l.is("regexp"))
	if err != nil {
		return nil, err
	}
	if p.findLibrary(m) != nil {
		return nil, fmt.Errorf("Error: can't resolve library %s", p.library)
	}
	points, err := p.points(m, "ret", "ret")
	if err != nil {
		return nil, err
	}
	label, div := "nsecs", ""
	switch {
	case l.is("milliseconds"):
		label, div = "msecs", " / 1000000"
	case l.is("microseconds"):
		label, div = "usecs", " / 1000"
	}
	var conds []string
	if l.is("pid") {
		conds = append(conds, "pid == "+l.text("pid"))
	}
	key := ""
	var section func(key []value.Value, r value.Resolver) string
	switch {
	case p.library != "" && (l.is("function") || !l.is("pid")):
		key = "[probe, pid]"
		section = func(k []value.Value, r value.Resolver) string {
			return fmt.Sprintf("%s [%d]", lastPart(1)(string(value.AppendText(nil, k[0], r))), k[1].Int())
		}
	case l.is("function"):
		key = "[probe]"
		section = func(k []value.Value, r value.Resolver) string {
			return lastPart(1)(string(value.AppendText(nil, k[0], r)))
		}
	}
	table := "  print(@time);\n  print(@all);\n  clear(@time);\n  clear(@all);\n"
	return &Plan{
		Script: fmt.Sprintf("%s%s\n{\n  @time%s = hist(duration%s);\n  @all = stats(duration);\n}\n\n%s",
			points, predicate(conds), key, div, summaries(l, "duration", table, `  printf("Detaching...\n");`+"\n")),
		Verbose: l.is("verbose"),
		Layout: Layout{
			Head: fmt.Sprintf("Tracing %%d functions for \"%s\"... Hit Ctrl-C to end.\n", printed(text)),
			Table: map[string]TableFunc{
				"time": histTable(label, "Function", section),
				"all":  averageLine(label),
			},
		},
	}, nil
}

// averageLine prints the line below funclatency's histogram from the statistics
// of the times in nanoseconds.
func averageLine(label string) TableFunc {
	return func(dst []byte, m *event.Map, _ *StackStyle) []byte {
		if len(m.Entries) == 0 {
			return dst
		}
		count, _, ns := m.ValueOf(&m.Entries[0]).Stats(0)
		if count == 0 {
			return dst
		}
		total := float64(ns)
		switch label {
		case "msecs":
			total /= 1e6
		case "usecs":
			total /= 1e3
		}
		return fmt.Appendf(dst, "\navg = %d %s, total: %d %s, count: %d\n\n", int64(total/float64(count)), label, int64(total), label, count)
	}
}

// The widths of the bars (bcc's tables).
const (
	histStars     = 40
	histStarsWide = 20
)

// histTable prints histograms by powers of two as bcc does: the buckets 0 to 1,
// 2 to 3, 4 to 7 and so on, from the first one to the last that is not empty.
// Entries with a key have a line with header and section before them.
func histTable(label, header string, section func(key []value.Value, r value.Resolver) string) TableFunc {
	return func(dst []byte, m *event.Map, _ *StackStyle) []byte {
		r := value.Escaped(m.Resolver)
		for i := range m.Entries {
			e := &m.Entries[i]
			if !m.Scalar() && section != nil {
				dst = fmt.Appendf(dst, "\n%s = %s\n", header, section(parts(m.KeyOf(e)), r))
			}
			dst = appendHist(dst, label, slots(e.Buckets))
		}
		return dst
	}
}

// slots merges the buckets of a histogram of the language (negative numbers, 0,
// 1, 2 to 3, …) into those of bcc, which takes negative numbers for large ones
// and has no bucket for 0 alone.
func slots(buckets []value.Bucket) []uint64 {
	out := make([]uint64, 65)
	for _, b := range buckets {
		switch {
		case b.Index == 0:
			out[64] += b.Count
		case b.Index <= 2:
			out[1] += b.Count
		case b.Index-1 < len(out):
			out[b.Index-1] += b.Count
		}
	}
	return out
}

// appendHist appends a histogram whose slot i counts numbers below 1<<i.
func appendHist(dst []byte, label string, vals []uint64) []byte {
	last, most := -1, uint64(0)
	for i, v := range vals {
		if v > 0 {
			last = i
		}
		most = max(most, v)
	}
	if last <= 0 {
		return dst
	}
	head, body, stars := "     %-19s : count     distribution\n", "%10d -> %-10d : %-8d |%-*s|\n", histStars
	if last > 32 {
		head, body, stars = "               %-29s : count     distribution\n", "%20d -> %-20d : %-8d |%-*s|\n", histStarsWide
	}
	dst = fmt.Appendf(dst, head, label)
	for i := 1; i <= last; i++ {
		low, high := uint64(1)<<i>>1, uint64(1)<<i-1
		if i == 64 {
			low, high = 1<<63, math.MaxUint64
		}
		if i == 1 {
			low = 0
		}
		dst = fmt.Appendf(dst, body, low, high, vals[i], stars, strings.Repeat("*", int(float64(stars)*float64(vals[i])/float64(most))))
	}
	return dst
}
