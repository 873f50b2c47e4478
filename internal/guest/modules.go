package guest

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ulikunitz/xz"
)

// moduleIndex is an index of the modules of one kernel. Debian's packages
// contain no modules.dep, which depmod generates on installation. So the
// dependencies of a module are read from the module itself, as depmod does.
type moduleIndex struct {
	kernel  string
	dir     string
	files   map[string]string // name to path
	builtin map[string]bool
}

// moduleName returns the name under which the kernel knows a module file.
// Dashes and underscores mean the same.
func moduleName(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), ".")
	return strings.ReplaceAll(name, "-", "_")
}

// modules reads the list of a kernel's modules.
func (k *Kernel) modules() (*moduleIndex, error) {
	x := &moduleIndex{
		kernel:  k.Name,
		dir:     k.Modules,
		files:   make(map[string]string),
		builtin: make(map[string]bool),
	}
	err := filepath.WalkDir(filepath.Join(k.Modules, "kernel"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && (strings.HasSuffix(path, ".ko") || strings.HasSuffix(path, ".ko.xz")) {
			x.files[moduleName(path)] = path
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(k.Modules, "modules.builtin"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		x.builtin[moduleName(strings.TrimSpace(line))] = true
	}
	return x, nil
}

// module is one file of a load order.
type module struct {
	name string
	path string // below the folder of the kernel's modules, without .xz
	data []byte // uncompressed
}

// order returns the modules to insert, in order, so that all the named ones
// are in the kernel. What is built into the kernel needs nothing.
func (x *moduleIndex) order(names ...string) ([]module, error) {
	var out []module
	state := make(map[string]int) // 1 while being visited, 2 when done
	var visit func(name, by string) error
	visit = func(name, by string) error {
		name = strings.ReplaceAll(name, "-", "_")
		switch {
		case state[name] == 2 || x.builtin[name]:
			return nil
		case state[name] == 1:
			return fmt.Errorf("kernel %s: module %s depends on itself", x.kernel, name)
		}
		file, ok := x.files[name]
		if !ok {
			why := ""
			if by != "" {
				why = ", which " + by + " needs"
			}
			return &Error{Op: "insert modules in " + x.kernel, Err: fmt.Errorf("%w: %s%s", ErrNoModule, name, why)}
		}
		state[name] = 1
		data, err := readModule(file)
		if err != nil {
			return err
		}
		deps, err := moduleDepends(data)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, d := range deps {
			if err := visit(d, name); err != nil {
				return err
			}
		}
		state[name] = 2
		rel, err := filepath.Rel(x.dir, file)
		if err != nil {
			return err
		}
		out = append(out, module{name: name, path: strings.TrimSuffix(rel, ".xz"), data: data})
		return nil
	}
	for _, n := range names {
		if err := visit(n, ""); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readModule returns a module file's content, uncompressed, so that the guest's
// kernel does not need CONFIG_MODULE_DECOMPRESS.
func readModule(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !strings.HasSuffix(file, ".xz") {
		return io.ReadAll(f)
	}
	r, err := xz.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return data, nil
}

// moduleDepends reads which modules a module needs inserted before it, from
// the string "depends=a,b" in its section .modinfo.
func moduleDepends(data []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	s := f.Section(".modinfo")
	if s == nil {
		return nil, fmt.Errorf("no section .modinfo; is this a kernel module?")
	}
	info, err := s.Data()
	if err != nil {
		return nil, err
	}
	var out []string
	for entry := range bytes.SplitSeq(info, []byte{0}) {
		if v, ok := strings.CutPrefix(string(entry), "depends="); ok && v != "" {
			out = append(out, strings.Split(v, ",")...)
		}
	}
	return out, nil
}
