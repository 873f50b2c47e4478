package guest

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/internal/guest/wire"
)

func TestImage(t *testing.T) {
	dir := t.TempDir()
	host := filepath.Join(dir, "program")
	if err := os.WriteFile(host, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "tree", "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tree", "sub", "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("sub/file", filepath.Join(dir, "tree", "link")); err != nil {
		t.Fatal(err)
	}
	m := newImage()
	if err := m.file("/bin/tool", host); err != nil {
		t.Fatal(err)
	}
	if err := m.tree("/data", filepath.Join(dir, "tree")); err != nil {
		t.Fatal(err)
	}
	m.link("/bin/tool", "elsewhere") // taken: stays a program
	m.link("/sbin/other", "tool")
	if err := m.config("9.9", []module{{name: "veth", path: "kernel/veth.ko", data: []byte("ELF")}}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.write(&b); err != nil {
		t.Fatal(err)
	}
	got := names(b.Bytes())
	for _, want := range []string{
		"bin", "dev/console", "usr/bin/tool", "usr/sbin/other", "data/sub/file", "data/link",
		"etc/passwd", wire.ConfigPath[1:], "usr/lib/modules/9.9/kernel/veth.ko",
	} {
		if got[want] == 0 {
			t.Errorf("%s is not in the archive", want)
		}
	}
	// The kernel creates no parents: they must come first.
	for name, at := range got {
		if i := strings.LastIndex(name, "/"); i >= 0 && (got[name[:i]] == 0 || got[name[:i]] > at) {
			t.Errorf("%s comes before its folder", name)
		}
	}
	if err := m.file("/x", filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that does not exist: %v", err)
	}
	if err := m.file("/x", dir); err == nil {
		t.Error("a folder was accepted as a file")
	}
}

// names finds the entry names of an archive with their order, from 1.
func names(archive []byte) map[string]int {
	out := make(map[string]int)
	for i, part := range bytes.Split(archive, []byte("070701"))[1:] {
		name, _, _ := bytes.Cut(part[104:], []byte{0})
		if out[string(name)] == 0 {
			out[string(name)] = i + 1
		}
	}
	return out
}

func TestGuestPath(t *testing.T) {
	for in, want := range map[string]string{
		"/bin/sh": "usr/bin/sh", "sbin/ip": "usr/sbin/ip", "/lib64/ld.so": "usr/lib64/ld.so",
		"/usr/bin/sh": "usr/bin/sh", "/libexec/x": "libexec/x", "/../etc/./x": "etc/x", "/bin": "usr/bin",
	} {
		if got := guestPath(in); got != want {
			t.Errorf("guestPath(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestUntar(t *testing.T) {
	root := t.TempDir()
	for _, d := range []string{"usr/lib", "usr/bin"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("usr/lib", filepath.Join(root, "lib")); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./lib/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./lib/lib.so.1.2", Typeflag: tar.TypeReg, Mode: 0o644, Size: 3},
		{Name: "./lib/lib.so.1", Typeflag: tar.TypeSymlink, Linkname: "lib.so.1.2"},
		{Name: "./bin/tool", Typeflag: tar.TypeReg, Mode: 0o4755, Size: 3},
		{Name: "./bin/tool2", Typeflag: tar.TypeLink, Linkname: "./bin/tool"},
		{Name: "./usr/share/doc/x", Typeflag: tar.TypeReg, Mode: 0o644, Size: 3},
		{Name: "./dev/null", Typeflag: tar.TypeChar, Mode: 0o666},
		{Name: "../../outside", Typeflag: tar.TypeReg, Mode: 0o644, Size: 3},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			w.Write([]byte("abc"))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// A second time, as when two packages bring the same file.
	for range 2 {
		if err := untar(bytes.NewReader(b.Bytes()), root, keepPackage); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"lib/lib.so.1": "abc", "usr/lib/lib.so.1.2": "abc", "usr/bin/tool2": "abc", "outside": "abc",
	} {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"usr/share/doc/x", "dev/null"} {
		if _, err := os.Lstat(filepath.Join(root, name)); err == nil {
			t.Errorf("%s was unpacked", name)
		}
	}
	if info, err := os.Lstat(filepath.Join(root, "lib")); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link lib was replaced: %v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Join(root, "usr/bin/tool")); err != nil || info.Mode() != 0o755 {
		t.Errorf("mode of a program is %v, %v", info.Mode(), err)
	}
	if err := untar(strings.NewReader("no archive, "+strings.Repeat("x", 1024)), root, keepPackage); err == nil {
		t.Error("bytes that are no archive were accepted")
	}
}

func TestUntarEscape(t *testing.T) {
	root := t.TempDir()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: "out", Typeflag: tar.TypeSymlink, Linkname: "/tmp"})
	w.WriteHeader(&tar.Header{Name: "out/probe-escape", Typeflag: tar.TypeReg, Mode: 0o644})
	w.Close()
	if err := untar(&b, root, keepPackage); err == nil {
		t.Error("an entry behind a link that leads outside was accepted")
	}
}

func TestOpenKernel(t *testing.T) {
	const release = "7.2.1-cloud-amd64"
	layout := func(files ...string) string {
		dir := t.TempDir()
		for _, f := range append(files, "usr/lib/modules/"+release+"/modules.builtin") {
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(f)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	mods := "usr/lib/modules/" + release + "/"
	for name, files := range map[string][]string{
		"in boot": {"boot/vmlinuz-" + release, "boot/config-" + release},
		"split":   {mods + "vmlinuz", mods + "config"},
	} {
		k, err := openKernel(layout(files...), "7.2")
		if err != nil || k.Release != release {
			t.Errorf("%s: %+v, %v", name, k, err)
			continue
		}
		var got []string
		for _, p := range []string{k.Image, k.Config} {
			rel, err := filepath.Rel(filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(k.Modules)))), p)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, rel)
		}
		if d := cmp.Diff(files, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	for name, files := range map[string][]string{
		"no image":    {mods + "config"},
		"no config":   {mods + "vmlinuz"},
		"two kernels": {mods + "vmlinuz", mods + "config", "usr/lib/modules/other/config"},
	} {
		if k, err := openKernel(layout(files...), "7.2"); err == nil {
			t.Errorf("%s was accepted: %+v", name, k)
		}
	}
}
