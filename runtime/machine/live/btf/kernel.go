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
	"probe/runtime/trust"
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

// Host is the BTF of the running kernel and its modules, each opened when it is
// first asked for and kept: what is read of it stays in memory for the life of
// the process. It is safe for concurrent use.
type Host struct {
	once   sync.Once
	kernel *Spec
	err    error

	mu      sync.Mutex
	modules map[string]*Spec
}

// NewHost returns a Host that has read nothing yet.
func NewHost() *Host { return &Host{} }

// Kernel returns the BTF of the kernel. The error wraps ErrNoBTF when there is
// none.
func (h *Host) Kernel() (*Spec, error) {
	h.once.Do(func() {
		h.kernel, h.err = Open(vmlinux)
		if errors.Is(h.err, fs.ErrNotExist) {
			why := "it has to be built with CONFIG_DEBUG_INFO_BTF"
			if _, err := os.Stat("/sys/kernel"); errors.Is(err, fs.ErrNotExist) {
				why = "sysfs is not mounted at /sys; as root: mount -t sysfs nodev /sys"
			}
			h.err = fmt.Errorf("%w for this kernel: %v; %s", ErrNoBTF, h.err, why)
		}
	})
	return h.kernel, h.err
}

// Module returns the split BTF of a loaded module, on top of Kernel. It wraps
// ErrNoBTF when the module is not loaded or carries none.
func (h *Host) Module(name string) (*Spec, error) {
	// sysfs spells modules with underscores.
	name = strings.ReplaceAll(name, "-", "_")
	if name == "" || strings.ContainsAny(name, "/\x00") || name[0] == '.' {
		return nil, fmt.Errorf("%w: %q is not the name of a module", ErrNoBTF, name)
	}
	base, err := h.Kernel()
	if err != nil || name == "vmlinux" {
		return base, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.modules[name]; s != nil {
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
	if h.modules == nil {
		h.modules = make(map[string]*Spec)
	}
	h.modules[name] = s
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

// maxBlob is the maximum size of BTF in bytes. That of a kernel with all its modules
// has some thirty megabytes; a device file has no end.
const maxBlob = 256 << 20

// load maps a file of sysfs, which cannot shrink while it is mapped, and reads
// any other. The kernel's BTF can be mapped since 6.16. Before that load copies
// the bytes to memory outside the Go heap, so that five megabytes of strings do
// not bring the next garbage collection forward. It copies with bpf(2) where
// possible, since sysfs returns one page a call and copies it twice. Nothing is
// ever released: strings point into it.
func load(path string) ([]byte, error) {
	open := trust.Open // the user has named it
	if strings.HasPrefix(path, sysDir+"/") {
		open = os.Open
	}
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(path, sysDir+"/") || st.Size() <= 0 || st.Size() > maxBlob {
		blob, err := io.ReadAll(io.LimitReader(f, maxBlob+1))
		if err == nil && len(blob) > maxBlob {
			err = fmt.Errorf("%s: %w: more than %d MB", path, ErrMalformed, maxBlob>>20)
		}
		return blob, err
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
	for n < len(blob) { // sysfs returns a page at a time
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
