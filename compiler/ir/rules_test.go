package ir

import (
	"strings"
	"testing"
)

func info(n int) (MapInfo, bool) {
	return MapInfo{KeySize: 8, ValueSize: 16}, n < 4
}

// TestVerifyKernel has programs that the kernel refuses, with the reason, next
// to the ones that it accepts.
func TestVerifyKernel(t *testing.T) {
	// Pieces that several programs begin with.
	const lookup = `
func p(ctx)
slot 0 8 8 "key"
b0
  %1:ctx = arg 0
  %2 = const 0
  %3:stack = frame 0+0
  store %3+0, %2
  %4:map = map 1
  %5:mapmaybe = call map_lookup_elem(%4, %3)
`
	const reserve = `
func p(ctx)
b0
  %1:ctx = arg 0
  %2 = const 0
  %3 = const 16
  %4:map = map 2
  %5:ringmaybe = call ringbuf_reserve(%4, %3, %2)
`
	const scalar = `
func p(ctx)
slot 0 16 8 "s"
b0
  %1:ctx = arg 0
  %2 = load %1+8
  %3:mapvalue = mapvalue 0+0
  %4:stack = frame 0+0
  %5 = const 0
`
	tests := []struct{ name, text, want string }{
		{"a lookup that is checked", lookup + `
  br eq %5, %2, b2, b1
b1
  %6 = load %5+8
  ret %6
b2
  ret`, ""},
		{"a lookup that is not checked", lookup + `
  %6 = load %5+8
  ret %6`, "%5 may be null here"},
		{"a lookup used on the wrong side", lookup + `
  br eq %5, %2, b1, b2
b1
  %6 = load %5+8
  ret %6
b2
  ret`, "%5 may be null here"},
		{"a checked lookup passed on", lookup + `
  br ne %5, %2, b1(%5), b2
b1 (%6:mapvalue)
  %7 = load %6+8
  ret %7
b2
  ret`, ""},
		{"an unchecked lookup passed on", lookup + `
  jump b1(%5)
b1 (%6:mapvalue)
  %7 = load %6+8
  ret %7`, "argument %5 for %6 may be null here"},
		{"beyond the end of a value", lookup + `
  br eq %5, %2, b2, b1
b1
  %6 = load %5+9
  ret %6
b2
  ret`, "bytes 9 to 16 of a pointer to a map value of 16 bytes"},
		{"a key that was not written", `
func p(ctx)
slot 0 8 8 "key"
b0
  %2 = const 0
  %3:stack = frame 0+0
  store.4 %3+0, %2
  %4:map = map 1
  %5 = call map_delete_elem(%4, %3)
  ret %5`, "byte 4 of stack slot 0 was not written on every path"},
		{"a key written on one path", `
func p(ctx)
slot 0 8 8 "key"
b0
  %1:ctx = arg 0
  %2 = load %1+0
  %3:stack = frame 0+0
  %4:map = map 1
  %9 = const 0
  br eq %2, %9, b1, b2
b1
  store %3+0, %2
  jump b2
b2
  %5 = call map_delete_elem(%4, %3)
  ret %5`, "was not written on every path"},
		{"a record that is submitted", reserve + `
  br ne %5, %2, b1, b2
b1
  store %5+8, %2
  call ringbuf_submit(%5, %2)
  ret
b2
  ret`, ""},
		{"a record that is forgotten", reserve + `
  br ne %5, %2, b1, b2
b1
  store %5+8, %2
  ret
b2
  ret`, "the record %5 is not released on some path"},
		{"a record that is not checked", reserve + `
  ret`, "the record %5 is not released on some path"},
		{"a record used after its submission", reserve + `
  br ne %5, %2, b1, b2
b1
  call ringbuf_submit(%5, %2)
  store %5+8, %2
  ret
b2
  ret`, "the record %5 is not held here"},
		{"a record submitted twice", reserve + `
  br ne %5, %2, b1, b2
b1
  call ringbuf_submit(%5, %2)
  call ringbuf_discard(%5, %2)
  ret
b2
  ret`, "the record %5 is not held here"},
		{"beyond the end of a record", reserve + `
  br ne %5, %2, b1, b2
b1
  store %5+16, %2
  call ringbuf_submit(%5, %2)
  ret
b2
  ret`, "bytes 16 to 23"},
		{"a masked offset", scalar + `
  %6 = const 15
  %7 = and %2, %6
  %8:mapvalue = add %3, %7
  %9 = load.1 %8+0
  ret %9`, ""},
		{"a masked offset that reaches too far", scalar + `
  %6 = const 15
  %7 = and %2, %6
  %8:mapvalue = add %3, %7
  %9 = load.2 %8+0
  ret %9`, "of a pointer to a map value of 16 bytes"},
		{"a compared offset", scalar + `
  %6 = const 8
  br ule %2, %6, b1, b2
b1
  %8:mapvalue = add %3, %2
  %9 = load %8+0
  ret %9
b2
  ret`, ""},
		{"an offset that is not bounded", scalar + `
  %8:mapvalue = add %3, %2
  %9 = load.1 %8+0
  ret %9`, "the offset %2 is not bounded"},
		{"a remainder does not bound an offset for old verifiers", scalar + `
  %6 = const 10
  %7 = mod %2, %6
  %8:mapvalue = add %3, %7
  %9 = load.1 %8+0
  ret %9`, "the offset %7 is not bounded"},
		{"a size that is not bounded", scalar + `
  %7 = call probe_read_kernel(%3, %2, %5)
  ret %7`, "the size %2 is not bounded"},
		{"a variable size wants memory that was written", scalar + `
  %6 = const 15
  %7 = and %2, %6
  %8 = call probe_read_kernel(%4, %7, %5)
  ret %8`, "byte 0 of stack slot 0 was not written"},
		{"arithmetic on a pointer", scalar + `
  %6 = const 2
  %7 = mul %3, %6
  ret %7`, "mul on a pointer"},
		{"32-bit arithmetic on a pointer", scalar + `
  %7 = add.4 %3, %2
  ret %7`, "32-bit arithmetic on a pointer"},
		{"extension of a pointer", scalar + `
  %7 = zext.4 %3
  ret %7`, "arithmetic on a pointer"},
		{"context at a variable offset", scalar + `
  %6 = const 7
  %7 = and %2, %6
  %8:ctx = add %1, %7
  %9 = load %8+0
  ret %9`, "a variable offset from the context"},
		{"context that is not aligned", scalar + `
  %6 = load.4 %1+2
  ret %6`, "not aligned"},
		{"store to the context", scalar + `
  store %1+0, %2
  ret`, "the context is read only"},
		{"store to kernel memory", `
func p(btf)
b0
  %1:btf = arg 0
  %2 = load %1+8
  store %1+8, %2
  ret`, "kernel memory is read only"},
		{"32-bit comparison of a pointer", scalar + `
  br.4 eq %3, %5, b1, b1
b1
  ret`, "32-bit comparison of a pointer"},
		{"comparison of a pointer with a number", scalar + `
  br ult %3, %2, b1, b1
b1
  ret`, "a pointer may be compared with null only"},
		{"load through a number", scalar + `
  %6 = load %2+0
  ret %6`, "%2 is not a pointer to memory"},
		{"a callback that returns too much", `
func p(ctx)
slot 0 8 8 "s"
b0
  %1 = const 3
  %2:func = funcaddr 1
  %3:stack = frame 0+0
  %4 = const 0
  %5 = call loop(%1, %2, %3, %4)
  ret

func cb(scalar, stack)
b0
  %1 = arg 0
  ret %1`, "a callback returns 0 or 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse("test", tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if err := Verify(p); err != nil {
				t.Fatal(err)
			}
			err = VerifyKernel(p, info)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v, want no complaint", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
