package provider

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"probe/compiler/target"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/elf"
	"probe/runtime/machine/live/rights"
)

// usdt is a static probe that the authors of a program or library have built
// into it.
var usdt = &Provider{
	ProbeKind: hir.ProbeKind{
		Name: "usdt", Aliases: []string{"U"}, Row: "P-USDT-01", Usage: "usdt:binary:[provider:]name",
		Doc:    "A static probe that the authors of a program or library left in it. arg0, arg1 … are its arguments. With -p the binary may be left out.",
		Target: hir.TargetProgram, Lenient: true,
	},
	Min: 1, Max: 3, Needs: []rights.Access{rights.Uprobes}, Type: "usdt", User: true, Expand: expandUSDT, List: listUSDT,
}

// staticProbe is a probe of a binary with all its places.
type staticProbe struct {
	binary elf.Binary
	places []elf.USDT
	file   *elf.File
}

func (p *staticProbe) name() string {
	return "usdt:" + p.binary.Name + ":" + p.places[0].Provider + ":" + p.places[0].Name
}

func expandUSDT(r *request) []*hir.Site {
	binary, provider, at := "", "*", len(r.args)-1
	switch len(r.args) {
	case 2:
		binary = r.part(0)
	case 3:
		binary, provider = r.part(0), r.part(1)
	}
	if err := r.set.uprobes(); err != nil {
		r.errorf("no-mechanism", -1, "usdt probes cannot be used: %v", err)
		return nil
	}
	if r.part(at) == "" {
		r.errorf("bad-attach-point", at, "usdt needs the name of a probe").WithHelp("the form is `%s`", r.p.Usage)
		return nil
	}
	files, ok := r.usdtFiles(binary)
	if !ok {
		return nil
	}
	var found []staticProbe
	var near []string
	for _, b := range files {
		probes, names, err := staticProbes(b, provider, r.part(at))
		if err != nil {
			r.missing(0, "the static probes of %s cannot be read", b.Name).WithNote("%v", err)
			continue
		}
		found, near = append(found, probes...), append(near, names...)
	}
	if len(found) == 0 {
		r.noUSDT(files, near, at)
		return nil
	}
	r.matched = true
	var sites []*hir.Site
	for i := range found {
		sites = append(sites, r.usdtSites(&found[i])...)
	}
	return sites
}

// noUSDT reports that no static probe matches.
func (r *request) noUSDT(files []elf.Binary, near []string, at int) {
	if len(files) == 0 {
		return // an error was reported already
	}
	where := files[0].Name
	if len(files) > 1 {
		where = fmt.Sprintf("%d files", len(files))
	}
	text := r.part(at)
	if isPattern(text) || isPattern(r.part(0)) {
		if !r.quiet && r.Missing != "ignore" {
			r.warnf("no-match", at, "no static probe of %s matches %s", where, text).
				CompatOmit()
		}
		return
	}
	d := r.missing(at, "%s has no static probe %s", where, text).WithLabel("not found")
	if d.Severity == diag.Error {
		d.WithCompat("%s", noAttachPoints)
	} else {
		d.CompatOmit()
	}
	if len(near) == 0 {
		d.WithNote("it has no static probes at all: no section .note.stapsdt")
		return
	}
	slices.Sort(near)
	near = slices.Compact(near)
	if len(near) > 12 {
		near = append(near[:12], "…")
	}
	d.WithHelp("the static probes there: %s", strings.Join(near, ", "))
}

// usdtFiles returns the files that the first part of the attach point means; ok
// is false after it has reported an error.
func (r *request) usdtFiles(binary string) (files []elf.Binary, ok bool) {
	switch {
	case binary == "" && r.PID == 0:
		r.errorf("bad-attach-point", -1, "usdt probe must specify at least path or pid to probe").WithRow("P-USDT-03").
			WithCompat("usdt probe must specify at least path or pid to probe. To target all paths/pids set the path to '*'.").
			WithHelp("the form is `%s`; usdt:*:name looks at all files of all processes", r.p.Usage)
		return nil, false
	case binary == "" || binary == "*" && r.PID != 0:
		files, err := mappedFiles(r.PID)
		if err != nil {
			r.errorf("no-match", -1, "the files that process %d has mapped cannot be read", r.PID).WithNote("%v", err).WithRow("P-USDT-02")
			return nil, false
		}
		return files, true
	case binary == "*":
		return allMappedFiles(), true
	}
	files = r.binaries(binary, len(r.args)-1)
	return files, len(files) > 0
}

// mappedFiles returns the files that a process has mapped as code.
func mappedFiles(pid int) ([]elf.Binary, error) {
	maps, err := elf.Maps(pid)
	if err != nil {
		return nil, err
	}
	var out []elf.Binary
	for i := range maps {
		m := &maps[i]
		if m.Inode == 0 || !m.Executable() || m.Deleted || slices.ContainsFunc(out, func(b elf.Binary) bool { return b.Name == m.Path }) {
			continue
		}
		b := elf.Binary{Path: m.Path, Name: m.Path}
		if there := filepath.Join("/proc", strconv.Itoa(pid), "root", m.Path); !sameFile(m.Path, there) {
			b.Path = there // the process has a root of its own
		}
		out = append(out, b)
	}
	return out, nil
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// allMappedFiles returns the files that any process has mapped as code, each
// once. It skips processes that end meanwhile or that it may not inspect.
func allMappedFiles() []elf.Binary {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	type file struct {
		dev   string
		inode uint64
	}
	seen := map[file]bool{}
	var out []elf.Binary
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		maps, err := elf.Maps(pid)
		if err != nil {
			continue
		}
		for i := range maps {
			m := &maps[i]
			id := file{m.Dev, m.Inode}
			if m.Inode == 0 || !m.Executable() || m.Deleted || seen[id] {
				continue
			}
			seen[id] = true
			b := elf.Binary{Path: m.Path, Name: m.Path}
			if there := filepath.Join("/proc", e.Name(), "root", m.Path); !sameFile(m.Path, there) {
				b.Path = there
			}
			out = append(out, b)
		}
	}
	return out
}

// staticProbes returns the probes of a file that match, sorted by name, and the
// names of all it has.
func staticProbes(b elf.Binary, provider, name string) (found []staticProbe, names []string, err error) {
	f, err := elf.Open(b.Path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	all, err := f.USDTs()
	if err != nil {
		return nil, nil, err
	}
	at := map[string]int{}
	for _, p := range all {
		full := p.Provider + ":" + p.Name
		names = append(names, full)
		if !match(provider, p.Provider) || !match(name, p.Name) {
			continue
		}
		i, ok := at[full]
		if !ok {
			i = len(found)
			at[full] = i
			found = append(found, staticProbe{binary: b, file: f})
		}
		found[i].places = append(found[i].places, p)
	}
	slices.SortFunc(found, func(x, y staticProbe) int { return cmp.Compare(x.name(), y.name()) })
	return found, names, nil
}

// usdtSites returns the sites of a static probe: one for all places if the body
// reads no argument, else one for each set of places whose arguments are in the
// same registers and memory, or for each place if the body asks where it is.
func (r *request) usdtSites(p *staticProbe) []*hir.Site {
	var sites []*hir.Site
	index := map[string]int{}
	for _, place := range p.places {
		offset, err := p.file.Offset(place.Addr)
		if err != nil {
			r.errorf("no-match", -1, "%s lies outside of the file", p.name()).WithNote("%v", err)
			return nil
		}
		key := fmt.Sprint(place.Semaphore)
		if r.Uses.ArgN {
			key += " " + place.Args
		}
		if r.Uses.Place {
			key += fmt.Sprint(" ", offset)
		}
		if i, ok := index[key]; ok {
			sites[i].Attach.Offsets = append(sites[i].Attach.Offsets, offset)
			continue
		}
		s := r.site(hir.ProgKprobe, types.User, p.name())
		s.Regs = true
		s.Args = usdtArgs(target.Native(), place.Args)
		s.Attach = hir.Attach{Kind: r.uprobeKind(false), Path: p.binary.Path, Symbol: place.Name, Offset: offset,
			Semaphore: place.Semaphore, Again: len(sites) > 0}
		index[key] = len(sites)
		sites = append(sites, s)
	}
	return sites
}

// listUSDT lists the static probes of a file, or of all files that processes
// run (usdt:*:…).
func listUSDT(_ *Set, _ *Provider, pattern string, yield func(Listed) bool) error {
	binary, rest, ok := strings.Cut(pattern, ":")
	if !ok || binary == "" {
		return nil // lists only the probes of a named file (P-LIST-02)
	}
	provider, name, ok := strings.Cut(rest, ":")
	if !ok {
		provider, name = "*", rest
	}
	var files []elf.Binary
	switch {
	case binary == "*":
		files = allMappedFiles()
	case strings.Contains(binary, "*"):
		paths, err := filepath.Glob(binary)
		if err != nil {
			return err
		}
		for _, p := range paths {
			files = append(files, elf.Binary{Path: p, Name: p})
		}
	default:
		b, err := elf.Find(binary, 0)
		if err != nil {
			return err
		}
		files = []elf.Binary{b}
	}
	for _, b := range files {
		found, _, err := staticProbes(b, provider, name)
		if err != nil && len(files) == 1 {
			return err
		}
		for i := range found {
			if !yield(Listed{Name: found[i].name()}) {
				return nil
			}
		}
	}
	return nil
}
