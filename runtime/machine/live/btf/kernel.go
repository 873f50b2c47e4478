package btf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/feature/bpf"
)

// sysDir is where the kernel shows its BTF and that of its modules.
const (
	sysDir  = "/sys/kernel/btf"
	vmlinux = sysDir + "/vmlinux"
)

// Open reads a file that holds a complete raw BTF blob.
func Open(path string) (*Spec, error) {
	blob, err := load(path)
	if err != nil {
		return nil, err
	}
	s, err := Parse(blob, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

var kernel = sync.OnceValues(func() (*Spec, error) {
	s, err := Open(vmlinux)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w for this kernel: %v; it has to be built with CONFIG_DEBUG_INFO_BTF", ErrNoBTF, err)
	}
	return s, err
})

// Kernel returns the BTF of the running kernel, opened on the first call and
// kept for the life of the process. It wraps ErrNoBTF when there is none.
func Kernel() (*Spec, error) { return kernel() }

var modules struct {
	sync.Mutex
	specs map[string]*Spec
}

// Module returns the split BTF of a loaded module, on top of Kernel. It wraps
// ErrNoBTF when the module is not loaded or carries none.
func Module(name string) (*Spec, error) {
	// sysfs spells modules with underscores.
	name = strings.ReplaceAll(name, "-", "_")
	if name == "" || strings.ContainsAny(name, "/\x00") || name[0] == '.' {
		return nil, fmt.Errorf("%w: %q is not the name of a module", ErrNoBTF, name)
	}
	base, err := Kernel()
	if err != nil || name == "vmlinux" {
		return base, err
	}
	modules.Lock()
	defer modules.Unlock()
	if s := modules.specs[name]; s != nil {
		return s, nil
	}
	path := filepath.Join(sysDir, name)
	blob, err := load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w for module %s: it is not loaded, or was built without", ErrNoBTF, name)
	}
	if err != nil {
		return nil, err
	}
	s, err := Parse(blob, base)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if modules.specs == nil {
		modules.specs = make(map[string]*Spec)
	}
	modules.specs[name] = s
	return s, nil
}

// Modules lists the modules that have BTF, sorted.
func Modules() ([]string, error) {
	entries, err := os.ReadDir(sysDir)
	if err != nil {
		return nil, fmt.Errorf("list modules with BTF: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != "vmlinux" {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// load maps a file of sysfs, which cannot shrink under us, and reads any other.
// The kernel maps its BTF since 6.16; before that the bytes are copied to
// memory outside the Go heap, where five megabytes would only wake the
// collector. They are copied by bpf(2) if it can, since sysfs hands out one
// page a call and copies it twice. Nothing is ever released: strings point into
// it.
func load(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(path, sysDir+"/") || st.Size() <= 0 || st.Size() > 1<<30 {
		return io.ReadAll(f)
	}
	size := int(st.Size())
	if blob, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_PRIVATE); err == nil {
		return blob, nil
	}
	if path == vmlinux {
		if blob, err := bpf.KernelBTF(memory); err == nil {
			return blob, nil
		}
	}
	return copyPages(f, size)
}

// memory is zeroed memory outside the Go heap.
func memory(size int) ([]byte, error) {
	return unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
}

func copyPages(f *os.File, size int) ([]byte, error) {
	blob, err := memory(size)
	if err != nil {
		return nil, fmt.Errorf("memory for %s: %w", f.Name(), err)
	}
	n := 0
	for n < len(blob) { // a page at a time is all that sysfs gives
		k, err := unix.Read(int(f.Fd()), blob[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.Name(), err)
		}
		if k == 0 {
			break
		}
		n += k
	}
	return blob[:n], nil
}
