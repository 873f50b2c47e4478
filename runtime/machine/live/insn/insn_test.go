package insn

import (
	"debug/elf"
	"debug/gosym"
	"encoding/hex"
	"runtime"
	"testing"
)

// TestLength has one instruction of each shape.
func TestLength(t *testing.T) {
	for text, want := range map[string]int{
		"90":                                   1,  // nop
		"f30f1efa":                             4,  // endbr64
		"c3":                                   1,  // ret
		"cc":                                   1,  // int3
		"55":                                   1,  // push rbp
		"4157":                                 2,  // push r15
		"4889e5":                               3,  // mov rbp, rsp
		"8d047f":                               3,  // lea eax, [rdi+rdi*2]
		"488d0500000000":                       7,  // lea rax, [rip+0]
		"488b0425e8030000":                     8,  // mov rax, [0x3e8]
		"8b4508":                               3,  // mov eax, [rbp+8]
		"8b8500010000":                         6,  // mov eax, [rbp+256]
		"488b442408":                           5,  // mov rax, [rsp+8]
		"b801000000":                           5,  // mov eax, 1
		"66b80100":                             4,  // mov ax, 1
		"48b8efcdab8967452301":                 10, // movabs rax, …
		"48a1efcdab8967452301":                 10, // movabs rax, [address]
		"f6c101":                               3,  // test cl, 1
		"f7d8":                                 2,  // neg eax
		"f7c100000100":                         6,  // test ecx, 0x10000
		"66f7c10001":                           5,  // test cx, 0x100
		"6681fb0001":                           5,  // cmp bx, 0x100
		"4881ec00010000":                       7,  // sub rsp, 256
		"e800000000":                           5,  // call
		"0f8400000000":                         6,  // je
		"7405":                                 2,  // je
		"0f1f440000":                           5,  // nop [rax+rax]
		"662e0f1f840000000000":                 10, // nop cs:[rax+rax]
		"c8100000":                             4,  // enter
		"c21000":                               3,  // ret 16
		"660f3a0fc108":                         6,  // palignr xmm0, xmm1, 8
		"660f3800c1":                           5,  // pshufb xmm0, xmm1
		"660f70c000":                           5,  // pshufd
		"c5f877":                               3,  // vzeroupper
		"c5fd6f06":                             4,  // vmovdqa ymm0, [rsi]
		"c4e27d5806":                           5,  // vpbroadcastd ymm0, [rsi]
		"c4e37d39c001":                         6,  // vextracti128
		"62f17c481006":                         6,  // vmovups zmm0, [rsi]
		"62f37d4825c0ff":                       7,  // vpternlogd
		"f0480fb111":                           5,  // lock cmpxchg
		"64488b042528000000":                   9,  // mov rax, fs:[0x28]
		"":                                     0,
		"48":                                   0, // a prefix alone
		"488b":                                 0, // without its operands
		"8b85000100":                           0, // cut
		"06":                                   0, // none of 64-bit programs
		"666666666666666666666666666666666690": 0, // longer than processors take
	} {
		code, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := x86Length(code); got != want {
			t.Errorf("x86Length(%s) = %d, want %d", text, got, want)
		}
	}
}

// TestOwnCode walks the functions of the test's own program: the instructions of
// each must end where the function ends, or where the linker's padding begins.
func TestOwnCode(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		if At(elf.EM_AARCH64, nil, 8) != Start || At(elf.EM_AARCH64, nil, 6) != Middle {
			t.Error("instructions of arm64 have 4 bytes")
		}
		return
	}
	f, err := elf.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text := f.Section(".text")
	all, err := text.Data()
	if err != nil {
		t.Fatal(err)
	}
	lines, err := f.Section(".gopclntab").Data() // test programs have no symbols
	if err != nil {
		t.Fatal(err)
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(lines, text.Addr))
	if err != nil {
		t.Fatal(err)
	}
	functions := 0
	for _, s := range table.Funcs {
		if s.Entry < text.Addr || s.End > text.Addr+text.Size {
			continue
		}
		code := all[s.Entry-text.Addr : s.End-text.Addr]
		functions++
		switch At(elf.EM_X86_64, code, len(code)) {
		case Middle:
			t.Errorf("the last instruction of %s ends behind it", s.Name)
		case Unknown:
			t.Errorf("%s has an instruction that is not known", s.Name)
		}
	}
	if functions < 500 {
		t.Errorf("only %d functions", functions)
	}
}

// TestAt has offsets in a small function.
func TestAt(t *testing.T) {
	code := []byte{0x55, 0x48, 0x89, 0xe5, 0x31, 0xc0, 0xc3} // push rbp; mov rbp, rsp; xor eax, eax; ret
	for offset, want := range []Place{Start, Start, Middle, Middle, Start, Middle, Start, Start, Unknown} {
		if got := At(elf.EM_X86_64, code, offset); got != want {
			t.Errorf("offset %d: %d, want %d", offset, got, want)
		}
	}
	if got := At(elf.EM_X86_64, []byte{0x06, 0x90}, 1); got != Unknown {
		t.Errorf("behind what is no instruction: %d", got)
	}
	if got := At(elf.EM_RISCV, code, 4); got != Unknown {
		t.Errorf("on another processor: %d", got)
	}
}
