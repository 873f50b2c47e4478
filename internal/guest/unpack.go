package guest

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// mergedDirs lists the folders that a current Debian system has only under
// /usr, with a symbolic link in their old place.
var mergedDirs = []string{"bin", "sbin", "lib", "lib64"}

// merged returns the place of a path on a system with merged /usr. The path
// is relative to the root, without a leading slash.
func merged(name string) string {
	first, _, _ := strings.Cut(name, "/")
	for _, d := range mergedDirs {
		if first == d {
			return "usr/" + name
		}
	}
	return name
}

// unpack writes the files of a package file for which keep returns true below
// the folder root, laid out with merged /usr. keep gets paths in that layout,
// without a leading slash. Maintainer scripts do not run. Owners and special
// permission bits are dropped, so it needs no root.
func unpack(ctx context.Context, deb, root string, keep func(name string) bool) (err error) {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := untar(out, root, keep); err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return fmt.Errorf("unpack %s: %w", filepath.Base(deb), err)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("unpack %s: %w: %s", filepath.Base(deb), err, strings.TrimSpace(stderr.String()))
	}
	return nil
}

// untar writes the entries of a tar stream below root.
func untar(r io.Reader, root string, keep func(string) bool) error {
	base, err := os.OpenRoot(root) // no entry can lead outside
	if err != nil {
		return err
	}
	defer base.Close()
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			// Read the padding at the end: the writer of the stream must not
			// see it closed early.
			_, err = io.Copy(io.Discard, r)
			return err
		}
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if name == "" {
			continue
		}
		name = merged(name)
		if h.Typeflag != tar.TypeDir && !keep(name) {
			continue
		}
		if h.Typeflag == tar.TypeDir {
			if keep(name + "/") {
				err = base.MkdirAll(name, 0o755)
			}
		} else {
			err = untarEntry(base, tr, h, name)
		}
		if err != nil {
			return err
		}
	}
}

// untarEntry writes one entry that is no directory. If several packages have a
// file, the last one wins.
func untarEntry(base *os.Root, tr *tar.Reader, h *tar.Header, name string) error {
	if err := base.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := base.Remove(name); err != nil && !os.IsNotExist(err) {
		return err
	}
	switch h.Typeflag {
	case tar.TypeReg:
		f, err := base.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, os.FileMode(h.Mode)&0o777|0o600)
		if err != nil {
			return err
		}
		if _, err := io.Copy(f, tr); err != nil {
			f.Close()
			return err
		}
		return f.Close()
	case tar.TypeSymlink:
		return base.Symlink(h.Linkname, name)
	case tar.TypeLink:
		target := merged(strings.TrimPrefix(path.Clean("/"+h.Linkname), "/"))
		return base.Link(target, name)
	}
	return nil // device nodes: a guest's kernel creates its own
}
