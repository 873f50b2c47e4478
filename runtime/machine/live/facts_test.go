package live

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadSysctl(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"net/ipv4/conf/eth0.5/rp_filter": "1\n", "kernel/ostype": "Linux\n", "net/ipv4/tcp_rmem": "4096\t131072\t6291456\n"} {
		full := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(root), "outside"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, want, err string }{
		{"kernel.ostype", "Linux", ""},
		{"kernel/ostype", "Linux", ""},
		{"net.ipv4.tcp_rmem", "4096\t131072\t6291456", ""},
		{"net/ipv4/conf/eth0.5/rp_filter", "1", ""},
		{"kernel.nothing", "", "kernel.nothing: no such key"},
		{"../outside", "", "no such key"},
		{"", "", "is no sysctl key"},
		{"a\x00b", "", "is no sysctl key"},
	} {
		got, err := readSysctl(root, tc.name)
		if got != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("readSysctl(%q) = %q, %v, want %q, %q", tc.name, got, err, tc.want, tc.err)
		}
	}
}

func TestUsernames(t *testing.T) {
	r := New(Options{})
	if got := r.Username(0); got != "root" {
		t.Errorf("user 0 is %q", got)
	}
	if got := r.Username(4294967); got != "" {
		t.Errorf("an unknown user is %q", got)
	}
}
