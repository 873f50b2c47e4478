package guest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Package fetches packages of a Debian suite, such as "sid", with everything
// they depend on, unpacks them without installing anything, and returns the
// folder: the root of a small system with merged /usr that a guest can chroot
// into (Options.Trees). Documentation, manuals and translations are left out.
// The folder stays in the cache; its second use needs no network.
func Package(ctx context.Context, suite string, names ...string) (dir string, err error) {
	return packageFor(ctx, suite, HostArch, names...)
}

// packageFor is like Package, for an architecture.
func packageFor(ctx context.Context, suite, arch string, names ...string) (dir string, err error) {
	if len(names) == 0 {
		return "", errors.New("fetch packages: no names given")
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	sum := sha256.Sum256([]byte(strings.Join(names, "\n")))
	return unpackedOnce(ctx, suite, arch, names[0]+"-"+hex.EncodeToString(sum[:6]), func(a *apt, _, root string) error {
		var files []string
		err := a.retry(ctx, func() (err error) {
			files, err = a.closure(ctx, names...)
			return err
		})
		if err != nil {
			return err
		}
		for _, d := range mergedDirs {
			if err := os.MkdirAll(filepath.Join(root, "usr", d), 0o755); err != nil {
				return err
			}
			if err := os.Symlink("usr/"+d, filepath.Join(root, d)); err != nil {
				return err
			}
		}
		for _, f := range files {
			if err := unpack(ctx, f, root, keepPackage); err != nil {
				return err
			}
		}
		// Create the mount points and working folders of a chroot.
		for _, d := range []string{"dev", "proc", "sys", "tmp", "run", "root", "etc"} {
			if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
				return err
			}
		}
		return nil
	})
}

// unpackedOnce returns the folder of a name in the cache's packages of a suite and an
// architecture. If it is
// not there, fill makes its content in root; temp is another folder, which goes afterwards.
func unpackedOnce(ctx context.Context, suite, arch, name string, fill func(a *apt, temp, root string) error) (dir string, err error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(cache, "packages", aptName(suite, arch), name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	unlock, err := cacheLock(ctx, cache, "apt-"+aptName(suite, arch))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // another process made it meanwhile
	}
	a, err := openApt(cache, suite, arch)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".unpack-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	root := filepath.Join(temp, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		return "", err
	}
	if err := fill(a, temp, root); err != nil {
		return "", err
	}
	return dir, os.Rename(root, dir)
}

// keepPackage picks what a program needs at run time. The folders bin, lib and
// so on are links that unpack must not replace.
func keepPackage(name string) bool {
	for _, p := range []string{"usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/info/", "usr/share/lintian/"} {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	// base-files ships these links as entries of their own.
	return !slices.Contains([]string{"usr/bin", "usr/sbin", "usr/lib", "usr/lib64"}, name)
}
