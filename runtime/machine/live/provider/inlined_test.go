package provider

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"probe/lang/hir"
)

// compileInlined compiles a program with inlined functions; "" without a compiler.
func compileInlined(t *testing.T, flags ...string) string {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("needs gcc")
	}
	out := filepath.Join(t.TempDir(), "inlined")
	args := append(flags, "-O2", "-g", "-o", out, "../program/testdata/inlined.c")
	if text, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, text)
	}
	return out
}

// A function that is inlined everywhere says where it went.
func TestInlinedFunctions(t *testing.T) {
	path := compileInlined(t)
	kernel := compileInlined(t, "-Dtwice=inlined", "-Dfirst=vfs_read", "-Dsecond=not_traceable")
	hidden := compileInlined(t, "-Dtwice=inlined", "-Dfirst=not_traceable", "-Dsecond=neither_is_this")
	for _, c := range []struct{ image, text, want string }{
		{"", "uprobe:" + path + ":twice", "twice (inlined.c:4) is inlined into `first`, `second`"},
		{"", "uprobe:" + path + ":twice", "`uprobe:" + path + ":first`; or a line of it, which is probed in all copies: `uprobe:" + path + "@inlined.c:LINE`"},
		{"", "uretprobe:" + path + ":nested", "a part of: `uretprobe:" + path + ":second`\n"},
		{"", "uprobe:" + path + ":neithr", "functions with similar names exist: `neither`"},
		{kernel, "kprobe:inlined", "inlined everywhere in this kernel"},
		{kernel, "kprobe:inlined", "inlined (inlined.c:4) is a part of `vfs_read`\n"},
		{kernel, "kprobe:inlined", "probe a function that it is a part of: `kprobe:vfs_read`"},
		{hidden, "kprobe:inlined", "it is a part of `not_traceable`, `neither_is_this`, none of which can be traced"},
		{hidden, "kprobe:inlined", "similar names exist: `__inlined`"},
		{"/nonexistent", "kprobe:inlined", "probe the functions that call it"},
		{"", "kprobe:inlined", "probe the functions that call it"},
	} {
		s := fakeKernel(t, func(o *Options) { o.Image = func() string { return c.image } })
		_, out := expand(s, c.text, func(r *hir.ExpandRequest) { r.Uses = hir.Uses{} })
		if len(out.All) != 1 || !strings.Contains(out.All[0].String()+"\n", c.want) {
			t.Errorf("%s with the image %q: %v; want %q", c.text, c.image, out.All, c.want)
		}
	}
}

func TestBuildID(t *testing.T) {
	other := "\x04\x00\x00\x00\x03\x00\x00\x00\x01\x01\x00\x00Xen\x00abc\x00"
	id := "\x04\x00\x00\x00\x04\x00\x00\x00\x03\x00\x00\x00GNU\x00\xde\xad\xbe\xef"
	for _, c := range []struct{ notes, want string }{
		{id, "deadbeef"}, {other + id, "deadbeef"}, {other, ""}, {"", ""}, {id[:len(id)-1], ""},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\x03\x00\x00\x00GNU\x00", ""},
	} {
		if got := buildID([]byte(c.notes)); got != c.want {
			t.Errorf("%q has the identity %q, want %q", c.notes, got, c.want)
		}
	}
}
