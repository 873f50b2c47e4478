package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"probe/cmd/front/bcc"
	"probe/cmd/front/cli"
	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/machine"
	"probe/runtime/machine/live/elf"
)

// bccCommands are the commands with the command lines of bcc's tools.
func bccCommands() []*command {
	var out []*command
	for _, t := range bcc.Tools {
		out = append(out, &command{
			Command: cli.Command{
				Name: t.Command, Usage: []string{"[options] " + t.Operands}, Summary: t.Summary, Max: -1, Dashes: true,
				About: "Takes the command line of bcc's " + t.Name + ", translates it to a script, runs it, and prints what " + t.Name + " prints. " +
					"Called by the name " + t.Name + " or " + t.Name + "-bpfcc, through a link to the binary, probe is this command.\n\n" + t.About,
				Examples: bccExamples(t), SeeAlso: []string{"run", "ls"},
				More: func() []cli.Section {
					s := cli.Section{Title: "Options of " + t.Name}
					for _, e := range t.Options() {
						s.Entries = append(s.Entries, cli.Entry{Name: e.Name, About: sentence(e.About)})
					}
					return []cli.Section{s}
				},
			},
			run: func(o *options, std stdio) int { return bccMain(t, "probe "+t.Command, o.words, std) }, ownOutput: true,
		})
	}
	return out
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

func bccExamples(t *bcc.Tool) []cli.Example {
	var out []cli.Example
	for _, e := range t.Examples {
		out = append(out, cli.Example{Command: "probe " + t.Command + " " + e.Args, About: e.About})
	}
	return out
}

// bccMain runs a command line of one of bcc's tools and returns the exit code.
// program is the name that messages use.
func bccMain(t *bcc.Tool, program string, words []string, std stdio) int {
	o := &options{command: runCommand, quiet: true, noWarnings: true}
	plan, err := t.Translate(program, words, &bccMachine{m: o.machine()})
	var usage *bcc.UsageError
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(std.err, "%s%s: error: %s\n", t.UsageLine(program), program, usage.Message)
		return exitBCCUsage
	case err != nil:
		fail(std, &diag.Diagnostic{Severity: diag.Error, Code: "bad-usage", Message: err.Error()})
		return exitUsage
	case plan.Text != "" || plan.Listed:
		_, err := fmt.Fprint(std.out, plan.Text)
		return written(std, err)
	}
	script := tidy(plan.Script)
	if plan.Show || plan.Verbose {
		if _, err := fmt.Fprint(std.out, script); err != nil || plan.Show {
			return written(std, err)
		}
	}
	o.program, o.includes, o.layout = &script, plan.Includes, &plan.Layout
	return runScript(o, std)
}

// tidy lays a script out as "probe fmt" does.
func tidy(script string) string {
	f, list := syntax.Parse(source.New("script", script))
	if list.HasErrors() {
		return script // the check shows the errors
	}
	return syntax.Format(f)
}

// bccMachine answers what a translation asks about a machine.
type bccMachine struct {
	m         machine.Machine
	libraries map[string]string
}

// List implements bcc.Machine.
func (b *bccMachine) List(pattern string) (names []string, err error) {
	err = b.m.List(pattern, func(l machine.Listed) bool {
		names = append(names, l.Name)
		return true
	})
	return names, err
}

// Params implements bcc.Machine.
func (b *bccMachine) Params(tracepoint string) (out []string, err error) {
	listErr := b.m.List("tracepoint:"+tracepoint, func(l machine.Listed) bool {
		if l.Params != nil {
			out, err = l.Params()
		}
		return false
	})
	return out, errors.Join(err, listErr)
}

// Library implements bcc.Machine. A word without a slash is first a library.
func (b *bccMachine) Library(name string) (string, bool) {
	if path, ok := b.libraries[name]; ok {
		return path, path != ""
	}
	path := ""
	for _, n := range []string{"lib" + name, name} {
		if strings.ContainsRune(name, '/') {
			n = name
		}
		if f, err := elf.Find(n, 0); err == nil {
			path = f.Path
			break
		}
	}
	if b.libraries == nil {
		b.libraries = map[string]string{}
	}
	b.libraries[name] = path
	return path, path != ""
}

// Cgroups implements bcc.Machine: the id of a cgroup of version 2 is the inode of
// its directory.
func (b *bccMachine) Cgroups(path string) (ids []uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return nil, fmt.Errorf("cgroup %s: %w", path, err)
	}
	if st.Type != unix.CGROUP2_SUPER_MAGIC {
		return nil, fmt.Errorf("cgroup %s: it is not in a cgroup2 file system", path)
	}
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // a group that ended meanwhile, or a file of a group
		}
		var st unix.Stat_t
		if unix.Stat(p, &st) == nil {
			ids = append(ids, st.Ino)
		}
		return nil
	})
	if err == nil && len(ids) == 0 {
		err = fmt.Errorf("cgroup %s: it has ended", path)
	}
	return ids, err
}

// Self implements bcc.Machine.
func (b *bccMachine) Self() int { return os.Getpid() }

// USDT implements bcc.Machine.
func (b *bccMachine) USDT(path string, pid int) (out []bcc.USDT, err error) {
	files := []string{path}
	if pid != 0 && path == "" {
		maps, err := elf.Maps(pid)
		if err != nil {
			return nil, err
		}
		files = files[:0]
		for _, m := range maps {
			if strings.HasPrefix(m.Path, "/") && m.Executable() && (len(files) == 0 || files[len(files)-1] != m.Path) {
				files = append(files, m.Path)
			}
		}
	}
	for _, name := range files {
		f, err := elf.Find(name, pid)
		if err != nil {
			return nil, err
		}
		list, err := usdts(f)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// usdts returns the static probes of a file, those of one name together.
func usdts(b elf.Binary) ([]bcc.USDT, error) {
	f, err := elf.Open(b.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	notes, err := f.USDTs()
	if err != nil {
		return nil, err
	}
	var out []bcc.USDT
	index := map[string]int{}
	for _, n := range notes {
		key := n.Provider + ":" + n.Name
		i, ok := index[key]
		if !ok {
			i = len(out)
			index[key] = i
			out = append(out, bcc.USDT{Path: b.Name, Provider: n.Provider, Name: n.Name, Semaphore: n.Semaphore})
		}
		out[i].Places = append(out[i].Places, bcc.Place{Addr: n.Addr, Args: operands(n.Args)})
	}
	return out, nil
}

// operands describes the arguments of a static probe: "-4@%edi" is "4 signed
// bytes @ di".
func operands(args string) []string {
	var out []string
	for _, a := range strings.Fields(args) {
		size, where, ok := strings.Cut(a, "@")
		if !ok {
			size, where = "8", a
		}
		sign := "unsigned"
		if n, ok := strings.CutPrefix(size, "-"); ok {
			size, sign = n, "signed"
		}
		where = strings.TrimPrefix(where, "%")
		if len(where) == 3 && (where[0] == 'r' || where[0] == 'e') && where[1] >= 'a' {
			where = where[1:]
		}
		out = append(out, fmt.Sprintf("%s %s bytes @ %s", size, sign, where))
	}
	return out
}
