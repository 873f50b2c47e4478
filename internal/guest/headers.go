package guest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// BCC are the packages of bcc's tools, with ldconfig, whose cache they look
// libraries up in, and what bashreadline reads programs with. They compile against Headers.
var BCC = []string{"bpfcc-tools", "libc-bin", "python3-bpfcc", "python3-pyelftools"}

// Headers fetches the headers of a supported kernel, for programs in a guest
// that compile against them, and returns their folder: usr/src with the
// sources, and usr/lib/modules/RELEASE with the link that leads to them. The
// compiler that the packages depend on is left out. The folder stays in the
// cache; its second use needs no network.
func Headers(ctx context.Context, name string) (dir string, err error) {
	k, err := Fetch(ctx, name)
	if err != nil {
		return "", err
	}
	suite := series[slices.Index(KernelNames(), name)].suite
	return unpackedOnce(ctx, suite, HostArch, "linux-headers-"+k.Release, func(a *apt, temp, root string) error {
		debs := filepath.Join(temp, "debs")
		if err := os.Mkdir(debs, 0o755); err != nil {
			return err
		}
		var files []string
		err := a.retry(ctx, func() error {
			r, err := a.show(ctx, "linux-headers-"+k.Release)
			if err != nil {
				return err
			}
			// What is common to all flavours of a kernel is in a package of its own.
			names := []string{"linux-headers-" + k.Release}
			for _, n := range r.depends() {
				if strings.HasPrefix(n, "linux-headers-") {
					names = append(names, n)
				}
			}
			files, err = a.download(ctx, debs, names...)
			return err
		})
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := unpack(ctx, f, root, keepHeaders); err != nil {
				return err
			}
		}
		if _, err := os.Lstat(filepath.Join(root, "usr/lib/modules", k.Release, "build")); err != nil {
			return fmt.Errorf("packages %s: %w", strings.Join(files, ", "), err)
		}
		return nil
	})
}

// keepHeaders picks what a compiler needs from a package of headers.
func keepHeaders(name string) bool {
	return strings.HasPrefix(name, "usr/src/") || strings.HasPrefix(name, "usr/lib/modules/")
}
