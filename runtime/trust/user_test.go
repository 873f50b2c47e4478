package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const asChild = "TRUST_TEST_FILE"

// TestMain is also the child of TestOpen: a user with a capability.
func TestMain(m *testing.M) {
	if path := os.Getenv(asChild); path != "" {
		fmt.Println(openChild(path))
		return
	}
	os.Exit(m.Run())
}

func openChild(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("the capability is not there: %w", err)
	}
	f.Close()
	if f, err = Open(path); !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("Open gave %v, %w", f, err)
	}
	if f, err = os.Open(path); err != nil {
		return fmt.Errorf("the capability was not put back: %w", err)
	}
	return f.Close()
}

// What a capability allows is not what the user may do.
func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if os.Geteuid() != 0 {
		t.Log("only root can give a child a capability")
		return
	}
	// The child's program has to be where others can read it.
	exe, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "trust")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "child")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(program, exe, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = []string{asChild + "=" + path}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234}, AmbientCaps: []uintptr{unix.CAP_DAC_READ_SEARCH}}
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "<nil>" {
		t.Errorf("%v: %s", err, out)
	}
}
