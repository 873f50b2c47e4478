package lower_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"

	"probe/compiler/compilertest"
	"probe/compiler/ir"
	"probe/compiler/lower"
	"probe/stdlib"
)

// aggregated is a script with every aggregation of signed and unsigned numbers of
// every width, without and with keys. %s is where programs read them.
const aggregated = `kprobe:f {
  @c = count(); @ck[arg1] = count();
  @s = sum((int64)arg0); @us = sum(arg0); @sk[arg1] = sum((int64)arg0);
  @mn = min((int64)arg0); @umn = min(arg0); @mnk[arg1] = min((int64)arg0); @umnk[arg1] = min(arg0);
  @mx = max((int64)arg0); @umx = max(arg0); @mxk[arg1] = max((int64)arg0); @umxk[arg1] = max(arg0);
  @a = avg((int64)arg0); @ua = avg(arg0); @ak[arg1] = avg((int64)arg0);
  @st = stats((int64)arg0); @ust = stats(arg0); @stk[arg1] = stats(arg0);
  @mn8 = min((int8)arg0); @mx8 = max((int8)arg0); @umx8 = max((uint8)arg0); @s16 = sum((int16)arg0); @a32 = avg((int32)arg0);
  @h = hist((int64)arg0); @h3 = hist((int64)arg0, 3); @h5 = hist((int64)arg0, 5); @hk[arg1] = hist((int64)arg0);
  @l = lhist((int64)arg0, 0, 1000, 7); @l1 = lhist((int64)arg0, 10, 20, 1); @lk[arg1] = lhist((int64)arg0, 0, 4096, 1024);
}
%s`

// readAggregated prints what programs read of the aggregations.
const readAggregated = `kprobe:g { printf("read %lu %ld %lu %ld %lu %ld %lu %ld %lu", @c, @s, @us, @mn, @umn, @mx, @umx, @a, @ua); }`

// sample is one event.
type sample struct {
	v   uint64
	key uint64
	cpu int
}

// samples returns events whose values are small, at the limits of widths, or
// anything, on three CPUs.
func samples(r *rand.Rand) []sample {
	edges := []uint64{0, 1, 2, 7, 8, 9, 10, 19, 20, 21, 127, 128, 255, 256, 993, 994, 999, 1000, 1001, 1023, 1024, 4095, 4096, 4097,
		math.MaxInt32, 1 << 31, math.MaxUint32, 1 << 32, 1 << 62, math.MaxInt64, 1 << 63, 1<<63 + 1, math.MaxUint64, math.MaxUint64 - 1}
	out := make([]sample, 1+r.Intn(12))
	kind := r.Intn(3)
	for i := range out {
		v := edges[r.Intn(len(edges))]
		switch {
		case kind == 1:
			v = uint64(r.Int63n(2200) - 100)
		case kind == 2 && r.Intn(2) == 0:
			v = r.Uint64() >> r.Intn(64)
		}
		out[i] = sample{v, uint64(r.Intn(3)), r.Intn(3)}
	}
	return out
}

// number returns v as a number of a width and a sign.
func number(v uint64, bits int, signed bool) *big.Int {
	x := new(big.Int).SetUint64(v & (math.MaxUint64 >> (64 - bits)))
	if signed && x.Bit(bits-1) == 1 {
		x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(bits)))
	}
	return x
}

// wrapped returns x as programs have it, in 64 bits.
func wrapped(x *big.Int, signed bool) *big.Int {
	m := new(big.Int).Mod(x, new(big.Int).Lsh(big.NewInt(1), 64)) // never negative
	return number(m.Uint64(), 64, signed)
}

// model computes an aggregation in numbers without a limit.
func model(kind string, list []sample, bits int, signed bool) string {
	n, sum := big.NewInt(int64(len(list))), new(big.Int)
	var all []*big.Int
	for _, s := range list {
		x := number(s.v, bits, signed)
		all = append(all, x)
		sum.Add(sum, x)
	}
	slices.SortFunc(all, (*big.Int).Cmp)
	total := wrapped(sum, signed)
	average := new(big.Int).Quo(total, n)
	switch kind {
	case "count":
		return n.String()
	case "sum":
		return total.String()
	case "min":
		return all[0].String()
	case "max":
		return all[len(all)-1].String()
	case "avg":
		return average.String()
	case "stats":
		return fmt.Sprintf("{ .count = %s, .average = %s, .total = %s }", n, average, total)
	}
	panic(kind)
}

// TestAggregationsOfAllCPUs feeds random numbers on three CPUs to every
// aggregation, and compares what user space merges and what programs read with
// numbers that have no limit. The buckets of histograms are judged by their
// bounds: each holds the numbers that lie in it, and all together hold all.
func TestAggregationsOfAllCPUs(t *testing.T) {
	type machine struct {
		unit *lower.Unit
		read bool
	}
	units := map[string]machine{}
	for name, tg := range compilertest.Targets() {
		k := compilertest.NewKernel()
		read := ""
		if name != "old" {
			read = readAggregated
		}
		p, list := k.Check(fmt.Sprintf(aggregated, read))
		if list.HasErrors() {
			t.Fatal(list.All)
		}
		units[name] = machine{lower.Lower(p, lower.Config{Target: tg, Builtins: stdlib.Table(), Types: k, Ints: p.ConfigInt}), read != ""}
	}
	for seed := range int64(150) {
		r := rand.New(rand.NewSource(seed))
		list := samples(r)
		var steps strings.Builder
		for _, s := range list {
			fmt.Fprintf(&steps, "kprobe:f arg0=%d arg1=%d cpu=%d\n", s.v, s.key, s.cpu)
		}
		for name, m := range units {
			text := steps.String()
			if m.read {
				text += "kprobe:g cpu=1\n"
			}
			w := compilertest.NewWorld(m.unit.Obj, append([]*ir.Prog(nil), m.unit.IR...), m.unit.MapNames)
			if err := w.Run(text); err != nil {
				t.Fatalf("seed %d for %q: %v", seed, name, err)
			}
			if judgeAggregated(t, list, w.Result(), m.read); t.Failed() {
				t.Fatalf("seed %d for %q: %+v", seed, name, list)
			}
		}
	}
}

func judgeAggregated(t *testing.T, list []sample, result string, read bool) {
	t.Helper()
	got := map[string]string{}
	for line := range strings.Lines(result) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		got[name] = value
	}
	want := func(name, value string) {
		t.Helper()
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
		delete(got, name)
	}
	of := func(name, kind string, bits int, signed bool) {
		t.Helper()
		want("@"+name, model(kind, list, bits, signed))
	}
	of("c", "count", 64, false)
	of("s", "sum", 64, true)
	of("us", "sum", 64, false)
	of("mn", "min", 64, true)
	of("umn", "min", 64, false)
	of("mx", "max", 64, true)
	of("umx", "max", 64, false)
	of("a", "avg", 64, true)
	of("ua", "avg", 64, false)
	of("st", "stats", 64, true)
	of("ust", "stats", 64, false)
	of("mn8", "min", 8, true)
	of("mx8", "max", 8, true)
	of("umx8", "max", 8, false)
	of("s16", "sum", 16, true)
	of("a32", "avg", 32, true)
	buckets(t, "@h", got, list)
	buckets(t, "@h3", got, list)
	buckets(t, "@h5", got, list)
	buckets(t, "@l", got, list)
	buckets(t, "@l1", got, list)
	for key := range uint64(3) {
		part := slices.DeleteFunc(slices.Clone(list), func(s sample) bool { return s.key != key })
		if len(part) == 0 {
			continue
		}
		for name, kind := range map[string]string{"ck": "count", "sk": "sum", "mnk": "min", "mxk": "max", "ak": "avg"} {
			want(fmt.Sprintf("@%s[%d]", name, key), model(kind, part, 64, kind != "count"))
		}
		for name, kind := range map[string]string{"umnk": "min", "umxk": "max", "stk": "stats"} {
			want(fmt.Sprintf("@%s[%d]", name, key), model(kind, part, 64, false))
		}
		buckets(t, fmt.Sprintf("@hk[%d]", key), got, part)
		buckets(t, fmt.Sprintf("@lk[%d]", key), got, part)
	}
	if read {
		m := func(kind string, signed bool) string { return model(kind, list, 64, signed) }
		want("printf", strings.Join([]string{"read", m("count", false), m("sum", true), m("sum", false), m("min", true), m("min", false),
			m("max", true), m("max", false), m("avg", true), m("avg", false)}, " "))
	}
	for name, value := range got {
		t.Errorf("%s is %q, and nothing wants it", name, value)
	}
}

// bound is a number, which is in quotes where a double would not hold it.
type bound int64

func (b *bound) UnmarshalJSON(text []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(text), `"`), 10, 64)
	*b = bound(n)
	return err
}

// buckets judges a histogram: a bucket has both bounds, or one end is open.
func buckets(t *testing.T, name string, got map[string]string, list []sample) {
	t.Helper()
	var rows []struct {
		Min, Max *bound
		Count    int
	}
	if err := json.Unmarshal([]byte(got[name]), &rows); err != nil {
		t.Errorf("%s: %v in %q", name, err, got[name])
	}
	all := 0
	for _, row := range rows {
		n := 0
		for _, s := range list {
			v := int64(s.v)
			if (row.Min == nil || v >= int64(*row.Min)) && (row.Max == nil || v <= int64(*row.Max)) {
				n++
			}
		}
		if n != row.Count {
			t.Errorf("%s: %d numbers in a bucket, want %d: %s", name, row.Count, n, got[name])
		}
		all += row.Count
	}
	if all != len(list) {
		t.Errorf("%s: %d of %d numbers are in its buckets", name, all, len(list))
	}
	delete(got, name)
}
