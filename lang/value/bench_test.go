package value

import (
	"testing"

	"probe/lang/types"
)

func BenchmarkAppendText(b *testing.B) {
	for _, bm := range []struct {
		name string
		v    Value
	}{
		{"int", num(types.Int64, 123456789)},
		{"string", strN(16, "systemd-journal")},
		{"tuple", tuple(strN(16, "sshd"), num(types.Uint32, 4242), num(types.Int64, -1))},
		{"inet", Value{T: types.InetType, B: le(2, uint32(16777343))}},
	} {
		b.Run("kind="+bm.name, func(b *testing.B) {
			buf := make([]byte, 0, 1024)
			b.ReportAllocs()
			for b.Loop() {
				buf = AppendText(buf[:0], bm.v, nil)
			}
		})
	}
}

func BenchmarkAppendFormat(b *testing.B) {
	args := []Value{num(types.Uint32, 4242), strN(16, "systemd-journal"), num(types.Int64, 123456789)}
	for _, bm := range []struct{ name, format string }{
		{"pid-comm", "%d %s\n"},
		{"columns", "%-6d %-16s %12lld\n"},
	} {
		specs := mustParse(b, bm.format)
		b.Run("format="+bm.name, func(b *testing.B) {
			buf := make([]byte, 0, 1024)
			b.ReportAllocs()
			for b.Loop() {
				buf = AppendFormat(buf[:0], specs, args, nil)
			}
		})
	}
}

func BenchmarkAppendHist(b *testing.B) {
	typ := hist(0)
	buckets := count(typ, 1, 5, 70, 900, 900, 12000, 1<<40)
	buf := make([]byte, 0, 8192)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendHist(buf[:0], typ, buckets, 0)
	}
}

func BenchmarkSorted(b *testing.B) {
	m := &MapData{Key: types.Int64, Val: types.Int64}
	for i := range 4096 {
		m.Entries = append(m.Entries, Entry{Key: le(i), Val: le(i * 7919 % 4096)})
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Sorted(0)
	}
}

// Integers and strings, the bulk of all output, must not allocate.
func TestNoAllocations(t *testing.T) {
	buf := make([]byte, 0, 1024)
	specs := mustParse(t, "%-6d %-16s %#12llx %c %p\n")
	args := []Value{num(types.Uint32, 4242), strN(16, "sshd"), num(types.Int64, 5), num(types.Int8, 'x'), num(types.CtxType, 1)}
	pair := tuple(args...)
	for name, f := range map[string]func(){
		"AppendFormat": func() { buf = AppendFormat(buf[:0], specs, args, nil) },
		"AppendText":   func() { buf = AppendText(buf[:0], pair, nil) },
		"AppendJSON":   func() { buf = AppendJSON(buf[:0], args[0], nil) },
	} {
		if n := testing.AllocsPerRun(100, f); n > 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
