package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"probe/compiler/object"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/runtime/kcall"
	"probe/runtime/machine/live"
	"probe/runtime/machine/live/bpf"
	"probe/runtime/machine/live/rights"
	"probe/runtime/watchdog"
)

// loadMaps creates the kernel maps of an object; those named in live are shared
// instead.
func loadMaps(obj *object.Object, live map[string]*ebpf.Map) (map[string]*ebpf.Map, error) {
	out := map[string]*ebpf.Map{}
	fail := func(err error) (map[string]*ebpf.Map, error) {
		for _, m := range out {
			m.Close()
		}
		return nil, err
	}
	names := make([]string, 0, len(obj.Spec.Maps))
	for name := range obj.Spec.Maps {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		spec := obj.Spec.Maps[name]
		if m := live[name]; m != nil && shared(name) {
			if err := spec.Compatible(m); err != nil {
				return fail(fmt.Errorf("share map %s: %w", name, err))
			}
			c, err := kcall.Clone(m)
			if err != nil {
				return fail(fmt.Errorf("share map %s: %w", name, err))
			}
			out[name] = c
			continue
		}
		m, err := kcall.NewMap(spec)
		if err != nil {
			return fail(mapError(spec, err))
		}
		out[name] = m
	}
	return out, nil
}

// shared reports whether objects share the map by its name: the script's maps
// are shared, and the frames of the stacks in them.
func shared(name string) bool {
	return strings.HasPrefix(name, "m_") || strings.HasPrefix(name, object.StackMap)
}

// mapError returns the error for a map that the kernel refused to create.
func mapError(spec *ebpf.MapSpec, err error) error {
	name := strings.Replace(spec.Name, "m_", "@", 1)
	if errnoOf(err) != unix.E2BIG || spec.KeySize <= bpf.SmallKey || bpf.LargeKeys() {
		return machineError("create map "+name, err)
	}
	d := &diag.Diagnostic{Severity: diag.Error, Code: "machine",
		Message: fmt.Sprintf("the keys of %s have %d bytes, and this kernel takes at most %d", name, spec.KeySize, bpf.SmallKey)}
	d.WithNote("kernels since 5.11 take larger keys")
	d.WithHelp("use shorter strings in the key: str(x, 100)")
	return &LoadError{Diag: d, err: err}
}

// loadPrograms loads all programs of an object, several at a time.
func (s *Session) loadPrograms(ctx context.Context, obj *object.Object, maps map[string]*ebpf.Map) ([]*bpf.Prog, error) {
	verbose := s.opts.Verbose != nil
	progs := make([]*bpf.Prog, len(obj.Programs))
	errs := make([]error, len(obj.Programs))
	modules := moduleFiles{}
	defer modules.close()
	load := func(i int) {
		p := obj.Programs[i]
		opts := bpf.LoadOptions{AttachBTF: p.Site.Attach.BTFID}
		if m := p.Site.Attach.Module; opts.AttachBTF != 0 && m != "" && m != "vmlinux" {
			f, err := modules.open(m)
			if err != nil {
				errs[i] = err
				return
			}
			opts.ModuleBTF = int(f.Fd())
		}
		if id := p.Site.Attach.Program; id != 0 {
			f, err := bpf.OpenRunning(id)
			if err != nil {
				errs[i] = fmt.Errorf("open BPF program %d: %w", id, err)
				return
			}
			defer f.Close()
			opts.ModuleBTF = int(f.Fd())
		}
		defer s.slow(fmt.Sprintf("loading the program for %s", p.Site.Name))()
		progs[i], errs[i] = bpf.Load(ctx, obj.Spec.Programs[p.Name], maps, opts)
	}
	workers := min(runtime.GOMAXPROCS(0), len(obj.Programs))
	if len(obj.Programs) < 4 {
		workers = 1
	}
	var wg sync.WaitGroup
	next := make(chan int)
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer watchdog.Report()
			for i := range next {
				load(i)
			}
		}()
	}
	failed := false
	for i := range obj.Programs {
		if ctx.Err() != nil || failed {
			break
		}
		next <- i
		failed = i > 0 && workers == 1 && errs[i-1] != nil
	}
	close(next)
	wg.Wait()
	err := ctx.Err()
	for i, e := range errs {
		if e != nil && err == nil {
			err = loadError(obj.Programs[i], e, verbose)
			break
		}
	}
	if err != nil {
		for _, p := range progs {
			if p != nil {
				p.Close()
			}
		}
		return nil, err
	}
	return progs, nil
}

// patience is the time after which the user is told which step takes so long.
const patience = time.Second

// slow reports the step what to Options.Slow unless done is called within
// patience.
func (s *Session) slow(what string) (done func()) {
	if s.opts.Slow == nil {
		return func() {}
	}
	t := time.AfterFunc(patience, func() { s.opts.Slow(what) })
	return func() { t.Stop() }
}

// moduleFiles keeps the BTF of modules open while programs load.
type moduleFiles struct {
	mu    sync.Mutex
	files map[string]*os.File
}

func (m *moduleFiles) open(name string) (*os.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.files[name]; f != nil {
		return f, nil
	}
	f, err := bpf.ModuleBTF(name)
	if err != nil {
		return nil, err
	}
	if m.files == nil {
		m.files = map[string]*os.File{}
	}
	m.files[name] = f
	return f, nil
}

func (m *moduleFiles) close() {
	for _, f := range m.files {
		f.Close()
	}
}

// LoadError is the error for a script that could not be loaded or attached.
type LoadError struct {
	Diag *diag.Diagnostic
	// Log is the verifier's whole log, empty when it did not run.
	Log string
	// Early is set when nothing was loaded yet: the exit status is then 1 and
	// not 255 (O-EXIT-03).
	Early bool
	err   error
}

// Error returns the one-line form.
func (e *LoadError) Error() string { return e.Diag.Error() }

// Unwrap returns the cause.
func (e *LoadError) Unwrap() error { return e.err }

// loadError returns the message for a program that the kernel rejected, with a
// place in the script.
func loadError(p *object.Program, err error, verbose bool) error {
	var refused *bpf.LoadError
	log := ""
	if errors.As(err, &refused) {
		log = refused.Log
	}
	d := &diag.Diagnostic{Severity: diag.Error, Code: "load-failed", Row: "R-LOAD-01", Span: p.Probe.At}
	out := &LoadError{Diag: d, Log: log, err: err}
	errno := errnoOf(err)
	switch {
	case errno == unix.EPERM || errno == unix.EACCES && log == "":
		d.Code, d.Row = "no-permission", "CLI-27"
		d.Message = "the kernel does not allow this process to load programs"
		live.AddPermission(d, rights.Program)
	case gaveUp(log):
		tooMuch(d, p, refused)
	case log == "" && errno == unix.E2BIG:
		d.Message = fmt.Sprintf("the program for %s is too long: this kernel takes no program of %d instructions", p.Site.Name, p.Insns)
		d.Label = "for this probe"
		d.WithHelp("split it into several probes")
	case log == "" || onlySummary(log):
		d.Message = fmt.Sprintf("the kernel does not accept a program for %s: %v", p.Site.Name, errno)
		d.Label = "for this probe"
		d.WithHelp("run `probe doctor` to see what this kernel offers")
		if p.Site.Prog == hir.ProgTracing && p.Site.Attach.Kind != hir.AttachRawTP {
			d.WithHelp("use kprobe and kretprobe instead of fentry and fexit: `config = { attach = \"kprobe\" }`")
		}
	default:
		verifierDiag(d, p, log, verbose)
	}
	return out
}

// gaveUp reports whether a log shows that the verifier gave up: the
// instructions it had walked, or the branches it had still to walk, exceeded a
// limit.
func gaveUp(log string) bool {
	for _, text := range []string{"BPF program is too large. Processed", "jumps is too complex", "The program is too complex"} {
		if strings.Contains(log, text) {
			return true
		}
	}
	return false
}

// tooMuch completes the message about a program on which the verifier gave up.
func tooMuch(d *diag.Diagnostic, p *object.Program, refused *bpf.LoadError) {
	d.Code = "verifier"
	d.Label = "for this probe"
	d.Message = fmt.Sprintf("the kernel's verifier gave up on the program for %s: it has too many paths to check", p.Site.Name)
	d.WithNote("it walked %d instructions in %.1f s; the program has %d", refused.Verified.Insns, refused.Verified.Time.Seconds(), p.Insns)
	d.WithHelp("take conditions out of loops, or split the probe into several")
	d.WithHelp("this is a fault of probe, not of the script: please report it with the script")
}

// insnNumber parses the number at the start of a line of the verifier's log
// that shows an instruction: "12: (79) r1 = *(u64 *)(r1 +0)".
func insnNumber(line string) (int, bool) {
	i := 0
	for i < len(line) && i < 9 && line[i] >= '0' && line[i] <= '9' {
		i++
	}
	if i == 0 || !strings.HasPrefix(line[i:], ":") {
		return 0, false
	}
	n, err := strconv.Atoi(line[:i])
	return n, err == nil
}

// isState reports whether a line of the log shows registers, a jump or a source
// line.
func isState(line string) bool {
	if _, ok := insnNumber(line); ok {
		return true
	}
	return strings.HasPrefix(line, "R") && strings.Contains(line, "=") ||
		strings.HasPrefix(line, "from ") || strings.HasPrefix(line, ";")
}

// isSum reports whether a line counts what the verifier did.
func isSum(line string) bool {
	for _, p := range []string{"processed ", "verification time", "stack depth", "func#"} {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	return false
}

func onlySummary(log string) bool { return len(reasons(log)) == 0 }

// reasons returns the lines of a verifier's log that say why it rejected the
// program: the last ones that are neither instructions, nor states, nor sums.
func reasons(log string) []string {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	var out []string
	for i := len(lines) - 1; i >= 0 && len(out) < 3; i-- {
		l := strings.TrimSpace(lines[i])
		if l == "" || isSum(l) {
			continue
		}
		if isState(l) {
			if len(out) > 0 {
				break
			}
			continue
		}
		out = append(out, l)
	}
	slices.Reverse(out)
	if real := slices.DeleteFunc(slices.Clone(out), isAside); len(real) > 0 {
		return real
	}
	return out
}

// isAside reports whether a line is about the types of arguments of functions
// that are looked at where they are called, where there is another reason.
func isAside(line string) bool {
	for _, p := range []string{"arg#", "R1 is not a ", "Func#", "Validating "} {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	return false
}

// verifierDiag points the message at the place in the script whose instruction
// the verifier examined last. A rejected program is a bug in the compiler and
// not in the script, and the message says so.
func verifierDiag(d *diag.Diagnostic, p *object.Program, log string, verbose bool) {
	d.Code = "verifier"
	d.Message = fmt.Sprintf("the kernel's verifier refused the program for %s", p.Site.Name)
	lines := strings.Split(log, "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		n, ok := insnNumber(lines[i])
		if !ok {
			continue
		}
		if n < len(p.Lines) && p.Lines[n].Valid() {
			d.Span = p.Lines[n]
			d.Label = fmt.Sprintf("compiled to instruction %d, which was refused", n)
		}
		break
	}
	for _, l := range reasons(log) {
		d.WithNote("the verifier says: %s", l)
	}
	d.WithHelp("this is a fault of probe, not of the script: please report it with the script and the output of `probe run -v`")
	if verbose {
		d.WithNote("the verifier's log:\n%s", strings.TrimRight(log, "\n"))
	}
}

func errnoOf(err error) unix.Errno {
	var e unix.Errno
	errors.As(err, &e)
	return e
}

// machineError returns the message for a failure that has nothing to do with
// the script.
func machineError(what string, err error) error {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "machine", Message: fmt.Sprintf("%s: %v", what, err)}
	errno := errnoOf(err)
	if state := rights.Read(); state.Filtered {
		errno = unix.EPERM // whatever the filter answers
	}
	switch errno {
	case unix.EPERM, unix.EACCES:
		d.Code = "no-permission"
		d.Message = fmt.Sprintf("the kernel does not allow this process to %s", what)
		live.AddPermission(d, rights.Program)
	case unix.ENOMEM:
		d.WithHelp("lower max_map_keys or perf_rb_pages in the config block, or free memory")
	case unix.E2BIG:
		d.WithHelp("lower max_map_keys in the config block, or use smaller keys and values")
	}
	return &LoadError{Diag: d, err: err}
}
