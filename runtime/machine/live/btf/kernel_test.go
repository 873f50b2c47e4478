package btf

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"probe/runtime/machine/live/feature/bpf"
)

// The running kernel's BTF: facts that hold on every kernel since 5.4.
// host is the kernel that the tests run on.
var host = NewHost()

func TestKernel(t *testing.T) {
	if _, err := os.Stat(sysDir + "/vmlinux"); err != nil {
		t.Skip("this kernel shows no BTF:", err)
	}
	s, err := host.Kernel()
	if err != nil {
		t.Fatal(err)
	}
	task, ok := s.First("task_struct", KindStruct)
	if !ok {
		t.Fatal("no struct task_struct")
	}
	for name, format := range map[string]string{
		"pid": "pid_t", "comm": "char [16]", "real_parent": "struct task_struct *", "mm": "struct mm_struct *",
	} {
		m, ok := s.Field(task, name)
		if got := s.Format(m.Type); !ok || got != format {
			t.Errorf("task_struct.%s is %q (%v), want %q", name, got, ok, format)
		}
	}
	size, err := s.Size(task)
	if err != nil || size < 1024 || size > 64<<10 {
		t.Errorf("sizeof(struct task_struct) = %d, %v", size, err)
	}
	if _, v, ok := s.Enumerator("TCP_ESTABLISHED"); !ok || v != 1 {
		t.Errorf("TCP_ESTABLISHED = %d, %v, want 1", v, ok)
	}
	fn, ok := s.First("vfs_read", KindFunc)
	if !ok {
		t.Fatal("no function vfs_read")
	}
	const want = "ssize_t vfs_read(struct file *file, char *buf, size_t count, loff_t *pos)"
	if got := s.Format(fn); got != want {
		t.Errorf("Format(vfs_read) = %q, want %q", got, want)
	}
	funcs := 0
	for range s.Funcs {
		funcs++
	}
	if funcs < 10_000 {
		t.Errorf("only %d functions", funcs)
	}
}

// The three ways to the bytes give the same.
func TestLoad(t *testing.T) {
	f, err := os.Open(vmlinux)
	if err != nil {
		t.Skip("this kernel shows no BTF:", err)
	}
	defer f.Close()
	want, err := os.ReadFile(vmlinux)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := copyPages(f, len(want))
	if err != nil || !bytes.Equal(pages, want) {
		t.Errorf("read by pages: %d bytes, %v, want %d", len(pages), err, len(want))
	}
	best, err := load(vmlinux)
	if err != nil || !bytes.Equal(best, want) {
		t.Errorf("load: %d bytes, %v, want %d", len(best), err, len(want))
	}
	copied, err := bpf.KernelBTF(memory)
	if err != nil {
		t.Skip("the third way is closed:", err)
	}
	if !bytes.Equal(copied, want) {
		t.Errorf("bpf(2): %d bytes, want %d", len(copied), len(want))
	}
}

// Every type of the kernel decodes, and has a size or a reason for none.
func TestKernelDecodesWhole(t *testing.T) {
	s := kernelSpec(t)
	for id := range ID(s.Len()) {
		if _, err := s.Type(id); err != nil {
			t.Fatal(err)
		}
		switch _, err := s.Size(id); {
		case err == nil:
		case errors.Is(err, ErrNoSize):
		default:
			t.Fatalf("Size(%d, %s): %v", id, s.Format(id), err)
		}
	}
}

func TestModule(t *testing.T) {
	for _, name := range []string{"", "../vmlinux", ".", "no_such_module_here"} {
		if _, err := host.Module(name); err == nil || !errors.Is(err, ErrNoBTF) {
			t.Errorf("host.Module(%q): %v, want ErrNoBTF", name, err)
		}
	}
	names, err := Modules()
	if err != nil {
		t.Skip("this kernel shows no BTF:", err)
	}
	for _, name := range names {
		s, err := host.Module(name)
		if err != nil {
			t.Errorf("host.Module(%s): %v", name, err)
			continue
		}
		if s.Base() == nil {
			t.Errorf("host.Module(%s) has no base", name)
		}
		if again, _ := host.Module(name); again != s {
			t.Errorf("host.Module(%s) is parsed twice", name)
		}
	}
}

func TestOpenFile(t *testing.T) {
	w := newWorld()
	path := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(path, w.blob, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := s.First("sock", KindStruct); !ok || id != w.sock {
		t.Errorf("First(sock) = %d, %v", id, ok)
	}
	if _, err := Open(path + ".missing"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open of a missing file: %v", err)
	}
	if err := os.WriteFile(path, []byte("not a blob"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, ErrMalformed) {
		t.Errorf("Open of text: %v, want ErrMalformed", err)
	}
}
