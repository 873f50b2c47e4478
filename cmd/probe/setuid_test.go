package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSetID(t *testing.T) {
	for _, tt := range []struct {
		uid, euid, gid, egid int
		want                 string
	}{
		{0, 0, 0, 0, ""},
		{1000, 1000, 100, 100, ""},
		{1000, 0, 100, 100, "user 1000 runs it with the rights of user 0"},
		{0, 1000, 0, 0, "user 0 runs it with the rights of user 1000"},
		{1000, 1000, 100, 0, "a user of group 100 runs it with the rights of group 0"},
	} {
		d := setID(tt.uid, tt.euid, tt.gid, tt.egid)
		if (d == nil) != (tt.want == "") || d != nil && !strings.Contains(d.Message, tt.want) {
			t.Errorf("%+v: %v", tt, d)
		}
	}
}

// The program stops by itself, whatever it is asked to do.
func TestSetGID(t *testing.T) {
	dir := t.TempDir()
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 || fs.Flags&unix.ST_NOSUID != 0 {
		t.Log("only root, on a file system that takes the bit, can make such a file; TestSetID has the rule")
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "probe")
	copyFile(t, exe, path)
	if err := os.Chown(path, 0, 1234); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o755|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"version", "--help", "__complete"} {
		out, err := exec.Command(path, word).CombinedOutput()
		if err == nil || !strings.HasPrefix(string(out), "error[no-permission]: probe does not run setgid: ") {
			t.Errorf("probe %s: %v\n%s", word, err, out)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// A program with the capability to read every file, as docs/security.md recommends, shows
// nobody what is in a file that only root may read, however it is named.
func TestFilesOfRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("only root can give a child a capability")
		return
	}
	dir, err := os.MkdirTemp("", "probe")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	program := copySelf(t, dir)
	secret, elf := filepath.Join(dir, "secret"), filepath.Join(dir, "elf")
	if err := os.WriteFile(secret, []byte("secret_word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	copyFile(t, program, elf)
	for path, mode := range map[string]os.FileMode{dir: 0o755, program: 0o755, elf: 0o700} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"ls", "--traceable-functions", secret, "kprobe:*"},
		{"check", "--traceable-functions", secret, "-e", "kprobe:secret* { @ = 1; }"},
		{"check", "--btf", secret, "-e", "fentry:vfs_read { @ = args.count; }"},
		{"check", secret}, {"fmt", secret}, {"show", secret}, {"run", "--replay", secret, "-e", "begin { }"},
		{"check", "-e", "#include \"" + secret + "\"\nbegin { }"},
		{"ls", "uprobe:" + elf + ":main.main"},
		{"check", "-e", "uprobe:" + elf + ":main.main { @ = 1; }"},
	} {
		cmd := exec.Command(program, args...)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234}, AmbientCaps: []uintptr{unix.CAP_DAC_READ_SEARCH}}
		out, err := cmd.CombinedOutput()
		if err == nil || strings.Contains(string(out), "secret_word") || strings.Contains(string(out), "malformed") {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
}
