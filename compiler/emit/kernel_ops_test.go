package emit

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"

	"probe/compiler/ir"
	"probe/compiler/ir/irgen"
)

// operandsOf are pairs that have caused trouble somewhere: zero, the signs, the
// edges of 32 bits, shifts by too much.
var operandsOf = [][2]uint64{
	{0, 0}, {1, 0}, {0, 1}, {7, 3}, {math.MaxUint64, 1}, {1, math.MaxUint64},
	{math.MaxUint32, 1}, {1 << 31, 31}, {1 << 63, 63}, {1 << 32, 33}, {0x8000_0000_8000_0001, 65},
	{0x1122334455667788, 0xfedcba9876543210}, {0xffff_ffff_8000_0000, 2}, {5, 1 << 32},
}

// TestKernelArithmetic computes every operation in the kernel, with operands in
// registers and as constants, before and after the passes.
func TestKernelArithmetic(t *testing.T) {
	needKernel(t)
	type op struct {
		op ir.Op
		w  uint8
	}
	var ops []op
	for o := ir.OpAdd; o <= ir.OpNeg; o++ {
		ops = append(ops, op{o, 4}, op{o, 8})
	}
	for _, w := range []uint8{1, 2, 4} {
		ops = append(ops, op{ir.OpZExt, w}, op{ir.OpSExt, w})
	}
	ops = append(ops, op{ir.OpBSwap, 2}, op{ir.OpBSwap, 4}, op{ir.OpBSwap, 8})
	consts := []int64{0, 1, 3, 8, -1, 63, 1 << 31, math.MaxInt32, math.MinInt32, 1 << 40, math.MinInt64}
	for _, o := range ops {
		t.Run(fmt.Sprintf("%s.%d", o.op, o.w), func(t *testing.T) {
			p := &ir.Prog{Name: "p"}
			b := ir.NewBuilder(p, "entry", ir.PtrCtx)
			ctx := b.Arg(0)
			x, y := b.Load(ctx, 0, 8), b.Load(ctx, 8, 8)
			var want []func(x, y uint64) uint64
			add := func(v ir.Value, f func(x, y uint64) uint64) {
				b.Store(b.MapValue(irgen.MapArray, 8*len(want)), 0, 8, v)
				want = append(want, f)
			}
			eval := func(x, y uint64) uint64 {
				r, _ := ir.Eval(o.op, o.w, x, y)
				return r
			}
			if o.op.IsBinary() {
				add(b.BinW(o.op, o.w, x, y), eval)
				for _, c := range consts {
					add(b.BinW(o.op, o.w, x, b.Const(c)), func(x, _ uint64) uint64 { return eval(x, uint64(c)) })
					add(b.BinW(o.op, o.w, b.Const(c), y), func(_, y uint64) uint64 { return eval(uint64(c), y) })
				}
			} else {
				add(b.Emit(ir.Ins{Op: o.op, W: o.w, Kind: ir.Scalar, A: x}), eval)
			}
			b.Ret(0)
			b.Finish()
			for _, optimised := range []bool{false, true} {
				q := irgen.Clone(p)
				if optimised {
					optimise(t, q)
				}
				c, err := Prog(q, irgen.MapName, Options{NoOpt: !optimised})
				if err != nil {
					t.Fatal(err)
				}
				coll := loadCode(t, c)
				for _, in := range operandsOf {
					raw := make([]byte, irgen.CtxSize)
					binary.LittleEndian.PutUint64(raw, in[0])
					binary.LittleEndian.PutUint64(raw[8:], in[1])
					if _, err := coll.Programs["p"].Run(&ebpf.RunOptions{Context: raw}); err != nil {
						t.Fatal(err)
					}
					var array [irgen.ArraySize]byte
					if err := coll.Maps["array"].Lookup(uint32(0), &array); err != nil {
						t.Fatal(err)
					}
					for i, f := range want {
						if got := binary.LittleEndian.Uint64(array[8*i:]); got != f(in[0], in[1]) {
							t.Errorf("optimised %v, result %d of %#x: got %#x, want %#x\n%s", optimised, i, in, got, f(in[0], in[1]), c.Text(nil))
						}
					}
				}
			}
		})
	}
}

// TestKernelCompare takes every branch in the kernel, both ways.
func TestKernelCompare(t *testing.T) {
	needKernel(t)
	consts := []int64{0, 1, -1, math.MaxInt32, 1 << 31, math.MinInt64}
	for c := ir.EQ; c <= ir.TEST; c++ {
		for _, w := range []uint8{4, 8} {
			t.Run(fmt.Sprintf("%s.%d", c, w), func(t *testing.T) {
				p := &ir.Prog{Name: "p"}
				b := ir.NewBuilder(p, "entry", ir.PtrCtx)
				ctx := b.Arg(0)
				x, y := b.Load(ctx, 0, 8), b.Load(ctx, 8, 8)
				v := b.NewVar(ir.Scalar)
				b.Set(v, b.Const(0))
				n := 0
				branch := func(x, y ir.Value) {
					then, els, join := b.NewBlock("then"), b.NewBlock("else"), b.NewBlock("join")
					if n%3 == 1 {
						b.Cold(then)
					}
					b.If(c, w, x, y, then, els)
					b.UseSealed(then)
					b.Set(v, b.BinI(ir.OpOr, b.Get(v), 1<<n))
					b.Jump(join)
					b.UseSealed(els)
					b.Jump(join)
					b.UseSealed(join)
					n++
				}
				branch(x, y)
				for _, k := range consts {
					branch(x, b.Const(k))
					branch(b.Const(k), y)
				}
				b.Ret(b.Get(v))
				b.Finish()
				want := func(x, y uint64) (r uint32) {
					put := func(i int, ok bool) {
						if ok {
							r |= 1 << i
						}
					}
					put(0, c.Holds(w, x, y))
					for i, k := range consts {
						put(2*i+1, c.Holds(w, x, uint64(k)))
						put(2*i+2, c.Holds(w, uint64(k), y))
					}
					return r
				}
				for _, optimised := range []bool{false, true} {
					q := irgen.Clone(p)
					if optimised {
						optimise(t, q)
					}
					code, err := Prog(q, irgen.MapName, Options{NoOpt: !optimised})
					if err != nil {
						t.Fatal(err)
					}
					coll := loadCode(t, code)
					for _, in := range operandsOf {
						raw := make([]byte, irgen.CtxSize)
						binary.LittleEndian.PutUint64(raw, in[0])
						binary.LittleEndian.PutUint64(raw[8:], in[1])
						got, err := coll.Programs["p"].Run(&ebpf.RunOptions{Context: raw})
						if err != nil {
							t.Fatal(err)
						}
						if got != want(in[0], in[1]) {
							t.Errorf("optimised %v, %#x: got %#x, want %#x\n%s", optimised, in, got, want(in[0], in[1]), code.Text(nil))
						}
					}
				}
			})
		}
	}
}

// TestKernelPrograms runs programs in the kernel and in the interpreter.
func TestKernelPrograms(t *testing.T) {
	needKernel(t)
	spill := "func p(ctx)\nslot 0 8 8 \"key\"\nb0\n  %1:ctx = arg 0\n  %2:stack = frame 0+0\n  %3:map = map 1\n"
	sum := ""
	for i := range 12 {
		spill += fmt.Sprintf("  %%%d = load %%1+%d\n", 10+i, i%8*8)
		sum += fmt.Sprintf("  %%%d = mul %%%d, %%%d\n", 30+i, 29+i, 10+i)
	}
	spill += "  store %2+0, %10\n  %28 = call map_delete_elem(%3, %2)\n  %29 = sext.4 %28\n" + sum +
		"  %50:mapvalue = mapvalue 0+0\n  store %50+0, %41\n  ret\n"
	tests := []struct {
		name  string
		minor int // of version 5 of the kernel that has what the program uses
		text  string
	}{
		{"more values than registers, across a call", 8, spill},
		{"direct values and atomics", 12, `
func p(ctx)
b0
  %1:ctx = arg 0
  %2 = load %1+0
  %3:mapvalue = mapvalue 0+0
  atomicadd %3+0, %2
  %4 = fetchadd %3+0, %2
  store %3+8, %4
  %5 = xchg %3+0, %2
  store %3+16, %5
  atomicor %3+24, %2
  %6 = const 255
  atomicand %3+24, %6
  %7 = fetchadd.4 %3+32, %2
  %8 = xchg.4 %3+32, %6
  store %3+40, %8
  atomicor.4 %3+48, %2
  ret %7
`},
		{"a hash map", 8, `
func p(ctx)
slot 0 8 8 "key"
slot 1 16 8 "value"
b0
  %1:ctx = arg 0
  %2 = load %1+0
  %3:stack = frame 0+0
  %4:stack = frame 1+0
  store %3+0, %2
  store %4+0, %2
  %5 = const 7
  store %4+8, %5
  %6 = const 0
  %7:map = map 1
  %8 = call map_update_elem(%7, %3, %4, %6)
  %9:mapmaybe = call map_lookup_elem(%7, %3)
  br eq %9, %6, b2, b1
b1
  %10 = load %9+8
  %11 = add %10, %2
  store %9+8, %11
  ret %10
b2
  ret %5
`},
		{"ring records", 8, `
func p(ctx)
b0
  %1:ctx = arg 0
  %2 = const 24
  %3 = const 0
  %4:map = map 2
  %5:ringmaybe = call ringbuf_reserve(%4, %2, %3)
  br eq %5, %3, b2, b1
b1
  %6 = load %1+8
  store %5+0, %6
  store.4 %5+8, %6
  store.4 %5+12, %2
  store %5+16, %3
  %7 = const 1
  call ringbuf_submit(%5, %7)
  %8:ringmaybe = call ringbuf_reserve(%4, %2, %3)
  br eq %8, %3, b2, b3
b2
  ret %2
b3
  call ringbuf_discard(%8, %7)
  ret
`},
		{"for_each_map_elem", 13, `
func p(ctx)
slot 0 8 8 "key"
slot 1 16 8 "value"
slot 2 8 8 "sum"
b0
  %1 = const 0
  %2:stack = frame 0+0
  %3:stack = frame 1+0
  %4:map = map 1
  store %3+8, %1
  %7 = const 5
  store %2+0, %7
  store %3+0, %7
  %8 = call map_update_elem(%4, %2, %3, %1)
  %9 = const 6
  store %2+0, %9
  store %3+0, %9
  %10 = call map_update_elem(%4, %2, %3, %1)
  %5:stack = frame 2+0
  store %5+0, %1
  %6:func = funcaddr 1
  %11 = call for_each_map_elem(%4, %6, %5, %1)
  %12 = load %5+0
  %13 = shl %12, %7
  %14 = or %13, %11
  ret %14

func add(map, mapvalue, mapvalue, stack)
b0
  %1:mapvalue = arg 1
  %2:mapvalue = arg 2
  %3:stack = arg 3
  %4 = load %1+0
  %5 = load %2+0
  %6 = mul %4, %5
  %7 = load %3+0
  %8 = add %7, %6
  store %3+0, %8
  %9 = const 0
  ret %9
`},
		{"bpf_loop with an early end", 17, `
func p(ctx)
slot 0 8 8 "sum"
b0
  %1 = const 100
  %2 = const 0
  %3:stack = frame 0+0
  store %3+0, %2
  %4:func = funcaddr 1
  %5 = call loop(%1, %4, %3, %2)
  %6 = load %3+0
  %7 = const 8
  %8 = shl %6, %7
  %9 = or %8, %5
  ret %9

func turn(scalar, stack)
b0
  %1 = arg 0
  %2:stack = arg 1
  %3 = load %2+0
  %4 = add %3, %1
  store %2+0, %4
  %5 = const 9
  br eq %1, %5, b1, b2
b1
  %6 = const 1
  ret %6
b2
  %7 = const 0
  ret %7
`},
		{"a subprogram", 8, `
func p(ctx)
b0
  %1:ctx = arg 0
  %2 = load %1+0
  %3 = load %1+8
  %4 = callfunc 1(%2, %3)
  %5 = callfunc 1(%3, %4)
  %6 = add.4 %4, %5
  ret %6

func sub(scalar, scalar)
b0
  %1 = arg 0
  %2 = arg 1
  %3 = sub.4 %1, %2
  ret %3
`},
		{"a typed kernel pointer as a number", 11, `
func p(ctx)
slot 0 8 8 "key"
b0
  %1:btf = call get_current_task_btf()
  %2 = num %1
  %3 = const 63
  %4 = shr %2, %3
  %5 = const 7
  %6 = mul %2, %5
  %7 = sub %6, %6
  %8 = add %4, %7
  %9:stack = frame 0+0
  store %9+0, %8
  %10:map = map 1
  %11 = num %9
  %12 = num %10
  %13 = xor %11, %12
  %14 = and %13, %7
  %15 = or %14, %8
  ret %15
`},
		{"a 64-bit constant in halves", 8, `
func p(ctx)
slot 0 8 8 "s"
b0
  %1 = const 1311768467463790320
  %2:stack = frame 0+0
  store %2+0, %1
  %3:map = map 1
  %4 = call map_delete_elem(%3, %2)
  %5 = load %2+0
  %6:mapvalue = mapvalue 0+0
  store %6+0, %5
  ret
`},
		{"a variable place on the stack", 8, `
func p(ctx)
slot 0 16 8 "bytes"
b0
  %1:ctx = arg 0
  %2 = load %1+0
  %3:stack = frame 0+0
  %4 = const 0
  store %3+0, %4
  store %3+8, %4
  %5 = const 15
  %6 = and %2, %5
  %7:stack = add %3, %6
  store.1 %7+0, %2
  %8 = load %3+0
  %9 = load %3+8
  %10 = or %8, %9
  %11:mapvalue = mapvalue 0+0
  store %11+0, %10
  ret
`},
	}
	ctx := make([]byte, irgen.CtxSize)
	for i := range ctx {
		ctx[i] = byte(i*37 + 11)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			needVersion(t, 5, tt.minor, tt.name)
			p := parse(t, tt.text)
			if err := ir.VerifyKernel(p, irgen.MapInfo); err != nil {
				t.Error(err)
			}
			env := irgen.NewEnv(ctx)
			ret, err := ir.Interp(p, env)
			if err != nil {
				t.Fatal(err)
			}
			want := irgen.Result(uint64(uint32(ret)), env)
			for _, optimised := range []bool{false, true} {
				q := irgen.Clone(p)
				if optimised {
					optimise(t, q)
				}
				c, err := Prog(q, irgen.MapName, Options{NoOpt: !optimised})
				if err != nil {
					t.Fatal(err)
				}
				got, ok := runKernel(t, c, ctx)
				if d := cmp.Diff(got, want); !ok || d != "" {
					t.Errorf("optimised %v: -got +want\n%s\n%s", optimised, d, c.Text(nil))
				}
			}
		})
	}
}

// TestKernelMayGoto: the loop ends by itself, and the kernel accepts as much
// stack beside it as we do.
func TestKernelMayGoto(t *testing.T) {
	needKernel(t)
	needVersion(t, 6, 9, "may_goto")
	text := `
func p(ctx)
slot 0 %d 8 "s"
b0
  %%1 = const %d
  %%2 = const 0
  %%3:stack = frame 0+0
  %%4 = call probe_read_kernel(%%3, %%1, %%2)
  %%5 = load %%3+0
  %%6:mapvalue = mapvalue 0+0
  jump b1
b1
  maygoto b2, b3
b2
  %%7 = const 1
  atomicadd %%6+0, %%7
  jump b1
b3
  ret %%5
`
	for _, size := range []int{8, MaxStack - mayGotoStack} {
		c, err := Prog(parse(t, fmt.Sprintf(text, size, size)), irgen.MapName, Options{})
		if err != nil {
			t.Fatal(err)
		}
		coll := loadCode(t, c)
		if _, err := coll.Programs["p"].Run(&ebpf.RunOptions{Context: make([]byte, irgen.CtxSize)}); err != nil {
			t.Fatal(err)
		}
		var array [irgen.ArraySize]byte
		if err := coll.Maps["array"].Lookup(uint32(0), &array); err != nil {
			t.Fatal(err)
		}
		if turns := binary.LittleEndian.Uint64(array[:]); turns < 1000 {
			t.Errorf("%d bytes: %d turns, %s", size, turns, hex.EncodeToString(array[:16]))
		}
	}
	var se *StackError
	if _, err := Prog(parse(t, fmt.Sprintf(text, MaxStack-8, MaxStack-8)), irgen.MapName, Options{}); !errors.As(err, &se) {
		t.Errorf("504 bytes of stack and may_goto: got %v", err)
	}
}
