package value

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"probe/lang/types"
)

// randomType makes any type the language can build, nested at most depth deep.
func randomType(r *rand.Rand, depth int) *types.Type {
	fixed := []*types.Type{
		types.Int8, types.Int16, types.Int32, types.Int64, types.Uint8, types.Uint16, types.Uint32, types.Uint64,
		types.BoolType, types.InetType, types.MacType, types.KSymType, types.USymType, types.TimeType,
		types.CgroupType, types.UserType, types.ErrNameType, types.SysctlType, types.CtxType, types.WordType, types.MapRefType,
		types.VoidType, types.InvalidType, enumE, nil,
	}
	n := r.IntN(len(fixed) + 14)
	if n < len(fixed) {
		return fixed[n]
	}
	if depth == 0 {
		return types.Int32
	}
	some := func() *types.Type {
		if t := randomType(r, depth-1); t != nil {
			return t
		}
		return types.Int8
	}
	switch n - len(fixed) {
	case 0:
		return types.StringType(r.IntN(20))
	case 1:
		return types.BufferType(r.IntN(20))
	case 2:
		return types.PointerTo(some(), types.Space(r.IntN(4)))
	case 3, 4:
		return types.ArrayOf(some(), r.IntN(5))
	case 5, 6:
		return types.TupleType(some(), some())
	case 7:
		return types.RecordLitType([]string{"a", ""}, []*types.Type{some(), some()})
	case 8:
		return cstruct(r.IntN(40),
			types.Field{Name: "a", Type: some(), Offset: r.IntN(64) - 4},
			types.Field{Name: "b", Type: types.IntType(1<<r.IntN(4), r.IntN(2) == 0), Offset: r.IntN(16), BitOff: r.IntN(70), BitSize: r.IntN(70)},
			types.Field{Name: "c", Type: types.StringType(8), Offset: r.IntN(16), DataLoc: true},
			types.Field{Name: "d", Type: types.StringType(8), Offset: r.IntN(16), RelLoc: true},
			types.Field{Name: "e"})
	case 9:
		return types.StackType(r.IntN(2) == 0, types.StackMode(r.IntN(4)), r.IntN(5))
	case 10:
		return hist(r.IntN(6))
	case 11:
		return lhist(r.Int64N(100)-50, r.Int64N(100)-50, r.Int64N(10))
	case 12:
		return series([]string{"", "avg", "min", "max", "sum"}[r.IntN(5)], r.IntN(2) == 0, r.Int64N(3e9), r.IntN(10))
	}
	return agg(types.Count+types.Kind(r.IntN(6)), r.IntN(2) == 0)
}

// Whatever comes out of the kernel is shown: any bytes under any type, too few
// of them included, give text and valid JSON.
func FuzzValue(f *testing.F) {
	f.Add(uint64(1), []byte(nil), "%s")
	f.Add(uint64(2), []byte("\x01\x02\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "%5d|%-#8llx|%rx|%gr|%e|%c|%p")
	for seed := range uint64(200) {
		f.Add(seed, le(int(seed), -1, "abc"), "%s %d")
	}
	f.Fuzz(func(t *testing.T, seed uint64, b []byte, format string) {
		typ := randomType(rand.New(rand.NewPCG(seed, 0)), 4)
		v := Value{T: typ, B: b}
		for _, r := range []Resolver{nil, machine{}} {
			text := AppendText(nil, v, r)
			AppendKey(nil, v, r)
			js := AppendJSON(nil, v, r)
			if utf8.Valid(text) && utf8.Valid(js) && !json.Valid(js) {
				t.Fatalf("%v: %s is no JSON", typ, js)
			}
		}
		if specs, err := ParseFormat(format); err == nil && len(format) < 40 {
			AppendFormat(nil, specs, []Value{v, v, v, v, v}, nil)
		}
		if typ == nil || typ.Kind == types.Invalid {
			return
		}
		m := &MapData{Key: types.Int64, Val: typ}
		for i := range 3 {
			m.AddCells(append(le(i), b...), b, 8*i)
			m.AddCells(append(le(i), le(i)...), b, 8*i)
		}
		for _, e := range m.Sorted(0) {
			AppendHist(nil, typ, e.Buckets, 2)
			AppendSeries(nil, typ, e.Points, LastEpoch(m.Entries), nil)
			AppendMapValueJSON(nil, m.ValueOf(&e), -1, nil)
		}
	})
}
