package guest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"probe/internal/guest/cpio"
	"probe/internal/guest/wire"
)

// image collects what a guest's root file system will hold. Paths are
// relative to the root and in the layout with merged /usr.
type image struct {
	entries map[string]entry
}

// entry is one file: content from a host file or from memory, the target of a
// symbolic link, or a folder.
type entry struct {
	mode uint32
	host string
	data []byte
	link string
}

// guestDirs are the folders that every guest has; kernel file systems are
// mounted on some of them.
var guestDirs = []string{
	"dev", "etc", "mnt", "proc", "root", "run", "sys", "tmp", "usr",
	"usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "usr/local/bin",
	"var/lib", "var/log", "var/tmp",
}

// guestFiles holds small configuration files without which common tools report
// errors.
var guestFiles = map[string]string{
	"etc/passwd":        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
	"etc/group":         "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
	"etc/hosts":         "127.0.0.1 localhost\n::1 localhost\n",
	"etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}

// newImage returns an image with the common folders and files.
func newImage() *image {
	m := &image{entries: make(map[string]entry)}
	for _, d := range guestDirs {
		m.dir(d)
	}
	for _, d := range mergedDirs {
		m.entries[d] = entry{mode: cpio.TypeSymlink | 0o777, link: "usr/" + d}
	}
	m.entries["var/run"] = entry{mode: cpio.TypeSymlink | 0o777, link: "/run"}
	for name, text := range guestFiles {
		m.data(name, []byte(text), 0o644)
	}
	return m
}

// buildInitrd writes the guest's root file system and returns the file, which
// is unlinked and so freed when the last process closes it.
func buildInitrd(ctx context.Context, o Options, k *Kernel) (*os.File, error) {
	m := newImage()
	initProgram, err := BuildProgramFor(ctx, k.Arch, "./internal/guest/init")
	if err != nil {
		return nil, err
	}
	if err := m.file("/init", initProgram); err != nil {
		return nil, err
	}
	if len(o.Programs) > 0 {
		files, err := Userland(ctx, o.Programs...)
		if err != nil {
			return nil, err
		}
		for at, host := range files {
			if err := m.file(at, host); err != nil {
				return nil, err
			}
		}
	}
	for at, host := range o.Trees {
		if err := m.tree(at, host); err != nil {
			return nil, err
		}
	}
	for at, host := range o.Files {
		if err := m.file(at, host); err != nil {
			return nil, err
		}
	}
	if !o.Bare {
		if err := addBusybox(ctx, m, k.Arch); err != nil {
			return nil, err
		}
	}
	index, err := k.modules()
	if err != nil {
		return nil, err
	}
	mods, err := index.order(append([]string{"virtio_pci", "virtio_console"}, o.Modules...)...)
	if err != nil {
		return nil, err
	}
	if err := m.config(k.Release, mods); err != nil {
		return nil, err
	}
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "tmp")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, "initrd-*")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.Remove(f.Name()), m.write(f)); err != nil {
		f.Close()
		return nil, fmt.Errorf("write the guest's root file system: %w", err)
	}
	return f, nil
}

// guestPath converts a path of a guest to the form of image's keys.
func guestPath(name string) string {
	return merged(strings.TrimPrefix(path.Clean("/"+name), "/"))
}

// dir adds a folder and its parents.
func (m *image) dir(name string) {
	for name != "." && name != "" {
		if _, ok := m.entries[name]; ok {
			return
		}
		m.entries[name] = entry{mode: cpio.TypeDir | 0o755}
		name = path.Dir(name)
	}
}

// put adds an entry with its parents; a later entry replaces an earlier one.
func (m *image) put(name string, e entry) {
	name = guestPath(name)
	m.dir(path.Dir(name))
	m.entries[name] = e
}

// data adds a file from memory.
func (m *image) data(name string, data []byte, perm uint32) {
	m.put(name, entry{mode: cpio.TypeRegular | perm, data: data})
}

// link adds a symbolic link unless an entry with that name exists.
func (m *image) link(name, target string) {
	if _, taken := m.entries[guestPath(name)]; !taken {
		m.put(name, entry{mode: cpio.TypeSymlink | 0o777, link: target})
	}
}

// file adds a file of the host; symbolic links are followed.
func (m *image) file(name, host string) error {
	info, err := os.Stat(host)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file; a guest gets folders through Options.Trees", host)
	}
	m.put(name, entry{mode: cpio.TypeRegular | uint32(info.Mode().Perm()), host: host})
	return nil
}

// tree adds a folder of the host with all that it holds. Symbolic links stay
// links. Sockets and other special files are left out.
func (m *image) tree(name, host string) error {
	return filepath.WalkDir(host, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(host, p)
		if err != nil {
			return err
		}
		at := path.Join("/", name, filepath.ToSlash(rel))
		switch {
		case d.IsDir():
			m.dir(guestPath(at))
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			m.put(at, entry{mode: cpio.TypeSymlink | 0o777, link: target})
		case d.Type().IsRegular():
			return m.file(at, p)
		}
		return nil
	})
}

// config adds the settings of the first process, and the modules that it is
// to insert at boot.
func (m *image) config(release string, mods []module) error {
	conf := wire.Config{Hostname: "guest"}
	for _, mod := range mods {
		at := path.Join("/usr/lib/modules", release, filepath.ToSlash(mod.path))
		m.data(at, mod.data, 0o644)
		conf.Modules = append(conf.Modules, wire.LoadRequest{Path: at})
	}
	text, err := json.Marshal(conf)
	if err != nil {
		return err
	}
	m.data(wire.ConfigPath, text, 0o644)
	return nil
}

// write writes the image as an archive for the kernel to unpack.
func (m *image) write(w io.Writer) error {
	buf := bufio.NewWriterSize(w, 1<<20)
	c := cpio.NewWriter(buf)
	names := make([]string, 0, len(m.entries))
	for n := range m.entries {
		names = append(names, n)
	}
	slices.Sort(names) // also puts folders before their contents
	// The kernel opens /dev/console for the first process, so it must be in the
	// archive.
	err := c.WriteHeader(cpio.Header{Name: "dev", Mode: cpio.TypeDir | 0o755})
	if err == nil {
		err = c.WriteHeader(cpio.Header{Name: "dev/console", Mode: cpio.TypeChar | 0o600, Major: 5, Minor: 1})
	}
	for _, n := range names {
		if err == nil {
			err = m.entries[n].write(c, n)
		}
	}
	if err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return err
	}
	return buf.Flush()
}

func (e entry) write(c *cpio.Writer, name string) error {
	h := cpio.Header{Name: name, Mode: e.mode}
	switch {
	case e.link != "":
		h.Size = int64(len(e.link))
		if err := c.WriteHeader(h); err != nil {
			return err
		}
		_, err := io.WriteString(c, e.link)
		return err
	case e.host == "":
		h.Size = int64(len(e.data))
		if err := c.WriteHeader(h); err != nil {
			return err
		}
		_, err := c.Write(e.data)
		return err
	}
	f, err := os.Open(e.host)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h.Size = info.Size()
	if err := c.WriteHeader(h); err != nil {
		return err
	}
	if _, err := io.Copy(c, f); err != nil {
		return fmt.Errorf("%s: %w", e.host, err)
	}
	return nil
}
