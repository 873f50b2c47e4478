package guest

import (
	"context"
	"slices"
	"testing"
)

func TestProgress(t *testing.T) {
	progress(t.Context(), "nobody listens") // and nothing happens
	var got []string
	ctx := WithProgress(context.Background(), func(s string) { got = append(got, s) })
	progress(ctx, "boot %s", "6.1")
	if !slices.Equal(got, []string{"boot 6.1"}) {
		t.Errorf("%q", got)
	}
	n, bytes := uriSizes("Reading lists\n'http://a/x_1_amd64.deb' x_1_amd64.deb 1500000 SHA256:0\n'http://a/y.deb' y.deb 500000 SHA256:1\n")
	if n != 2 || bytes != 2_000_000 {
		t.Errorf("%d files, %d bytes", n, bytes)
	}
	if megabytes("21351316") != "21.4 MB" || megabytes("") != "size unknown" {
		t.Errorf("%q, %q", megabytes("21351316"), megabytes(""))
	}
}
