package guest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// progressKey is the key of a context's function for progress.
type progressKey struct{}

// WithProgress returns a context with which the functions of this package call
// tell at the beginning of each step that can take seconds: "install
// qemu-system-x86", "download linux-image-… (21 MB)". The text has no full stop.
func WithProgress(ctx context.Context, tell func(step string)) context.Context {
	return context.WithValue(ctx, progressKey{}, tell)
}

func progress(ctx context.Context, format string, args ...any) {
	if tell, ok := ctx.Value(progressKey{}).(func(string)); ok {
		tell(fmt.Sprintf(format, args...))
	}
}

// megabytes formats the size of a package as its record has it, in bytes.
func megabytes(size string) string {
	n, err := strconv.ParseFloat(size, 64)
	if err != nil {
		return "size unknown"
	}
	return fmt.Sprintf("%.1f MB", n/1e6)
}

// tellDownload reports packages that are about to be fetched, with their sizes.
func (a *apt) tellDownload(ctx context.Context, names ...string) {
	if _, ok := ctx.Value(progressKey{}).(func(string)); !ok {
		return
	}
	for _, name := range names {
		if r, err := a.show(ctx, name); err == nil {
			progress(ctx, "download %s from %s (%s)", name, a.suite, megabytes(r["size"]))
		}
	}
}

// uriSizes returns the number of files, and of their bytes, in the output of
// "apt-get --print-uris", which has lines such as
//
//	'http://…/x_1_amd64.deb' x_1_amd64.deb 1234 SHA256:…
func uriSizes(text string) (files int, bytes int64) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 3 || !strings.HasPrefix(f[0], "'") {
			continue
		}
		if n, err := strconv.ParseInt(f[2], 10, 64); err == nil {
			files, bytes = files+1, bytes+n
		}
	}
	return files, bytes
}
