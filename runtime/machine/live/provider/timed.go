package provider

import (
	"fmt"
	"math"
	"strconv"

	"probe/lang/hir"
	"probe/lang/syntax"
	"probe/lang/types"
	"probe/runtime/machine/live/rights"
)

// interval runs at regular times, on one CPU, from user space.
var interval = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "interval", Aliases: []string{"i"}, Row: "P-INT-01", Usage: "interval:s:N, or hz, ms, us; interval:10ms",
		Doc: "Runs at regular times, once for the whole machine. pid and comm are those of the tracer.",
		Own: true, Target: hir.TargetPeriod,
	},
	Min: 1, Max: 2, Type: "interval", Expand: expandTimed, List: listTimed,
}

// profile samples every CPU at regular times.
var profile = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "profile", Aliases: []string{"p"}, Row: "P-PROF-01", Usage: "profile:hz:N, or s, ms, us; profile:10ms",
		Doc:    "Runs at regular times on every CPU, in whatever the CPU was doing.",
		Target: hir.TargetPeriod,
	},
	Min: 1, Max: 2, Needs: []rights.Access{rights.Samples}, Type: "profile", Expand: expandTimed, List: listTimed,
}

// units maps the accepted units of time to nanoseconds; hz, a rate, has 0.
var units = map[string]uint64{"s": 1e9, "ms": 1e6, "us": 1e3, "hz": 0}

const minPeriod = 1000 // ns; A-LIM-19

func expandTimed(r *request) []*hir.Site {
	var period, freq uint64
	var suffix string
	if len(r.args) == 1 {
		ns, ok := duration(r.part(0))
		switch {
		case !ok:
			r.errorf("bad-period", 0, "invalid %s: %s is neither a duration nor a number of nanoseconds", r.p.Name, r.part(0)).
				WithCompat("Invalid rate of %s probe: %s", r.p.Name, badNumber(r.part(0))).
				WithRow("P-PROF-02").WithHelp("write `%s:10ms` or `%s:s:1`", r.p.Name, r.p.Name)
			return nil
		case ns < minPeriod:
			r.errorf("bad-period", 0, "invalid rate of %s probe. Minimum is 1000 or 1us, found %s", r.p.Name, r.part(0)).
				WithCompat("Invalid rate of %s probe. Minimum is 1000 or 1us. Found: %d nanoseconds", r.p.Name, ns).
				WithRow("P-PROF-02").WithHelp("write `%s:s:1` for one second, `%s:1s` for the same", r.p.Name, r.p.Name)
			return nil
		}
		// The period is in whole microseconds, the unit of the probe's name.
		period = ns / 1000 * 1000
		suffix = fmt.Sprintf("us:%d", ns/1000)
	} else {
		unit := r.part(0)
		scale, ok := units[unit]
		if !ok {
			r.errorf("bad-period", 0, "%s is not an accepted unit of time", unit).
				SameCompat().WithHelp("the units are s, ms, us and hz")
			return nil
		}
		n, ok := number(r.part(1))
		if !ok || n == 0 {
			r.errorf("bad-period", 1, "%s unit must be a positive integer, found %s", r.p.Name, orEmpty(r.part(1))).
				WithCompat("%s", badRate(r.p.Name, r.part(1)))
			return nil
		}
		suffix = fmt.Sprintf("%s:%d", unit, n)
		switch {
		case unit == "hz" && n > 1e9/minPeriod:
			r.errorf("bad-period", 1, "a rate of %d Hz is above the limit of 1000000", n)
			return nil
		case unit == "hz":
			freq, period = n, 1e9/n
		case n > math.MaxInt64/scale:
			r.errorf("bad-period", 1, "%s %s is longer than any run", r.part(1), unit)
			return nil
		default:
			period = n * scale
		}
	}
	r.matched = true
	s := r.site(hir.ProgPerf, types.SpaceNone, r.p.Name+":"+suffix)
	if r.p.Own {
		s.Prog = hir.ProgRawTP
		s.Attach = hir.Attach{Kind: hir.AttachInterval, Period: period}
		return []*hir.Site{s}
	}
	s.Regs = true
	s.Attach = hir.Attach{Kind: hir.AttachProfile, Period: period, Freq: freq}
	return []*hir.Site{s}
}

// number parses a number in the forms of the language: 1000, 0x3e8, 1e3, 1_000.
func number(s string) (uint64, bool) {
	n, neg, err := syntax.ParseInteger(s)
	return n, err == nil && !neg
}

func orEmpty(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// duration parses a duration literal, "10ms", or a number of nanoseconds.
func duration(s string) (uint64, bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	n, err := strconv.ParseUint(s[:i], 10, 64)
	if err != nil {
		return 0, false
	}
	scale, ok := map[string]uint64{"": 1, "ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}[s[i:]]
	if !ok || n > math.MaxInt64/scale {
		return 0, false
	}
	return n * scale, true
}
