package provider

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/elf"
	"probe/runtime/machine/live/insn"
	"probe/runtime/machine/live/rights"
)

// uprobe is the entry of a function of a program or library.
var uprobe = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "uprobe", Aliases: []string{"u"}, Row: "P-UPROBE-01", Usage: "uprobe:binary:function[+offset] or uprobe:binary@file:line",
		Doc:    "Entry of a function of a program or library, given by path, by a name in PATH, or as libNAME. arg0 … arg5 are the register arguments, args.NAME the arguments by name where there is debugging information.",
		Return: "uretprobe", Target: hir.TargetProgram,
	},
	Min: 1, Max: 4, Needs: []rights.Access{rights.Uprobes}, Type: "uprobe", User: true, Expand: expandUprobe, List: listUser,
}

// uretprobe is the return of a function of a program or library.
var uretprobe = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "uretprobe", Aliases: []string{"ur"}, Row: "P-URET-01", Usage: "uretprobe:binary:function",
		Doc:     "Return of a function of a program or library. retval is the raw return value.",
		Returns: true, Entry: "uprobe", Typed: "ret", Target: hir.TargetProgram,
	},
	Min: 1, Max: 3, Needs: []rights.Access{rights.Uprobes}, Type: "uretprobe", User: true, Expand: expandUprobe, List: listUser,
}

// userTarget is a place in a binary.
type userTarget struct {
	binary  elf.Binary
	name    string // function, or the address as written
	addr    uint64 // that the file is linked for
	offset  uint64 // in the file
	symbols []string
	offsets []uint64 // of symbols, in the file
}

func expandUprobe(r *request) []*hir.Site {
	if at := r.bySource(); at > 0 {
		return r.sourceSites(r.part(0), at)
	}
	if len(r.args) > 3 {
		r.errorf("bad-attach-point", -1, "%s probe type requires 1 to 3 arguments, found %d", r.p.Name, len(r.args)).WithRow("P-COM-03").
			WithHelp("the form is `%s`", r.p.Usage)
		return nil
	}
	if len(r.args) == 3 {
		if r.part(1) == "cpp" {
			return r.demangledSites(r.part(0), 2)
		}
		r.errorf("bad-attach-point", 1, "unsupported language type: %s", r.part(1)).SameCompat().WithRow("P-UPROBE-07").
			WithHelp("the form is `%s`; names of C++ functions are compared with `%s:binary:cpp:name`", r.p.Usage, r.p.Name)
		return nil
	}
	binary, at := "", 0
	if len(r.args) == 2 {
		binary, at = r.part(0), 1
	} else if r.PID == 0 {
		r.errorf("bad-attach-point", -1, "%s probe type requires 2 arguments, found 1", r.p.Name).
			WithCompat("%s probe type requires 2 or 3 arguments, found 1", r.p.Name).WithRow("P-COM-03").
			WithHelp("the form is `%s`; only with -p may the binary be left out", r.p.Usage)
		return nil
	}
	return r.userSites(binary, at, r.p.Returns)
}

// userSites expands binary and function part. at is the index of the part
// with the function.
func (r *request) userSites(binary string, at int, ret bool) []*hir.Site {
	if err := r.set.uprobes(); err != nil {
		r.errorf("no-mechanism", -1, "uprobes cannot be used: %v", err)
		return nil
	}
	if ret && strings.Contains(r.part(at), "+") {
		r.errorf("bad-attach-point", at, "offset not allowed in %s: a function returns as a whole", r.p.Name).
			WithCompat("Offset not allowed")
		return nil
	}
	var sites []*hir.Site
	// Of many files those count that have the function.
	many, name := isPattern(binary), r.part(at)
	if i := strings.IndexByte(name, '+'); i > 0 {
		name = name[:i]
	}
	for _, b := range r.binaries(binary, at) {
		f, err := r.set.openELF(b.Path)
		if err == nil && many && name != "" {
			if found, err := matching(f, func(n string) bool { return match(name, n) }); err != nil || len(found) == 0 {
				f.Close()
				continue
			}
		}
		if err != nil && many {
			continue // it has been deleted, or is not ELF
		}
		if err != nil {
			r.missing(0, "uprobe target file '%s' does not exist or is not executable", b.Name).SameCompat().WithNote("%v", err).WithRow("P-UPROBE-02")
			continue
		}
		for _, t := range r.userTargets(f, b, at) {
			if s := r.userSite(t, ret); r.typed(s, t, at) {
				sites = append(sites, s)
			}
		}
		f.Close()
	}
	if many && len(sites) == 0 && !r.matched && !r.out.HasErrors() {
		r.missing(at, "no matches for %s:%s:%s", r.p.Name, binary, r.part(at)).WithRow("P-UPROBE-04").
			WithHelp("none of the files has such a function")
	}
	return sites
}

// binaries resolves the first part to files.
func (r *request) binaries(name string, at int) []elf.Binary {
	if strings.Contains(name, "*") {
		if strings.HasPrefix(r.part(at), "0x") {
			r.errorf("bad-attach-point", at, "an address needs one binary, not a pattern").WithRow("P-UPROBE-05")
			return nil
		}
		if name == "*" {
			return r.mapped()
		}
		paths, err := filepath.Glob(name)
		if err != nil {
			r.errorf("bad-attach-point", 0, "invalid pattern: %s", name)
			return nil
		}
		var out []elf.Binary
		for _, p := range paths {
			if f, err := elf.Open(p); err == nil {
				f.Close()
				out = append(out, elf.Binary{Path: p, Name: p})
			}
		}
		if len(out) == 0 && !r.quiet && r.Missing != "ignore" {
			r.warnf("no-match", 0, "no program or library matches %s", name).
				CompatOmit()
		}
		return out
	}
	b, err := elf.Find(name, r.PID)
	if err != nil {
		r.missing(0, "%s target file '%s' does not exist or is not executable", r.p.Name, name).SameCompat().WithNote("%v", err).
			WithRow("P-UPROBE-02").WithLabel("not found")
		return nil
	}
	if len(b.Matches) > 1 {
		r.warnf("several-binaries", 0, "attaching to %s but matched %d binaries", b.Name, len(b.Matches)).
			WithCompat("attaching to %s target file '%s' but matched %d binaries", r.p.Name, b.Name, len(b.Matches)).WithRow("P-UPROBE-02").
			WithNote("they are %s", strings.Join(b.Matches, ", ")).WithHelp("give the whole path")
	}
	return []elf.Binary{b}
}

// mapped returns the files that are mapped as code by the process of -p, or by
// any process.
func (r *request) mapped() []elf.Binary {
	if r.PID == 0 {
		return allMappedFiles()
	}
	files, err := mappedFiles(r.PID)
	if err != nil {
		r.errorf("no-match", 0, "the files that process %d has mapped cannot be read", r.PID).WithNote("%v", err).WithRow("P-UPROBE-04")
	}
	return files
}

// userTargets resolves the function part in one binary.
func (r *request) userTargets(f *elf.File, b elf.Binary, at int) []userTarget {
	text := r.part(at)
	if text == "" {
		r.errorf("bad-attach-point", at, "%s needs the name of a function", r.p.Name).WithHelp("the form is `%s`", r.p.Usage)
		return nil
	}
	if addr, err := strconv.ParseUint(text, 0, 64); err == nil {
		return r.userAddress(f, b, at, addr)
	}
	if isPattern(text) {
		return r.userPattern(f, b, at, text)
	}
	name, off, has := strings.Cut(text, "+")
	var plus uint64
	if has {
		var err error
		if plus, err = strconv.ParseUint(off, 0, 64); err != nil {
			r.errorf("bad-attach-point", at, "invalid offset: %s", off).WithRow("P-UPROBE-05").WithLabel("expected a number of bytes")
			return nil
		}
	}
	sym, err := f.Lookup(name)
	var missing *elf.SymbolError
	switch {
	case errors.As(err, &missing):
		d := r.missing(at, "no matches for %s:%s:%s: %v", r.p.Name, b.Name, text, missing)
		switch {
		case r.inlinedIn(d, b, name):
			return nil
		case len(missing.Near) > 0:
			d.WithHelp("functions with similar names exist: %s", quoteAll(missing.Near))
		}
		if missing.NoSymbols {
			d.WithHelp("install the binary's debug symbols, or give an address: `%s:%s:0x…`", r.p.Name, b.Name)
		}
		return nil
	case err != nil:
		r.errorf("no-match", at, "the symbols of %s cannot be read", b.Name).WithNote("%v", err)
		return nil
	case sym.Kind == elf.Object:
		r.errorf("bad-attach-point", at, "%s in %s is a variable, not a function", name, b.Name)
		return nil
	case sym.Size == 0 && !has && !r.Unsafe:
		r.errorf("needs-unsafe", at, "the size of %s in %s is not known, so it may be no function", name, b.Name).WithRow("P-UPROBE-05").
			WithCompat("Could not determine boundary for %s (symbol has size 0).", name).
			WithNote("a probe in data, or in the middle of an instruction, makes the program crash").
			WithHelp("run with --unsafe to attach all the same")
		return nil
	case has && plus >= sym.Size && !r.Unsafe:
		why := fmt.Sprintf("offset %d is outside of %s, which has %d bytes", plus, name, sym.Size)
		if sym.Size == 0 {
			why = fmt.Sprintf("the size of %s is not known, so the offset cannot be checked", name)
		}
		r.refused(at, b.Name+":"+text, fmt.Sprintf("Offset outside the function bounds ('%s' size is %d)", name, sym.Size), why)
		return nil
	}
	if plus != 0 && !r.Unsafe && !r.beginsInstruction(f, b, at, text, sym, plus) {
		return nil
	}
	offset, err := f.Offset(sym.Addr + plus)
	if err != nil {
		r.errorf("no-match", at, "%s has no code in %s", name, b.Name).WithNote("%v", err)
		return nil
	}
	r.matched = true
	if plus == 0 {
		text = name
	}
	return []userTarget{{binary: b, name: text, addr: sym.Addr + plus, offset: offset}}
}

func (r *request) userAddress(f *elf.File, b elf.Binary, at int, addr uint64) []userTarget {
	offset, err := f.Offset(addr)
	if err != nil {
		r.errorf("no-match", at, "could not resolve address %#x in %s", addr, b.Name).WithNote("%v", err).WithRow("P-UPROBE-05")
		return nil
	}
	sym, ok := f.At(addr)
	if !ok && !r.Unsafe {
		r.refused(at, b.Name+":"+strconv.FormatUint(addr, 10), fmt.Sprintf("Could not determine instruction boundary for %s:%s:%d (binary appears stripped).%s", r.p.Name, b.Name, addr, useUnsafe),
			fmt.Sprintf("address %#x is in no known function of %s", addr, b.Name))
		return nil
	}
	if ok && sym.Addr != addr && !r.Unsafe && !r.beginsInstruction(f, b, at, strconv.FormatUint(addr, 10), sym, addr-sym.Addr) {
		return nil
	}
	r.matched = true
	return []userTarget{{binary: b, name: strconv.FormatUint(addr, 10), addr: addr, offset: offset}}
}

// useUnsafe is bpftrace's advice where it cannot see that a place is safe.
const useUnsafe = "\nUse --unsafe to force attachment. WARNING: This option could lead to data corruption in the target process."

// beginsInstruction reports whether an instruction begins at an offset in a
// function, and an error if not or if that cannot be known: a breakpoint inside of
// an instruction breaks the program. target is the text of the attach point behind
// the binary.
func (r *request) beginsInstruction(f *elf.File, b elf.Binary, at int, target string, sym elf.Symbol, plus uint64) bool {
	const most = 1 << 20 // bytes of a function that are looked at
	code := []byte{}
	if plus <= most {
		code, _ = f.Code(sym.Addr, int(min(sym.Size, most)))
	}
	why, compat := "", ""
	switch insn.At(f.Machine(), code, int(min(plus, most))) {
	case insn.Start:
		if plus <= most {
			return true
		}
		fallthrough
	case insn.Unknown:
		why = fmt.Sprintf("whether an instruction begins %d bytes into %s cannot be seen from its code", plus, sym.Name)
		compat = "Could not determine if it is in the middle of an instruction: %s:%s"
	case insn.Middle:
		why = fmt.Sprintf("%d bytes into %s is the middle of an instruction", plus, sym.Name)
		compat = "Could not add uprobe into middle of instruction: %s:%s"
	}
	r.refused(at, b.Name+":"+target, fmt.Sprintf(compat, b.Name, target)+useUnsafe, why).
		WithNote("a probe in the middle of an instruction makes the program crash")
	return false
}

// refused reports a place in a program that would be attached with --unsafe only.
// Bpftrace finds out when it attaches: compat is what it says then, target the
// attach point without its type.
func (r *request) refused(at int, target, compat, why string) *diag.Diagnostic {
	r.matched = true
	d := r.missing(at, "%s", why).WithRow("P-UPROBE-05").WithHelp("run with --unsafe to attach all the same")
	d.Code = "needs-unsafe"
	word, end := "ERROR", "If this is expected, set the 'missing_probes' config variable to 'warn'."
	if d.Severity == diag.Warning {
		word, end = "WARNING", "Skipping."
	} else {
		d.Compat.Status = diag.AttachStatus
	}
	return d.WithCompat("%s\n%s: Unable to attach probe: %s:%s. %s", compat, word, r.p.Name, target, end).CompatAlone()
}

// userPattern expands a wildcard in the function: to one site for all matches,
// or to a site for each if the body uses the probe's name.
func (r *request) userPattern(f *elf.File, b elf.Binary, at int, pattern string) []userTarget {
	found, err := matching(f, func(name string) bool { return match(pattern, name) })
	if err != nil {
		r.errorf("no-match", at, "the symbols of %s cannot be read", b.Name).WithNote("%v", err)
		return nil
	}
	if len(found) == 0 {
		if !r.quiet && r.Missing != "ignore" {
			r.warnf("no-match", at, "no matches for %s:%s:%s", r.p.Name, b.Name, pattern).
				CompatOmit()
		}
		return nil
	}
	return r.targetsOf(f, b, at, pattern, "", found)
}

// matching returns the functions of a file whose name matches, by their offsets;
// of several names at one place the first.
func matching(f *elf.File, match func(name string) bool) (map[uint64]string, error) {
	found := map[uint64]string{}
	err := f.Symbols(func(s elf.Symbol) bool {
		name, _, _ := strings.Cut(s.Name, "@")
		if s.Kind != elf.Func || !match(name) {
			return true
		}
		offset, err := f.Offset(s.Addr)
		if err != nil {
			return true
		}
		if old, ok := found[offset]; !ok || name < old {
			found[offset] = strings.Clone(name)
		}
		return true
	})
	return found, err
}

// targetsOf returns a target for all functions that were found, with the name
// whole, or one for each if the body differs between them. Their names begin with
// prefix.
func (r *request) targetsOf(f *elf.File, b elf.Binary, at int, whole, prefix string, found map[uint64]string) []userTarget {
	r.matched = true
	var names []string
	offsets := map[string]uint64{}
	for off, name := range found {
		names = append(names, name)
		offsets[name] = off
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if !r.Uses.Probe && !r.Uses.Args && !r.Uses.Place {
		t := userTarget{binary: b, name: whole, symbols: names}
		for _, name := range names {
			t.offsets = append(t.offsets, offsets[name])
		}
		return []userTarget{t}
	}
	if r.MaxProgs > 0 && len(names) > r.MaxProgs {
		r.errorf("too-many-programs", at, "this pattern would make %d BPF programs, the limit is %d", len(names), r.MaxProgs).WithCompat(tooManyPrograms, len(names), r.MaxProgs).
			CompatHint(raiseProgs).WithRow("P-COM-08")
		return nil
	}
	var out []userTarget
	for _, name := range names {
		addr, err := f.Addr(offsets[name])
		if err != nil {
			continue // it was found by its address
		}
		out = append(out, userTarget{binary: b, name: prefix + name, addr: addr, offset: offsets[name]})
	}
	return out
}

// userSite returns the site of a place in a binary.
func (r *request) userSite(t userTarget, ret bool) *hir.Site {
	s := r.site(hir.ProgKprobe, types.User, r.p.Name+":"+t.binary.Name+":"+t.name)
	s.Regs = true
	name, _, _ := strings.Cut(strings.TrimPrefix(t.name, "cpp:"), "+")
	s.Func = name
	s.Attach = hir.Attach{Kind: r.uprobeKind(ret), Path: t.binary.Path, Symbol: name, Offset: t.offset, Symbols: t.symbols, Offsets: t.offsets}
	s.Why = mechanism(s)
	if n := len(t.symbols); n > 0 {
		s.Why = fmt.Sprintf("%s: %s", s.Why, links(s.Attach.Kind, n, "function"))
	}
	if !ret {
		s.Args = numbered()
		return s
	}
	s.Ret = result(nil)
	return s
}

// links says how many links attach to several places, for -v.
func links(kind hir.AttachKind, n int, what string) string {
	if n != 1 {
		what += "s"
	}
	if kind == hir.AttachUprobeMulti || kind == hir.AttachUretprobeMulti {
		return fmt.Sprintf("one link for %d %s", n, what)
	}
	return fmt.Sprintf("a perf event for each of %d %s", n, what)
}

// uprobeKind returns how a program is attached to functions of programs: by a
// link for all places where the kernel has it. That is quicker than a perf event
// for each, and takes fewer rights.
func (r *request) uprobeKind(ret bool) hir.AttachKind {
	multi := r.set.opts.UprobeMulti != nil && r.set.opts.UprobeMulti() == nil &&
		(r.PID == 0 || r.set.opts.UprobeMultiPID != nil && r.set.opts.UprobeMultiPID() == nil)
	switch {
	case multi && ret:
		return hir.AttachUretprobeMulti
	case multi:
		return hir.AttachUprobeMulti
	case ret:
		return hir.AttachUretprobe
	}
	return hir.AttachUprobe
}

// userCall expands call: and ret: on a function of a program or library.
func (r *request) userCall() []*hir.Site {
	sites := r.userSites(r.part(0), 1, r.p.Returns)
	for _, s := range sites {
		s.Why = mechanism(s) + ": a function of a program or library"
		if r.p.Returns && (r.Uses.ArgN || r.Uses.Args || r.Uses.Duration) {
			entry := *s
			entry.Attach.Kind, entry.Ret = r.uprobeKind(false), nil
			if entry.Args == nil {
				entry.Args = numbered()
			}
			s.Entry, s.Args = &entry, savedUser(entry.Args)
		}
	}
	return sites
}

// uprobes returns the reason why uprobes cannot be used, nil if they can.
func (s *Set) uprobes() error {
	if s.opts.Uprobes == nil {
		return nil
	}
	return s.opts.Uprobes()
}
