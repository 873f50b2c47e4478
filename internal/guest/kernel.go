package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Kernel is a kernel in the cache, ready to boot.
type Kernel struct {
	Name    string // as asked for: "5.10", "6.1", "6.12", "7.2" or ARM64
	Arch    string // of the processor, as Go and Debian name it
	Release string // as the kernel says in uname -r
	Package string // version of the Debian package
	Image   string // path of the bootable image
	Config  string // path of its build configuration
	Modules string // folder that holds kernel/, as /lib/modules/RELEASE
}

// ARM64 is a kernel for another processor, which is always emulated. It is not among
// KernelNames: the tests that use it say so.
const ARM64 = "6.12-arm64"

// HostArch is the architecture of the machines on which guests run, and of all other
// kernels.
const HostArch = "amd64"

// series lists the supported kernels, each with the Debian suite that has it.
var series = []struct{ name, suite, arch string }{
	{"5.10", "bullseye", HostArch},
	{"6.1", "bookworm", HostArch},
	{"6.12", "trixie", HostArch},
	{"7.2", "sid", HostArch},
	{ARM64, "trixie", "arm64"},
}

// metaPackage depends on the newest kernel of a suite and an architecture: the flavour
// for virtual machines, which is the smallest.
const metaPackage = "linux-image-cloud-"

// KernelNames returns the names of the supported kernels, oldest first.
func KernelNames() []string {
	var out []string
	for _, s := range series {
		if s.arch == HostArch {
			out = append(out, s.name)
		}
	}
	return out
}

// Fetch returns the kernel of the given name, such as "6.12". A kernel that is
// in the cache is returned as it is and needs no network; Refresh looks for a
// newer one. Fetch may be called by several processes at once.
func Fetch(ctx context.Context, name string) (*Kernel, error) {
	return fetch(ctx, name, false)
}

// Refresh is like Fetch but looks for a newer package of the same kernel
// first.
func Refresh(ctx context.Context, name string) (*Kernel, error) {
	return fetch(ctx, name, true)
}

func fetch(ctx context.Context, name string, refresh bool) (*Kernel, error) {
	i := slices.IndexFunc(series, func(s struct{ name, suite, arch string }) bool { return s.name == name })
	if i < 0 {
		return nil, &Error{
			Op:   "fetch kernel " + name,
			Err:  fmt.Errorf("%w: kernel %q is not supported", ErrNoPackage, name),
			Help: "use one of " + strings.Join(KernelNames(), ", "),
		}
	}
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	home := filepath.Join(cache, "kernels", name)
	if !refresh {
		if k, err := cachedKernel(home, name, series[i].arch); err == nil {
			return k, nil
		}
	}
	suite, arch := series[i].suite, series[i].arch
	unlock, err := cacheLock(ctx, cache, "apt-"+aptName(suite, arch))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if !refresh { // another process may have fetched it meanwhile
		if k, err := cachedKernel(home, name, arch); err == nil {
			return k, nil
		}
	}
	a, err := openApt(cache, suite, arch)
	if err != nil {
		return nil, err
	}
	if refresh {
		if err := a.update(ctx); err != nil {
			return nil, err
		}
	}
	if err := a.retry(ctx, func() error { return a.fetchKernel(ctx, home) }); err != nil {
		return nil, err
	}
	return cachedKernel(home, name, arch)
}

// currentFile, in the folder of a kernel, holds the package version in use. It
// is written last, so the package it names is complete.
const currentFile = "current"

// cachedKernel returns the kernel that the folder home holds.
func cachedKernel(home, name, arch string) (*Kernel, error) {
	text, err := os.ReadFile(filepath.Join(home, currentFile))
	if err != nil {
		return nil, err
	}
	k, err := openKernel(filepath.Join(home, strings.TrimSpace(string(text))), name)
	if err == nil {
		k.Arch = arch
	}
	return k, err
}

// openKernel finds the parts of an unpacked kernel. Debian moved its image
// and its configuration from /boot to the folder of the modules in 7.x.
func openKernel(dir, name string) (*Kernel, error) {
	mods, err := filepath.Glob(filepath.Join(dir, "usr", "lib", "modules", "*"))
	if err != nil {
		return nil, err
	}
	if len(mods) != 1 {
		return nil, fmt.Errorf("%s: modules of %d kernels, want one", dir, len(mods))
	}
	release := filepath.Base(mods[0])
	k := &Kernel{Name: name, Release: release, Package: filepath.Base(dir), Modules: mods[0]}
	for _, part := range []struct {
		name string
		path *string
	}{{"vmlinuz", &k.Image}, {"config", &k.Config}} {
		for _, p := range []string{filepath.Join(dir, "boot", part.name+"-"+release), filepath.Join(mods[0], part.name)} {
			if isFile(p) {
				*part.path = p
			}
		}
		if *part.path == "" {
			return nil, fmt.Errorf("%s: no %s of kernel %s", dir, part.name, release)
		}
	}
	return k, nil
}

// fetchKernel downloads and unpacks the suite's newest kernel into the folder
// home. Since 7.x a kernel is spread over several packages of one version,
// which its image package depends on.
func (a *apt) fetchKernel(ctx context.Context, home string) error {
	meta, err := a.show(ctx, metaPackage+a.arch)
	if err != nil {
		return err
	}
	names := slices.DeleteFunc(meta.depends(), func(n string) bool { return !strings.HasPrefix(n, "linux-") })
	var version string
	for i := 0; i < len(names); i++ {
		r, err := a.show(ctx, names[i])
		if err != nil {
			return err
		}
		if strings.HasPrefix(names[i], "linux-image-") {
			version = r["version"]
		}
		for _, n := range r.depends() {
			if isKernelPart(n) && !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	if version == "" {
		return fmt.Errorf("package %s of suite %s depends on no kernel image", metaPackage+a.arch, a.suite)
	}
	dir := filepath.Join(home, strings.ReplaceAll(version, ":", "%3a"))
	if _, err := openKernel(dir, ""); err != nil {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := a.unpackKernel(ctx, dir, names); err != nil {
			return err
		}
	}
	return writeWhole(filepath.Join(home, currentFile), filepath.Base(dir)+"\n")
}

// isKernelPart reports whether a package is one part of a split kernel, such as
// linux-modules-7.2.1-cloud-amd64; linux-base alone is a set of scripts.
func isKernelPart(name string) bool {
	for _, p := range []string{"linux-binary-", "linux-base-", "linux-modules-"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// unpackKernel downloads the named packages and leaves their files in dir,
// which appears whole or not at all.
func (a *apt) unpackKernel(ctx context.Context, dir string, names []string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".unpack-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	debs, root := filepath.Join(temp, "debs"), filepath.Join(temp, "root")
	for _, d := range []string{debs, root} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	files, err := a.download(ctx, debs, names...)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := unpack(ctx, f, root, keepKernel); err != nil {
			return err
		}
	}
	if _, err := openKernel(root, ""); err != nil {
		return fmt.Errorf("packages %s: %w", strings.Join(names, ", "), err)
	}
	return os.Rename(root, dir)
}

// keepKernel picks what a guest needs from a kernel package.
func keepKernel(name string) bool {
	if strings.HasPrefix(path.Base(name), "System.map") {
		return false
	}
	return strings.HasPrefix(name, "boot/") || strings.HasPrefix(name, "usr/lib/modules/")
}

// writeWhole writes a file so that readers see the old or the new text.
func writeWhole(name, text string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
