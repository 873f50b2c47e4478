package provider

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"probe/lang/diag"
	ownelf "probe/runtime/machine/live/elf"
	"probe/runtime/machine/live/program"
)

// inlinedIn says of a function that a program has no symbol of that the compiler has
// put it into others, if the debugging information has it.
func (r *request) inlinedIn(d *diag.Diagnostic, b ownelf.Binary, name string) bool {
	p, err := r.set.programs.of(b.Path)
	if err != nil {
		return false
	}
	in, ok := p.Inlined(name)
	if !ok {
		return false
	}
	d.WithNote("%s is inlined into %s", name+declaredAt(in), into(in, in.Into))
	help := fmt.Sprintf("probe a function that it is a part of: `%s:%s:%s`", r.p.Name, b.Name, in.Into[0])
	if in.File != "" && !r.p.Returns {
		help += fmt.Sprintf("; or a line of it, which is probed in all copies: `uprobe:%s@%s:LINE`", b.Name, path.Base(in.File))
	}
	d.WithHelp("%s", help)
	return true
}

// declaredAt returns where a function is declared, in parentheses.
func declaredAt(in *program.Inlined) string {
	if in.File == "" {
		return ""
	}
	return fmt.Sprintf(" (%s:%d)", path.Base(in.File), in.Line)
}

// into lists functions with a copy of another one.
func into(in *program.Inlined, names []string) string {
	text := quoteAll(names)
	if in.More {
		text += " and others"
	}
	return text
}

// inlinedInKernel returns into which functions that can be traced a function of the
// kernel is inlined, by the debugging information of the kernel if it is installed. ok is
// false if that does not say.
func (s *Set) inlinedInKernel(name string) (in *program.Inlined, names []string, ok bool) {
	image := s.opts.Image
	if image == nil && !s.opts.Elsewhere {
		image = kernelImage
	}
	if image == nil {
		return nil, nil, false
	}
	file := image()
	if file == "" {
		return nil, nil, false
	}
	p, err := s.programs.of(file)
	if err != nil {
		return nil, nil, false
	}
	in, ok = p.Inlined(name)
	if !ok {
		return nil, nil, false
	}
	list, err := s.traceable()
	for _, name := range in.Into {
		if err != nil || slices.ContainsFunc(list, func(f fn) bool { return f.name == name }) {
			names = append(names, name)
		}
	}
	return in, names, true
}

// kernelImage returns the path of the running kernel's image with debugging
// information, "" if it is not installed. Distributions install it where these
// patterns lead; the identity says whether it is of this kernel.
func kernelImage() string {
	id := kernelID()
	if len(id) > 2 {
		if name := "/usr/lib/debug/.build-id/" + id[:2] + "/" + id[2:] + ".debug"; readable(name) {
			return name
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	release := unix.ByteSliceToString(u.Release[:])
	for _, pattern := range []string{
		"/usr/lib/debug/boot/vmlinux-%s", "/usr/lib/debug/lib/modules/%s/vmlinux", "/usr/lib/debug/usr/lib/modules/%s/vmlinux",
		"/lib/modules/%s/build/vmlinux", "/boot/vmlinux-%s",
	} {
		name := fmt.Sprintf(pattern, release)
		f, err := ownelf.Open(name)
		if err != nil {
			continue
		}
		same := id == "" || f.BuildID() == id
		f.Close()
		if same {
			return name
		}
	}
	return ""
}

func readable(name string) bool {
	f, err := os.Open(name)
	if err == nil {
		f.Close()
	}
	return err == nil
}

// kernelID returns the identity of the running kernel in hexadecimal, "" if the kernel
// does not say.
func kernelID() string {
	b, err := os.ReadFile("/sys/kernel/notes")
	if err != nil {
		return ""
	}
	return buildID(b)
}

// buildID returns the identity among notes of a kernel, "" if there is none.
func buildID(b []byte) string {
	const head = 12
	up := func(n uint32) int { return int(n+3) &^ 3 }
	for len(b) >= head {
		name, desc, typ := binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:]), binary.NativeEndian.Uint32(b[8:])
		if name > 1<<16 || desc > 1<<16 || len(b) < head+up(name)+int(desc) {
			return ""
		}
		text := b[head+up(name):][:desc]
		if elf.NType(typ) == noteBuildID && bytes.Equal(bytes.TrimRight(b[head:][:name], "\x00"), []byte("GNU")) {
			return hex.EncodeToString(text)
		}
		b = b[min(len(b), head+up(name)+up(desc)):]
	}
	return ""
}

// noteBuildID is the type of the note with a file's identity.
const noteBuildID elf.NType = 3

// withInlined completes the reason why a function of the kernel that is inlined cannot
// be traced.
func (s *Set) withInlined(r *reason, name string) {
	in, names, ok := s.inlinedInKernel(name)
	switch {
	case !ok:
		return
	case len(names) == 0:
		r.note = fmt.Sprintf("it is a part of %s, none of which can be traced", into(in, in.Into))
		return
	}
	r.note = fmt.Sprintf("%s is a part of %s", name+declaredAt(in), into(in, names))
	r.callers = names
}
