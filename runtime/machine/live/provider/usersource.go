package provider

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"probe/lang/hir"
	"probe/runtime/machine/live/elf"
	"probe/runtime/machine/live/program"
	"probe/runtime/machine/live/symbol"
)

// bySource returns the index of the part that names a source file, -1 if the
// attach point has none: "uprobe:binary@file.c:12".
func (r *request) bySource() int {
	return slices.IndexFunc(r.args, func(p hir.Part) bool { return p.Sep == '@' })
}

// sourceSites expands "binary@file:line[:column]". The parts from at on are the
// file, the line and the column.
func (r *request) sourceSites(binary string, at int) []*hir.Site {
	if r.p.Returns {
		r.errorf("bad-attach-point", at, "source code location not allowed in %s: a function returns as a whole", r.p.Name).WithRow("P-URET-01").
			WithCompat("Source code location not allowed").CompatAt(r.At)
		return nil
	}
	if isPattern(binary) {
		r.errorf("bad-attach-point", 0, "a source line needs one binary, not a pattern").WithRow("P-UPROBE-08")
		return nil
	}
	if n := len(r.args) - at; n < 2 || n > 3 {
		r.errorf("bad-attach-point", -1, "a place in the source is a file and a line").WithRow("P-UPROBE-08").
			WithHelp("the form is `uprobe:binary@file.c:LINE` or `uprobe:binary@file.c:LINE:COLUMN`")
		return nil
	}
	var place [2]int
	for i, word := range []string{"line", "column"} {
		if at+1+i >= len(r.args) {
			break
		}
		n, err := strconv.ParseUint(r.part(at+1+i), 0, 31)
		if err != nil || n == 0 {
			r.errorf("bad-attach-point", at+1+i, "invalid %s number: %s", word, r.part(at+1+i)).WithRow("P-UPROBE-08").WithLabel("expected a number").
				WithCompat("Invalid %s number: invalid trailing bytes: %s", word, r.part(at+1+i)).CompatAt(r.At)
			return nil
		}
		place[i] = int(n)
	}
	if r.Uses.Args {
		r.errorf("no-args", at, "arguments by name are known at the entry of a function, not at a line").WithRow("P-UPROBE-08").
			WithHelp("probe the function: `uprobe:%s:FUNCTION`", binary)
		return nil
	}
	var sites []*hir.Site
	for _, b := range r.binaries(binary, at) {
		if s := r.sourceSite(b, at, place[0], place[1]); s != nil {
			sites = append(sites, s)
		}
	}
	return sites
}

// sourceSite returns the site of a source line of one binary: one program at
// each copy of the code.
func (r *request) sourceSite(b elf.Binary, at, line, col int) *hir.Site {
	p, err := r.set.programs.of(b.Path)
	var none *elf.NoDebugError
	switch {
	case errors.As(err, &none):
		d := r.errorf("no-match", 0, "no DWARF debug info found for '%s', cannot attach by source code location", b.Name).WithRow("P-UPROBE-08").
			WithCompat("No DWARF debug info found for '%s', cannot attach by source code location.", b.Name).CompatAt(r.At).
			WithHelp("install the debug symbols of the program, or compile it with -g")
		if len(none.Tried) > 0 {
			d.WithNote("looked for %s", strings.Join(none.Tried, ", "))
		}
		return nil
	case err != nil:
		r.missing(0, "uprobe target file '%s' does not exist or is not executable", b.Name).SameCompat().WithNote("%v", err).WithRow("P-UPROBE-02")
		return nil
	}
	addrs, err := p.Line(r.part(at), line, col)
	if err != nil {
		r.noLine(err, at)
		return nil
	}
	f, err := r.set.openELF(b.Path)
	if err != nil {
		r.errorf("no-match", 0, "%s cannot be read", b.Name).WithNote("%v", err)
		return nil
	}
	defer f.Close()
	var offsets []uint64
	for _, a := range addrs {
		if off, err := f.Offset(a); err == nil {
			offsets = append(offsets, off)
		}
	}
	if len(offsets) == 0 {
		r.errorf("no-match", at, "the code of %s:%d is not in %s", r.part(at), line, b.Name).WithRow("P-UPROBE-08")
		return nil
	}
	r.matched = true
	s := r.userSite(userTarget{binary: b, name: strconv.FormatUint(addrs[0], 10), addr: addrs[0], offset: offsets[0]}, false)
	s.Types = ownTypes{&r.set.programs, b.Path}
	s.Attach.Offsets = offsets[1:]
	if sym, ok := f.At(addrs[0]); ok {
		s.Func = sym.Name
	}
	if n := len(offsets); n > 1 {
		s.Why = fmt.Sprintf("%s: the line has %d copies in the code", mechanism(s), n)
	}
	return s
}

// noLine reports that a source line has no code.
func (r *request) noLine(err error, at int) {
	var file *program.NoFileError
	var line *program.NoLineError
	switch {
	case errors.As(err, &file):
		r.missing(at, "no compilation unit matches %s", r.part(at)).WithRow("P-UPROBE-08").WithNote("%v", err).
			WithCompat("DWARF error: No compilation unit matches %s", r.part(at)).CompatAt(r.At).
			WithHelp("`probe ls '%s:%s@*'` lists the lines that have code", r.p.Name, r.part(0))
	case errors.As(err, &line):
		d := r.missing(at+1, "unable to map '%s' to an address: %v", r.source(at), err).WithRow("P-UPROBE-08").WithLabel("no code here").
			WithCompat("DWARF error: Unable to map '%s' to address", r.source(at)).CompatAt(r.At)
		switch {
		case line.Col > 0 && len(line.Cols) > 0:
			d.WithHelp("statements of this line begin at column %s", numbers(line.Cols))
		case len(line.Near) > 0:
			d.WithHelp("the nearest lines with code: %s", numbers(line.Near))
		}
	default:
		r.errorf("no-match", at, "the source lines of the program cannot be read").WithNote("%v", err).WithRow("P-UPROBE-08")
	}
}

// source returns the place in the source as written.
func (r *request) source(at int) string {
	var words []string
	for _, a := range r.args[at:] {
		words = append(words, a.Text)
	}
	return strings.Join(words, ":")
}

func numbers(list []int) string {
	var words []string
	for _, n := range list {
		words = append(words, strconv.Itoa(n))
	}
	return strings.Join(words, ", ")
}

// listLines lists the lines of a program's source that have code. rest is a
// pattern for the file, and perhaps for the line behind a colon.
func (s *Set) listLines(p *Provider, binary, rest string, yield func(Listed) bool) error {
	if p.Returns {
		return nil // returns have no line
	}
	b, err := elf.Find(binary, 0)
	if err != nil {
		return err
	}
	own, err := s.programs.of(b.Path)
	if err != nil {
		return err
	}
	file, line, hasLine := strings.Cut(rest, ":")
	if file == "" {
		file = "*"
	}
	named := func(name string) bool {
		return match(file, name) || match("*/"+strings.TrimPrefix(file, "/"), name)
	}
	return own.Lines(named, func(l program.SourceLine) bool {
		n := strconv.Itoa(l.Line)
		if hasLine && !match(line, n) {
			return true
		}
		return yield(Listed{Name: p.Name + ":" + b.Name + "@" + l.File + ":" + n})
	})
}

// demangledSites expands "binary:cpp:name": the functions whose name in the
// source matches. Parameters count if the pattern has a parenthesis.
func (r *request) demangledSites(binary string, at int) []*hir.Site {
	if err := r.set.uprobes(); err != nil {
		r.errorf("no-mechanism", -1, "uprobes cannot be used: %v", err)
		return nil
	}
	pattern := r.part(at)
	if pattern == "" {
		r.errorf("bad-attach-point", at, "%s needs the name of a function", r.p.Name).WithHelp("the form is `%s:binary:cpp:\"namespace::function\"`", r.p.Name)
		return nil
	}
	var sites []*hir.Site
	for _, b := range r.binaries(binary, at) {
		f, err := r.set.openELF(b.Path)
		if err != nil {
			r.missing(0, "uprobe target file '%s' does not exist or is not executable", b.Name).SameCompat().WithNote("%v", err).WithRow("P-UPROBE-02")
			continue
		}
		found, err := matching(f, func(name string) bool { return symbol.Mangled(name) && matchesSource(pattern, symbol.Demangle(name)) })
		switch {
		case err != nil:
			r.errorf("no-match", at, "the symbols of %s cannot be read", b.Name).WithNote("%v", err)
		case len(found) == 0:
			r.missing(at, "no matches for %s:%s:cpp:%s", r.p.Name, b.Name, pattern).WithRow("P-UPROBE-07").
				WithHelp("names are compared with their namespaces: `cpp:\"*%s*\"` matches anywhere", strings.Trim(pattern, "*"))
		default:
			for _, t := range r.targetsOf(f, b, at, "cpp:"+pattern, "cpp:", found) {
				if s := r.userSite(t, r.p.Returns); r.typed(s, t, at) {
					sites = append(sites, s)
				}
			}
		}
		f.Close()
	}
	return sites
}

// matchesSource reports whether the demangled name of a function matches a
// pattern.
func matchesSource(pattern, name string) bool {
	if !strings.Contains(pattern, "(") {
		name = withoutParameters(name)
	}
	return match(pattern, name)
}

// withoutParameters cuts the parameters off a demangled name. Parentheses can
// be part of the name before them: "ns::(anonymous namespace)::f(int)" and
// "operator()(int)".
func withoutParameters(name string) string {
	depth := 0
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '<':
			depth++
		case '>':
			depth--
		case '(':
			rest := name[i:]
			if depth > 0 || strings.HasPrefix(rest, "(anonymous namespace)") || strings.HasPrefix(rest, "()(") && strings.HasSuffix(name[:i], "operator") {
				continue
			}
			return strings.TrimSpace(name[:i])
		}
	}
	return name
}
