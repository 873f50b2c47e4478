package provider

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/compiler/target"
	"probe/lang/hir"
)

// checkUSDTLoc compares the place that an argument of a note describes, or the error with
// part of its text.
func checkUSDTLoc(t *testing.T, arch *target.Arch, word string, want hir.Loc, wantErr string) {
	t.Helper()
	got, err := usdtLoc(arch, word)
	switch {
	case wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)):
		t.Errorf("%s: error %v, want %q", word, err, wantErr)
	case wantErr == "" && err != nil:
		t.Errorf("%s: %v", word, err)
	case wantErr == "":
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", word, diff)
		}
	}
}

func TestUSDTLoc(t *testing.T) {
	regs := target.AMD64().Regs
	at := func(kind hir.LocKind, size int, signed bool, reg string) hir.Loc {
		return hir.Loc{Kind: kind, Size: size, Signed: signed, Off: regs[reg]}
	}
	mem := at(hir.LocMem, 4, true, "bp")
	mem.Disp = -20
	index := at(hir.LocMem, 8, false, "dx")
	index.Disp, index.Index, index.Scale = 16, regs["cx"], 8
	plain := index
	plain.Disp, plain.Scale = 0, 1
	for _, tc := range []struct {
		word string
		want hir.Loc
		err  string
	}{
		{"-4@%edi", at(hir.LocReg, 4, true, "di"), ""},
		{"8@%rax", at(hir.LocReg, 8, false, "ax"), ""},
		{"2@%bx", at(hir.LocReg, 2, false, "bx"), ""},
		{"1@%dl", at(hir.LocReg, 1, false, "dx"), ""},
		{"1@%sil", at(hir.LocReg, 1, false, "si"), ""},
		{"-1@%r10b", at(hir.LocReg, 1, true, "r10"), ""},
		{"4@%r8d", at(hir.LocReg, 4, false, "r8"), ""},
		{"8@%r9", at(hir.LocReg, 8, false, "r9"), ""},
		{"%rsp", at(hir.LocReg, 8, false, "sp"), ""},
		{"-4@$-3", hir.Loc{Kind: hir.LocConst, Size: 4, Signed: true, Disp: -3}, ""},
		{"8@$0xffffffffffffffff", hir.Loc{Kind: hir.LocConst, Size: 8, Disp: -1}, ""},
		{"-4@-20(%rbp)", mem, ""},
		{"8@16(%rdx,%rcx,8)", index, ""},
		{"8@(%rdx,%rcx)", plain, ""},
		{"8f@%xmm0", hir.Loc{}, "not integers"},
		{"16@%rax", hir.Loc{}, "16 bytes are no integer"},
		{"4@%ah", hir.Loc{}, "not among the registers"},
		{"8@%xmm0", hir.Loc{}, "not among the registers"},
		{"4@counter(%rip)", hir.Loc{}, "only registers"},
		{"4@", hir.Loc{}, "only registers"},
		{"4@$x", hir.Loc{}, "no number"},
	} {
		checkUSDTLoc(t, target.AMD64(), tc.word, tc.want, tc.err)
	}
}

func TestMappedFiles(t *testing.T) {
	files, err := mappedFiles(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range files {
		found = found || sameFile(f.Path, self)
	}
	if !found {
		t.Errorf("%s is not among %v", self, files)
	}
}

// A probe at several places is one site as long as the body reads no argument.
func TestUSDTSites(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("no C compiler:", err)
	}
	out := filepath.Join(t.TempDir(), "native")
	if text, err := exec.Command(gcc, "-O1", "-static", "-nostdlib", "-fno-stack-protector", "-o", out, "../../../../test/accept/native/native.c").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, text)
	}
	for _, tc := range []struct {
		uses    hir.Uses
		sites   int
		further int // places of the first site beyond its own
	}{
		{hir.Uses{}, 1, 1},
		{hir.Uses{ArgN: true}, 2, 0},
	} {
		sites, _ := expand(New(nil, Options{}), "usdt:"+out+":twice", func(r *hir.ExpandRequest) { r.Uses = tc.uses })
		if len(sites) != tc.sites || len(sites[0].Attach.Offsets) != tc.further {
			t.Errorf("uses %+v: %d sites, the first with %d further places; want %d and %d", tc.uses, len(sites), len(sites[0].Attach.Offsets), tc.sites, tc.further)
		}
	}
}
