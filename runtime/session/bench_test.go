package session

import (
	"encoding/binary"
	"io"
	"testing"

	"probe/compiler/builtin"
	"probe/compiler/object"
	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/ring"
	"probe/runtime/sink"
	"probe/stdlib"
)

// BenchmarkRecord handles one record of printf("%d %s\n", pid, comm), from its
// bytes in the ring buffer to the output.
func BenchmarkRecord(b *testing.B) {
	for _, format := range sink.Names() {
		b.Run("event=printf/format="+format, func(b *testing.B) {
			r := NewResolver(nil)
			p, err := sink.New(format, sink.Config{Out: io.Discard, Err: io.Discard})
			if err != nil {
				b.Fatal(err)
			}
			specs, err := value.ParseFormat("%d %s\n")
			if err != nil {
				b.Fatal(err)
			}
			ev := &object.RecordLayout{Fn: stdlib.Table()["printf"], Call: &builtin.CallInfo{}, Format: specs, Size: 24,
				Args: []object.RecordField{{Type: types.Uint32, Off: 4}, {Type: types.StringType(16), Off: 8}}}
			s := &Session{opts: Options{Sink: p, Resolver: r}}
			c := &Clause{obj: &object.Object{Events: []*object.RecordLayout{ev}}, decoder: ring.NewDecoder([]*object.RecordLayout{ev})}
			c.handler = handler{s: s, u: c}
			rec := make([]byte, 24)
			binary.LittleEndian.PutUint32(rec[4:], 12345)
			copy(rec[8:], "postgres")
			event.Hold(p)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				s.record(c, rec)
				if i%4096 == 0 {
					event.Release(p)
					event.Hold(p)
				}
			}
			if c.dropped != 0 {
				b.Fatalf("%d records were dropped", c.dropped)
			}
		})
	}
}
