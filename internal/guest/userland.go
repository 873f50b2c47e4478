package guest

import (
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// programPackages names the Debian package of programs that the host may lack.
var programPackages = map[string]string{
	"bash":     "bash",
	"bpftrace": "bpftrace",
	"ethtool":  "ethtool",
	"ifdown":   "ifupdown",
	"ifup":     "ifupdown",
	"ip":       "iproute2",
	"nft":      "nftables",
	"ping":     "iputils-ping",
	"ss":       "iproute2",
	"strace":   "strace",
	"tc":       "iproute2",
}

// NetworkModules returns the kernel modules for work on networks: devices,
// bridges, packet filters and delays.
func NetworkModules() []string {
	return []string{"veth", "bridge", "dummy", "8021q", "sch_netem", "nf_tables"}
}

// NetworkPrograms returns the programs for work on networks, and the shell
// whose scripts set them up.
func NetworkPrograms() []string { return []string{"ip", "ss", "tc", "ping", "bash"} }

// binDirs lists the folders, below a root, in which programs are looked up.
var binDirs = []string{"usr/sbin", "usr/bin", "sbin", "bin", "usr/local/sbin", "usr/local/bin"}

// libDirs lists the folders that Debian's dynamic linker searches by default.
var libDirs = []string{"lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib64", "usr/lib64", "lib", "usr/lib"}

// Userland returns the files that make programs such as "ip" work in a guest:
// path in the guest to path on the host, for Options.Files. Programs and the
// shared libraries that they are linked to come from the host; programs that
// the host lacks come from packages of the host's own Debian release, fetched
// into the cache and not installed.
func Userland(ctx context.Context, names ...string) (map[string]string, error) {
	files := make(map[string]string)
	for _, name := range names {
		roots := []string{"/"}
		at, err := findProgram("/", name)
		if err != nil {
			root, err := programRoot(ctx, name)
			if err != nil {
				return nil, err
			}
			// Search the package's own libraries first: the host may lack them
			// or have other versions.
			roots = []string{root, "/"}
			if at, err = findProgram(root, name); err != nil {
				return nil, err
			}
		}
		if err := addProgram(files, roots, at); err != nil {
			return nil, fmt.Errorf("program %s: %w", name, err)
		}
	}
	return files, nil
}

// programRoot fetches the package of a program and returns its root.
func programRoot(ctx context.Context, name string) (string, error) {
	pkg, ok := programPackages[name]
	if !ok {
		return "", &Error{
			Op:   "copy " + name + " into a guest",
			Err:  fmt.Errorf("%w: %s is not on this machine and no package is known for it", ErrNoPackage, name),
			Help: "install it, or name its package in programPackages",
		}
	}
	suite := hostCodename()
	if suite == "" {
		return "", &Error{Op: "copy " + name + " into a guest", Err: ErrNoSources, Help: "install " + name}
	}
	return Package(ctx, suite, pkg)
}

// findProgram returns the path of a program below root, relative to it.
func findProgram(root, name string) (string, error) {
	for _, d := range binDirs {
		info, err := os.Stat(filepath.Join(root, d, name))
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return filepath.Join(d, name), nil
		}
	}
	return "", fmt.Errorf("no program %s below %s", name, root)
}

// addProgram adds a program found at the relative path at below the first
// root, with its interpreter and all shared libraries.
func addProgram(files map[string]string, roots []string, at string) error {
	host := filepath.Join(roots[0], at)
	files["/"+at] = host
	if is, err := isELF(host); err != nil || !is {
		return err // a script: the caller has to list its interpreter
	}
	f, err := elf.Open(host)
	if err != nil {
		return err
	}
	interp := ""
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		text := make([]byte, p.Filesz)
		if _, err := p.ReadAt(text, 0); err != nil {
			f.Close()
			return err
		}
		interp = strings.TrimRight(string(text), "\x00")
	}
	f.Close()
	if interp == "" {
		return nil // static
	}
	for _, r := range roots {
		if p := filepath.Join(r, interp); isFile(p) {
			files[interp] = p
			return addLibraries(files, roots, host, make(map[string]bool))
		}
	}
	return fmt.Errorf("its interpreter %s is not there", interp)
}

// isELF reports whether a file starts with the ELF magic number.
func isELF(name string) (bool, error) {
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	magic := make([]byte, len(elf.ELFMAG))
	if _, err := io.ReadFull(f, magic); err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return false, err
	}
	return string(magic) == elf.ELFMAG, nil
}

// addLibraries adds the libraries that an ELF file needs, and those that they
// need.
func addLibraries(files map[string]string, roots []string, file string, seen map[string]bool) error {
	f, err := elf.Open(file)
	if err != nil {
		return err
	}
	needed, err := f.DynString(elf.DT_NEEDED)
	var extra []string
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		if err == nil {
			var paths []string
			paths, err = f.DynString(tag)
			for _, p := range paths {
				extra = append(extra, strings.Split(p, ":")...)
			}
		}
	}
	f.Close()
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, lib := range needed {
		if seen[lib] {
			continue
		}
		seen[lib] = true
		host, at := findLibrary(roots, file, extra, lib)
		if host == "" {
			return fmt.Errorf("shared library %s, needed by %s, is not there", lib, file)
		}
		files[at] = host
		if err := addLibraries(files, roots, host, seen); err != nil {
			return err
		}
	}
	return nil
}

// findLibrary returns the file of a library and its place in the guest.
func findLibrary(roots []string, by string, extra []string, lib string) (host, at string) {
	for _, root := range roots {
		for _, d := range extra {
			d = strings.ReplaceAll(d, "${ORIGIN}", "$ORIGIN")
			if rest, ok := strings.CutPrefix(d, "$ORIGIN"); ok {
				rel, err := filepath.Rel(root, filepath.Dir(by))
				if err != nil || strings.HasPrefix(rel, "..") {
					continue
				}
				d = filepath.Join("/", rel, rest)
			}
			if p := filepath.Join(root, d, lib); isFile(p) {
				return p, filepath.Join("/", d, lib)
			}
		}
		for _, d := range libDirs {
			if p := filepath.Join(root, d, lib); isFile(p) {
				return p, filepath.Join("/", d, lib)
			}
		}
	}
	return "", ""
}

// isFile reports whether a path, links followed, is a regular file.
func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// addBusybox adds busybox and a link for each of its commands whose name is
// not taken. It is the flavour of Debian's package busybox: the static one
// runs its own "ip" from a script even where a real one is installed. Commands
// of busybox that stand for a program of programPackages get no link, so that
// a test that forgot to ask for the program does not get a lesser one.
func addBusybox(ctx context.Context, m *image, arch string) error {
	if arch != HostArch {
		return addForeignBusybox(ctx, m, arch)
	}
	suite := hostCodename()
	if suite == "" {
		return &Error{Op: "fetch busybox for the guest", Err: ErrNoSources, Help: "use a Debian machine, or Options.Bare"}
	}
	root, err := Package(ctx, suite, "busybox")
	if err != nil {
		return err
	}
	at, err := findProgram(root, "busybox")
	if err != nil {
		return err
	}
	files := make(map[string]string)
	if err := addProgram(files, []string{root}, at); err != nil {
		return err
	}
	for at, host := range files {
		// Keep libraries that another program has brought: they are of the same
		// release.
		if _, taken := m.entries[guestPath(at)]; !taken {
			if err := m.file(at, host); err != nil {
				return err
			}
		}
	}
	list, err := busyboxCommands(ctx, root, at)
	if err != nil {
		return err
	}
	for _, name := range list {
		_, taken := m.entries["usr/sbin/"+name]
		if _, other := programPackages[name]; !taken && !other {
			m.link("/usr/bin/"+name, "busybox")
		}
	}
	return nil
}

// busyboxCommands asks a busybox below root for the names of its commands.
// Its own dynamic linker and libraries are used, whatever the host has.
func busyboxCommands(ctx context.Context, root, at string) ([]string, error) {
	var dirs []string
	for _, d := range libDirs {
		dirs = append(dirs, filepath.Join(root, d))
	}
	out, err := exec.CommandContext(ctx, filepath.Join(root, "lib64/ld-linux-x86-64.so.2"),
		"--library-path", strings.Join(dirs, ":"), filepath.Join(root, at), "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("list the commands of busybox: %w", err)
	}
	return strings.Fields(string(out)), nil
}
