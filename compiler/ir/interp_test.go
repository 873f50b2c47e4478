package ir

import (
	"errors"
	"strings"
	"testing"
)

// world has an array, a hash and a ring, like the maps of generated programs.
func world() *Env {
	e := NewEnv([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	e.AddMap(EnvMap{Name: "array", KeySize: 4, ValueSize: 16, MaxEntries: 2, Array: true})
	e.AddMap(EnvMap{Name: "hash", KeySize: 8, ValueSize: 8, MaxEntries: 1})
	e.AddMap(EnvMap{Name: "ring"})
	return e
}

func TestInterp(t *testing.T) {
	tests := []struct {
		name, text string
		want       uint64
		fail       string
	}{
		{name: "context", want: 0x04030201, text: "func f(ctx)\nb0\n  %1:ctx = arg 0\n  %2 = load.4 %1+0\n  ret %2\n"},
		{name: "outside the context", fail: "outside the context of 16 bytes", text: "func f(ctx)\nb0\n  %1:ctx = arg 0\n  %2 = load.4 %1+14\n  ret %2\n"},
		{name: "store to the context", fail: "the context is read only", text: "func f(ctx)\nb0\n  %1:ctx = arg 0\n  store %1+0, %1\n  ret\n"},
		{name: "stack that was not written", fail: "byte 4 of stack slot x was never written", text: `
func f(ctx)
slot 0 8 8 "x"
b0
  %1 = const 1
  %2:stack = frame 0+0
  store.4 %2+0, %1
  %3 = load %2+0
  ret %3
`},
		{name: "null", fail: "no object there", text: "func f(ctx)\nb0\n  %1 = const 0\n  %2 = load %1+0\n  ret %2\n"},
		{name: "a record after its submission", fail: "a ring record is not there any more", text: `
func f(ctx)
b0
  %1:map = map 2
  %2 = const 8
  %3 = const 0
  %4:ringmaybe = call ringbuf_reserve(%1, %2, %3)
  call ringbuf_submit(%4, %3)
  store %4+0, %3
  ret
`},
		{name: "a record that is not released", fail: "1 ring records were not released", text: `
func f(ctx)
b0
  %1:map = map 2
  %2 = const 8
  %3 = const 0
  %4:ringmaybe = call ringbuf_reserve(%1, %2, %3)
  ret
`},
		{name: "a full map", want: ^uint64(6), text: `
func f(ctx)
slot 0 8 8 "key"
b0
  %1:stack = frame 0+0
  %2 = const 0
  store %1+0, %2
  %3:map = map 1
  %4 = call map_update_elem(%3, %1, %1, %2)
  %5 = const 1
  store %1+0, %5
  %6 = call map_update_elem(%3, %1, %1, %2)
  ret %6
`},
		{name: "an entry that is there", want: ^uint64(16), text: `
func f(ctx)
slot 0 8 8 "key"
b0
  %1:stack = frame 0+0
  %2 = const 1
  store %1+0, %2
  %3:map = map 1
  %4 = call map_update_elem(%3, %1, %1, %2)
  %5 = call map_update_elem(%3, %1, %1, %2)
  ret %5
`},
		{name: "a loop that counts to ten", want: 10, text: `
func f(ctx)
b0
  %1 = const 0
  %2 = const 1
  %3 = const 10
  jump b1(%1)
b1 (%4)
  br ult %4, %3, b2, b3
b2
  %5 = add %4, %2
  jump b1(%5)
b3
  ret %4
`},
		{name: "an endless loop", fail: "too many steps", text: "func f(ctx)\nb0\n  jump b1\nb1\n  jump b1\n"},
		{name: "parameters are exchanged at once", want: 1, text: `
func f(ctx)
b0
  %1 = const 1
  %2 = const 2
  jump b1(%1, %2)
b1 (%3, %4)
  br ult %3, %4, b2, b3
b2
  jump b1(%4, %3)
b3
  %5 = sub %3, %4
  ret %5
`},
		{name: "bpf_loop", want: 3, text: `
func f(ctx)
slot 0 8 8 "sum"
b0
  %1 = const 3
  %2:func = funcaddr 1
  %3:stack = frame 0+0
  %4 = const 0
  store %3+0, %4
  %5 = call loop(%1, %2, %3, %4)
  %6 = load %3+0
  ret %6

func cb(scalar, stack)
b0
  %1 = arg 0
  %2:stack = arg 1
  %3 = load %2+0
  %4 = add %3, %1
  store %2+0, %4
  ret
`},
		{name: "comm is cut", want: 0x6d6f63, text: `
func f(ctx)
slot 0 8 8 "comm"
b0
  %1:stack = frame 0+0
  %2 = const 4
  %3 = call get_current_comm(%1, %2)
  %4 = load.4 %1+0
  ret %4
`},
		{name: "an unknown helper", fail: "helper 9999 cannot be interpreted", text: "func f(ctx)\nb0\n  %1 = call #9999()\n  ret %1\n"},
		{name: "an atomic that is not aligned", fail: "not aligned", text: `
func f(ctx)
b0
  %1:mapvalue = mapvalue 0+1
  %2 = const 1
  atomicadd %1+0, %2
  ret
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse("test", tt.text)
			if err != nil {
				t.Fatal(err)
			}
			e := world()
			e.Steps = 10000
			got, err := Interp(p, e)
			switch {
			case tt.fail != "":
				if err == nil || !strings.Contains(err.Error(), tt.fail) {
					t.Errorf("got %v, want %q", err, tt.fail)
				}
			case err != nil:
				t.Error(err)
			case got != tt.want:
				t.Errorf("got %#x, want %#x", got, tt.want)
			}
			if tt.name == "an endless loop" && !errors.Is(err, ErrSteps) {
				t.Errorf("got %v, want ErrSteps", err)
			}
		})
	}
}

// TestEval is about the corners of BPF arithmetic.
func TestEval(t *testing.T) {
	const big = 0xffff_ffff_8000_0001
	for _, tt := range []struct {
		op      Op
		w       uint8
		a, b, r uint64
	}{
		{OpDiv, 8, 7, 0, 0},
		{OpMod, 8, 7, 0, 7},
		{OpMod, 4, big, 0, 0x80000001},
		{OpShl, 8, 1, 65, 2},
		{OpShl, 4, 1, 33, 2},
		{OpShr, 4, big, 31, 1},
		{OpSar, 4, big, 31, 0xffffffff},
		{OpSar, 8, big, 31, ^uint64(0)},
		{OpNeg, 4, 1, 0, 0xffffffff},
		{OpSub, 4, 0, 1, 0xffffffff},
		{OpZExt, 2, big, 0, 1},
		{OpSExt, 4, big, 0, big},
		{OpSExt, 1, 0x80, 0, 0xffffffffffffff80},
		{OpBSwap, 2, 0x11223344, 0, 0x4433},
		{OpBSwap, 4, 0x11223344, 0, 0x44332211},
		{OpBSwap, 8, 0x11223344, 0, 0x4433221100000000},
		{OpMul, 4, 0x80000001, 2, 2},
		{OpDiv, 4, 0x1_0000_0008, 2, 4},
	} {
		if got, ok := Eval(tt.op, tt.w, tt.a, tt.b); !ok || got != tt.r {
			t.Errorf("%s.%d %#x, %#x: got %#x, want %#x", tt.op, tt.w, tt.a, tt.b, got, tt.r)
		}
	}
}
