package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/kernel"
)

// registerName describes where an argument is: "r0", "[sp+8]".
func registerName(a *target.Arch, l hir.Loc) string {
	if l.Kind == hir.LocStack {
		return fmt.Sprintf("[sp+%d]", l.Off)
	}
	for _, name := range a.DWARF {
		if a.Regs[name] == l.Off {
			return name
		}
	}
	return fmt.Sprint(l)
}

func TestByConvention(t *testing.T) {
	object := func(words int) *types.Type { return types.ArrayOf(types.Uint64, words) }
	param := func(name string, typ *types.Type) kernel.Param { return kernel.Param{Name: name, Type: typ} }
	for _, tc := range []struct {
		params     []kernel.Param
		amd, arm64 string
	}{
		{[]kernel.Param{param("a", types.Int32), param("p", types.PointerTo(types.VoidType, types.Kernel)), param("c", types.Uint8)},
			"a=di p=si c=dx", "a=r0 p=r1 c=r2"},
		{[]kernel.Param{param("", object(2)), param("a", types.Uint64)}, "a=dx", "a=r2"},
		{[]kernel.Param{param("", object(4)), param("a", types.Uint64)}, "a=di", "a=r1"},
		{[]kernel.Param{param("a", types.Uint64), param("b", types.Uint64), param("c", types.Uint64), param("d", types.Uint64), param("e", types.Uint64),
			param("", object(2)), param("g", types.Uint64), param("h", types.Uint64), param("i", types.Uint64)},
			"a=di b=si c=dx d=cx e=r8 g=r9 h=[sp+24] i=[sp+32]", "a=r0 b=r1 c=r2 d=r3 e=r4 g=r7 h=[sp+0] i=[sp+8]"},
		{[]kernel.Param{param("a", types.Uint64), param("b", types.Uint64), param("c", types.Uint64), param("d", types.Uint64), param("e", types.Uint64),
			param("f", types.Uint64), param("g", types.Uint64), param("", object(2)), param("i", types.Uint64)},
			"a=di b=si c=dx d=cx e=r8 f=r9 g=[sp+8] i=[sp+32]", "a=r0 b=r1 c=r2 d=r3 e=r4 f=r5 g=r6 i=[sp+16]"},
	} {
		for arch, want := range map[*target.Arch]string{target.AMD64(): tc.amd, target.ARM64(): tc.arm64} {
			var got []string
			for _, a := range byConvention(arch, &kernel.Prototype{Params: tc.params}) {
				got = append(got, a.Name+"="+registerName(arch, a.Loc))
			}
			if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
				t.Errorf("%s: %s", arch.Name, diff)
			}
		}
	}
}

func TestUSDTLocARM64(t *testing.T) {
	regs := target.ARM64().Regs
	reg := func(size int, signed bool, name string) hir.Loc {
		return hir.Loc{Kind: hir.LocReg, Size: size, Signed: signed, Off: regs[name]}
	}
	mem := func(size int, signed bool, name string, disp int64) hir.Loc {
		return hir.Loc{Kind: hir.LocMem, Size: size, Signed: signed, Off: regs[name], Disp: disp}
	}
	index := func(scale int) hir.Loc {
		return hir.Loc{Kind: hir.LocMem, Size: 8, Off: regs["r1"], Index: regs["r2"], Scale: scale}
	}
	for _, tc := range []struct {
		word string
		want hir.Loc
		err  string
	}{
		{"8@x0", reg(8, false, "r0"), ""},
		{"-4@w28", reg(4, true, "r28"), ""},
		{"8@sp", reg(8, false, "sp"), ""},
		{"8@x30", reg(8, false, "lr"), ""},
		{"-4@-3", hir.Loc{Kind: hir.LocConst, Size: 4, Signed: true, Disp: -3}, ""},
		{"8@0x10", hir.Loc{Kind: hir.LocConst, Size: 8, Disp: 16}, ""},
		{"8@#7", hir.Loc{Kind: hir.LocConst, Size: 8, Disp: 7}, ""},
		{"4@wzr", hir.Loc{Kind: hir.LocConst, Size: 4}, ""},
		{"-4@[sp, 12]", mem(4, true, "sp", 12), ""},
		{"4@[sp,#12]", mem(4, false, "sp", 12), ""},
		{"8@[x29, -0x20]", mem(8, false, "r29", -32), ""},
		{"8@[x1]", mem(8, false, "r1", 0), ""},
		{"8@[x1, x2]", index(1), ""},
		{"8@[x1, x2, lsl 3]", index(8), ""},
		{"8@[x1, w2, sxtw 3]", hir.Loc{}, "only registers"},
		{"8@[x1, w2]", hir.Loc{}, "only registers"},
		{"8f@d0", hir.Loc{}, "not integers"},
		{"8@d0", hir.Loc{}, "not among the registers"},
		{"8@[d0]", hir.Loc{}, "not among the registers"},
		{"8@", hir.Loc{}, "only registers"},
		{"8@[sp, 12", hir.Loc{}, "only registers"},
		{"8@5x", hir.Loc{}, "no number"},
	} {
		checkUSDTLoc(t, target.ARM64(), tc.word, tc.want, tc.err)
	}
	args := usdtArgs(target.ARM64(), "-4@[sp, 12] 8@x1  8@[x1, x2, lsl 3]")
	if len(args) != 3 || args[0].Loc.Disp != 12 || args[2].Loc.Scale != 8 || args[2].Name != "arg2" {
		t.Errorf("the arguments of a note with blanks in brackets: %+v", args)
	}
}
