package tracefs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"
)

// Events calls yield with every event, as "sched", "sched_switch". The list
// file is used where it may be read, the directories otherwise.
func (t *FS) Events(yield func(category, event string) bool) error {
	err := eachLine(t.Path("available_events"), func(line string) bool {
		category, event, ok := strings.Cut(line, ":")
		return !ok || yield(category, event)
	})
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("list events: %w", err)
	}
	return t.walkEvents(yield)
}

func (t *FS) walkEvents(yield func(category, event string) bool) error {
	categories, err := os.ReadDir(t.Path("events"))
	if err != nil {
		return fmt.Errorf("list events: %w", err)
	}
	for _, category := range categories {
		// The records of ftrace itself cannot be attached to; the list file
		// leaves them out as well.
		if !category.IsDir() || category.Name() == "ftrace" {
			continue
		}
		events, err := os.ReadDir(t.Path("events", category.Name()))
		if err != nil {
			return fmt.Errorf("list events: %w", err)
		}
		for _, event := range events {
			if event.IsDir() && !yield(category.Name(), event.Name()) {
				return nil
			}
		}
	}
	return nil
}

// functionList caches the list of functions.
type functionList struct {
	mu      sync.Mutex
	read    bool
	modules string // the modules that were loaded when text was read
	text    string
}

// FunctionList returns the kernel's list of the functions that ftrace can
// attach to, in the order of their addresses: lines of a name and, for those of
// a module, " [module]". Sites without a symbol are in it under made-up names,
// so the number of a line is the one by which the kernel knows the function.
// The error says why the list cannot be read: no such file in a kernel without
// the function tracer, EPERM under lockdown.
//
// The kernel gives a page at a time and for each starts again at the first
// function, so the list is read once, and again when modules have come or gone.
func (t *FS) FunctionList() (string, error) {
	t.funcs.mu.Lock()
	defer t.funcs.mu.Unlock()
	modules, known := loaded(t.modules)
	if t.funcs.read && known && t.funcs.modules == modules {
		return t.funcs.text, nil
	}
	b, err := os.ReadFile(t.Path("available_filter_functions"))
	if err != nil {
		return "", fmt.Errorf("list functions: %w", err)
	}
	t.funcs.read, t.funcs.modules = true, modules
	t.funcs.text = unsafe.String(unsafe.SliceData(b), len(b))
	return t.funcs.text, nil
}

// loaded returns the loaded modules, with sizes and states, in the order of
// their loading. known is false when the list cannot be read.
func loaded(path string) (list string, known bool) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", true // a kernel without modules
	}
	if err != nil {
		return "", false
	}
	var out strings.Builder
	for line := range strings.Lines(string(b)) {
		// name size users used-by state address
		if f := strings.Fields(line); len(f) > 4 {
			out.WriteString(f[0] + " " + f[1] + " " + f[4] + "\n")
		}
	}
	return out.String(), true
}

// Functions calls yield with every function of FunctionList that has a name;
// module is empty for the kernel itself. Names are cut from the list without a
// copy: keeping one keeps the list.
func (t *FS) Functions(yield func(name, module string) bool) error {
	text, err := t.FunctionList()
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		name, module, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if strings.HasPrefix(name, "__ftrace_invalid_address___") {
			continue
		}
		if !yield(name, strings.TrimSuffix(strings.TrimPrefix(module, "["), "]")) {
			return nil
		}
	}
	return nil
}

// Blacklist calls yield with the functions that kprobes refuse. The list is in
// debugfs: the error wraps fs.ErrNotExist where that is not mounted.
func (t *FS) Blacklist(yield func(name string) bool) error {
	err := eachLine(filepath.Join(t.debug, "kprobes", "blacklist"), func(line string) bool {
		// 0xffffffff81000000-0xffffffff81000040	name
		_, name, ok := strings.Cut(line, "\t")
		name, _, _ = strings.Cut(name, " ")
		return !ok || name == "" || yield(name)
	})
	if err != nil {
		return fmt.Errorf("list functions that kprobes refuse: %w", err)
	}
	return nil
}

// Unique reports whether exactly one category has an event of this name, which
// is then that of the tracepoint with the name: two tracepoints of the kernel
// proper cannot share one, but modules and events made at run time can.
func (t *FS) Unique(event string) bool {
	if !plainName(event) {
		return false
	}
	categories, err := os.ReadDir(t.Path("events"))
	n := 0
	for _, c := range categories {
		if c.IsDir() && t.Has("events", c.Name(), event) {
			n++
		}
	}
	return err == nil && n == 1
}

const blockSize = 64 << 10

// eachLine calls yield with every line of a file. The file is read in blocks
// that are never written again, so lines are cut from them without a copy;
// keeping one keeps its block.
func eachLine(path string, yield func(line string) bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return lines(f, blockSize, yield)
}

func lines(r io.Reader, size int, yield func(line string) bool) error {
	var rest []byte // an unfinished line of the last block
	for {
		block := make([]byte, max(size, 2*len(rest)))
		have := copy(block, rest)
		n, err := fill(r, block[have:])
		block = block[:have+n]
		for {
			end := bytes.IndexByte(block, '\n')
			if end < 0 {
				break
			}
			if !yield(unsafe.String(unsafe.SliceData(block), end)) {
				return nil
			}
			block = block[end+1:]
		}
		rest = block
		if err == io.EOF {
			if len(rest) > 0 {
				yield(unsafe.String(unsafe.SliceData(rest), len(rest)))
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// fill reads until the block is full: a read of a tracefs file returns at most
// a page.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var k int
		k, err = r.Read(b[n:])
		n += k
	}
	return n, err
}
