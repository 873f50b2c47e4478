package bcc

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"probe/compiler/target"
)

// spec is a probe as bcc's tools name it.
type spec struct {
	kind    string // "p", "r", "t" or "u"
	library string // of p, r and u; "" is the kernel
	name    string // function, category:event, or [provider:]probe
	offset  string // "+0x12", "" for none
	syscall bool   // the wrapper of a system call, whose arguments are in its struct pt_regs
}

// parseSpec reads "func", "lib:func" and "kind:lib:func".
func parseSpec(s string) (*spec, error) {
	p := strings.Split(s, ":")
	switch len(p) {
	case 1:
		p = []string{"p", "", p[0]}
	case 2:
		p = []string{"p", p[0], p[1]}
	}
	sp := &spec{kind: p[0]}
	switch sp.kind {
	case "":
		sp.kind = "p"
	case "p", "r", "t", "u":
	default:
		return nil, fmt.Errorf("probe type must be '', 'p', 't', 'r', or 'u', but got '%s'", sp.kind)
	}
	last := &p[len(p)-1]
	if i := strings.LastIndexByte(*last, '+'); i >= 0 && (sp.kind == "p" || sp.kind == "r") {
		offset := (*last)[i+1:]
		if _, err := strconv.ParseUint(offset, 0, 32); err != nil {
			return nil, fmt.Errorf("invalid offset format '%s', must be decimal or hexadecimal", offset)
		}
		if sp.kind == "r" {
			return nil, fmt.Errorf("offset '%s': only probes at the entry of a function can have one", offset)
		}
		sp.offset, *last = "+"+offset, (*last)[:i]
	}
	switch sp.kind {
	case "t":
		if len(p) != 3 || p[1] == "" || p[2] == "" {
			return nil, fmt.Errorf("a tracepoint is t:category:event")
		}
		sp.name = p[1] + ":" + p[2]
	case "u":
		sp.library, sp.name = p[1], strings.Join(p[2:], ":")
		if sp.library == "" {
			return nil, fmt.Errorf("a USDT probe is u:library:probe")
		}
	default:
		sp.library, sp.name = strings.Join(p[1:len(p)-1], ":"), *last
		sp.syscall = sp.kind == "p" && sp.library == "" && strings.HasPrefix(sp.name, target.Native().Syscall)
	}
	if sp.name == "" {
		return nil, fmt.Errorf("no function is named")
	}
	return sp, nil
}

// display returns what the FUNC column has.
func (s *spec) display() string {
	if s.kind == "t" {
		return s.name[strings.IndexByte(s.name, ':')+1:]
	}
	return s.name
}

// arg returns an argument, counted from 0.
func (s *spec) arg(i int) string {
	if s.syscall {
		return fmt.Sprintf("((struct pt_regs *)arg0)->%s", target.Native().SyscallArgs[i])
	}
	return fmt.Sprintf("arg%d", i)
}

// str returns the string that an expression points to, of no more than size
// bytes if size is not 0. The arguments of system calls point into the process,
// though they are read from memory of the kernel.
func (s *spec) str(e string, size int) string {
	if s.syscall {
		for i := range target.Native().SyscallArgs {
			if e == s.arg(i) {
				e = "uptr(" + e + ")"
				break
			}
		}
	}
	if size == 0 {
		return "str(" + e + ")"
	}
	return fmt.Sprintf("str(%s, %d)", e, size)
}

// lib returns the path of the library or program.
func (s *spec) lib(m Machine) string {
	if path, ok := m.Library(s.library); ok {
		return path
	}
	return s.library
}

// findLibrary returns an error if there is no such library or program.
func (s *spec) findLibrary(m Machine) error {
	if s.library == "" {
		return nil
	}
	if _, ok := m.Library(s.library); !ok {
		return fmt.Errorf("unable to find library %s", s.library)
	}
	return nil
}

// wrapped returns the name under which this kernel has the function. The entry
// points of system calls were once called sys_open or SyS_open, as examples of
// bcc still call them; kernels since 4.17 wrap them.
func (s *spec) wrapped(m Machine) {
	if s.library != "" || s.kind != "p" && s.kind != "r" {
		return
	}
	for _, old := range []string{"sys_", "SyS_"} {
		call, ok := strings.CutPrefix(s.name, old)
		if !ok || strings.ContainsAny(call, "*?[") {
			continue
		}
		if found, err := m.List("kprobe:" + s.name); err != nil || len(found) > 0 {
			return
		}
		wrapper := target.Native().Syscall + call
		if found, err := m.List("kprobe:" + wrapper); err == nil && len(found) > 0 {
			s.name, s.syscall = wrapper, s.kind == "p"
		}
	}
}

// attach returns the attach point. usdt probes without a provider match any.
func (s *spec) attach(m Machine) string {
	switch s.kind {
	case "t":
		return "tracepoint:" + s.name
	case "u":
		name := s.name
		if !strings.Contains(name, ":") {
			name = "*:" + name
		}
		return "usdt:" + s.lib(m) + ":" + name
	}
	ret := ""
	if s.kind == "r" {
		ret = "ret"
	}
	if s.library != "" {
		return "u" + ret + "probe:" + s.lib(m) + ":" + s.name + s.offset
	}
	return "k" + ret + "probe:" + s.name + s.offset
}

// pattern is an operand of funccount, stackcount and funclatency: probes named by
// a pattern with "*", or by a regular expression.
type pattern struct {
	spec
	text  string // as given
	regex bool
}

func parsePattern(s string, regex bool) (*pattern, error) {
	p := &pattern{text: s, regex: regex}
	parts := strings.Split(s, ":")
	switch {
	case len(parts) == 1:
		p.kind, p.name = "p", parts[0]
	case len(parts) == 2:
		p.kind, p.library, p.name = "p", parts[0], parts[1]
	case len(parts) == 3 && parts[0] == "t":
		p.kind, p.name = "t", parts[1]+":"+parts[2]
	case len(parts) == 3:
		p.kind, p.library, p.name = parts[0], parts[1], parts[2]
	default:
		//lint:ignore ST1005 bcc's words
		return nil, fmt.Errorf("Too many ':'-separated components in pattern %s", s)
	}
	if p.kind != "p" && p.kind != "t" && p.kind != "u" {
		//lint:ignore ST1005 bcc's words
		return nil, fmt.Errorf("Type must be 'p', 't', or 'u', but got %s", p.kind)
	}
	return p, nil
}

// points returns the attach points of a pattern for a kind of probe at
// functions: "kprobe", "kretprobe", "call", "ret". A regular expression becomes
// the list of the names that it matches.
func (p *pattern) points(m Machine, kernel, user string) (string, error) {
	prefix := kernel + ":"
	switch {
	case p.kind == "t":
		prefix = "tracepoint:"
	case p.kind == "u":
		prefix = "usdt:" + p.lib(m) + ":"
	case p.library != "":
		prefix = user + ":" + p.lib(m) + ":"
	}
	if !p.regex {
		name := p.name
		if p.kind == "u" && !strings.Contains(name, ":") {
			name = "*:" + name
		}
		return prefix + name, nil
	}
	expr := "^(?:" + p.name + ")"
	if p.kind == "p" && p.library == "" {
		expr += "$" // the names of kernel functions match as a whole, others from their start
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return "", fmt.Errorf("the regular expression %q: %w", p.name, err)
	}
	// Whatever can be probed at its return is listed with its entry.
	listed := prefix
	for _, k := range []string{"kretprobe:", "ret:", "call:"} {
		if rest, ok := strings.CutPrefix(prefix, k); ok && p.kind == "p" {
			listed = map[bool]string{true: "kprobe:", false: "uprobe:"}[p.library == ""] + rest
		}
	}
	all, err := m.List(listed + "*")
	if err != nil {
		return "", err
	}
	var points []string
	for _, full := range all {
		parts := strings.Split(full, ":")
		name := parts[len(parts)-1]
		rest := name // behind the prefix
		if p.kind != "p" && len(parts) > 2 {
			rest = parts[len(parts)-2] + ":" + name
		}
		if p.kind == "t" {
			name = rest
		}
		if re.MatchString(name) {
			points = append(points, prefix+rest)
		}
	}
	if len(points) == 0 {
		return "", p.none()
	}
	return strings.Join(points, ",\n"), nil
}

// none is the error for a pattern that nothing matches.
func (p *pattern) none() error {
	//lint:ignore ST1005 bcc's words
	return fmt.Errorf("No functions matched by pattern %s", p.text)
}
