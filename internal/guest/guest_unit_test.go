package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestConsole(t *testing.T) {
	c := &console{marker: []byte("##GUEST exit 0")}
	for _, part := range []string{"text\r\n##GUE", "ST ex", "it 0\r\n"} {
		if c.done() {
			t.Error("the marker was seen before it was complete")
		}
		fmt.Fprint(c, part)
	}
	if !c.done() || c.text() != "text\n##GUEST exit 0" {
		t.Errorf("marker seen: %v; text %q", c.done(), c.text())
	}
	fmt.Fprint(c, strings.Repeat("x", 5*consoleKeep), "end")
	if got := c.text(); len(got) > 3*consoleKeep || !strings.HasSuffix(got, "xend") || !c.done() {
		t.Errorf("%d bytes are kept, or the end or the marker is lost", len(got))
	}
	other := &console{marker: []byte("##GUEST exit 0")}
	fmt.Fprint(other, "##GUEST exit 1\n")
	if other.done() {
		t.Error("another status was taken for the marker")
	}
}

func TestCrashReason(t *testing.T) {
	tests := []struct{ text, want string }{
		{"[1.0] BUG: unable to handle page fault\n[1.1] Kernel panic - not syncing: Fatal exception\n", "Kernel panic - not syncing: Fatal exception"},
		{"[1.0] general protection fault, probably for\n", "general protection fault, probably for"},
		{"guest init: insert module x: no such file\n##GUEST exit 1", "guest init: insert module x: no such file"},
		{"all is well\n", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got := crashReason(tt.text); got != tt.want {
			t.Errorf("crashReason(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestErrors(t *testing.T) {
	crash := &CrashError{Kernel: "6.1", Err: ErrCrashed, Reason: "kernel panic", Console: "a\nb"}
	want := "guest 6.1: guest went down without its exit marker: kernel panic\nlast lines of the console:\n  | a\n  | b"
	if crash.Error() != want || !errors.Is(crash, ErrCrashed) || errors.Is(crash, ErrHung) {
		t.Errorf("got %q", crash.Error())
	}
	err := &Error{Op: "start a guest", Err: ErrNoQEMU, Help: "install it"}
	if err.Error() != "start a guest: qemu-system-x86_64 is not installed\nhelp: install it" || !errors.Is(err, ErrNoQEMU) {
		t.Errorf("got %q", err.Error())
	}
}

// TestUnavailable looks at what is said where guests cannot run.
func TestUnavailable(t *testing.T) {
	t.Run("no emulator", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		err := Available(t.Context())
		if !errors.Is(err, ErrNoQEMU) || !strings.Contains(err.Error(), "apt-get install") {
			t.Errorf("Available: %v", err)
		}
		if _, err := Boot(t.Context(), Options{Kernel: "6.1"}); !errors.Is(err, ErrNoQEMU) {
			t.Errorf("Boot: %v", err)
		}
	})
	t.Run("no apt and an empty cache", func(t *testing.T) {
		t.Setenv("PROBE_CACHE", t.TempDir())
		t.Setenv("PATH", t.TempDir())
		if _, err := Fetch(t.Context(), "6.1"); !errors.Is(err, ErrNoApt) {
			t.Errorf("Fetch: %v", err)
		}
	})
	t.Run("unknown kernel", func(t *testing.T) {
		_, err := Fetch(t.Context(), "2.6")
		if !errors.Is(err, ErrNoPackage) || !strings.Contains(err.Error(), "5.10, 6.1, 6.12, 7.2") {
			t.Errorf("Fetch: %v", err)
		}
	})
	t.Run("no source tree", func(t *testing.T) {
		t.Setenv("PROBE_CACHE", "")
		t.Chdir(t.TempDir())
		if _, err := CacheDir(); !errors.Is(err, ErrNoSource) {
			t.Errorf("CacheDir: %v", err)
		}
	})
}

// TestNoNetwork asks a mirror that is not there, with a cache that is empty.
func TestNoNetwork(t *testing.T) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("apt-get is not installed")
	}
	if _, ok := findMirrors(machineSources("/etc/apt"), hostCodename()); !ok {
		t.Skip("no Debian package source is configured")
	}
	cache := t.TempDir()
	a, err := openApt(cache, "bookworm", HostArch)
	if err != nil {
		t.Fatal(err)
	}
	list := "deb [trusted=yes] file:" + filepath.Join(cache, "nowhere") + " bookworm main\n"
	if err := os.WriteFile(filepath.Join(a.dir, "sources.list"), []byte(list), 0o644); err != nil {
		t.Fatal(err)
	}
	err = a.retry(t.Context(), func() error { return a.fetchKernel(t.Context(), filepath.Join(cache, "kernels")) })
	if !errors.Is(err, ErrNoPackage) {
		t.Errorf("fetching a kernel: %v", err)
	}
	if err == nil || !strings.Contains(err.Error(), "help: ") {
		t.Errorf("the error gives no help: %v", err)
	}
}

func TestCacheLock(t *testing.T) {
	cache := t.TempDir()
	var mu sync.Mutex
	inside, most := 0, 0
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			unlock, err := cacheLock(t.Context(), cache, "x")
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			inside++
			most = max(most, inside)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			inside--
			mu.Unlock()
			unlock()
		})
	}
	wg.Wait()
	if most != 1 {
		t.Errorf("%d held the lock at once", most)
	}
	unlock, err := cacheLock(t.Context(), cache, "x")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := cacheLock(ctx, cache, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a lock that is held: %v", err)
	}
}

func TestQEMUArgs(t *testing.T) {
	k := &Kernel{Image: "/k/vmlinuz", Arch: HostArch}
	args := func(o Options, kvm bool) string {
		return strings.Join(qemuArgs(o, k, kvm), " ")
	}
	plain := args(Options{MemoryMB: 512, SMP: 2}, false)
	for _, want := range []string{"-accel tcg,thread=single", "-cpu max,-cx16,-erms,-fsrm", "-smp 2", "-m 512", "nokaslr", "panic=-1", "oops=panic"} {
		if !strings.Contains(plain, want) {
			t.Errorf("%q lacks %q", plain, want)
		}
	}
	if got := args(Options{SMP: 2, Icount: true}, false); !strings.Contains(got, "-smp 1 ") || !strings.Contains(got, "-icount shift=0,sleep=off") {
		t.Errorf("counting guest: %q", got)
	}
	if got := args(Options{KASLR: true, Params: "a=b"}, true); strings.Contains(got, "nokaslr") || !strings.Contains(got, " a=b") || !strings.Contains(got, "-accel kvm") {
		t.Errorf("with virtualisation: %q", got)
	}
	k.Arch = "arm64"
	foreign := args(Options{MemoryMB: 512, SMP: 2}, false)
	for _, want := range []string{"-machine virt", "-cpu cortex-a72", "-accel tcg", "console=ttyAMA0", "-smp 2", "nokaslr", "oops=panic", "-kernel /k/vmlinuz"} {
		if !strings.Contains(foreign, want) {
			t.Errorf("%q lacks %q", foreign, want)
		}
	}
}

// The kernel of another architecture is none of those that tests run on, and keeps its
// packages apart.
func TestForeignKernel(t *testing.T) {
	if slices.Contains(KernelNames(), ARM64) || ArchOf(ARM64) != "arm64" || ArchOf("6.12") != HostArch {
		t.Errorf("kernels %v; %s is for %s, 6.12 for %s", KernelNames(), ARM64, ArchOf(ARM64), ArchOf("6.12"))
	}
	if aptName("trixie", HostArch) != "trixie" || aptName("trixie", "arm64") != "trixie-arm64" {
		t.Errorf("packages of trixie are in %s and %s", aptName("trixie", HostArch), aptName("trixie", "arm64"))
	}
	a := &apt{dir: "/d", arch: "arm64"}
	if text := a.config(); !strings.Contains(text, `APT::Architecture "arm64";`) || strings.Contains(text, "amd64") {
		t.Errorf("the configuration of apt is\n%s", text)
	}
}

// TestBootSector runs the program that shows whether virtualisation works
// where it is known to work: in the emulator.
func TestBootSector(t *testing.T) {
	qemu, err := exec.LookPath(qemuProgram)
	if err != nil {
		t.Skip(qemuProgram + " is not installed")
	}
	image := filepath.Join(t.TempDir(), "image")
	works := false
	for range 3 { // the time limit is short for a machine that is busy
		works = works || runBootSector(t.Context(), qemu, "tcg", image)
	}
	if !works {
		t.Error("the boot sector does not end the emulator with its status")
	}
	if runBootSector(t.Context(), qemu, "no-such-accelerator", image) {
		t.Error("an accelerator that does not exist works")
	}
}

// TestUserland resolves a program of every Debian system.
func TestUserland(t *testing.T) {
	if _, err := findProgram("/", "ls"); err != nil || hostCodename() == "" {
		t.Skip("no Debian machine with ls")
	}
	files, err := Userland(t.Context(), "ls")
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for name, host := range files {
		at = append(at, name)
		if !isFile(host) {
			t.Errorf("%s is no file", host)
		}
	}
	for _, want := range []string{"/ls", "/libc.so.6", "/ld-linux-x86-64.so.2"} {
		if !slices.ContainsFunc(at, func(s string) bool { return strings.HasSuffix(s, want) }) {
			t.Errorf("no %s among %v", want, at)
		}
	}
	if _, err := Userland(t.Context(), "no-such-program"); !errors.Is(err, ErrNoPackage) {
		t.Errorf("a program that does not exist: %v", err)
	}
}

func TestLibraryMissing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	if err := addProgram(files, []string{dir}, "script"); err != nil || len(files) != 1 {
		t.Errorf("a script: %v, %v", files, err)
	}
	ls, err := findProgram("/", "ls")
	if err != nil {
		t.Skip("no program ls on this machine")
	}
	data, err := os.ReadFile("/" + ls)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ls"), data, 0o755); err != nil {
		t.Fatal(err)
	}
	// Below this root there are no libraries.
	if err := addProgram(files, []string{dir}, "ls"); err == nil || !strings.Contains(err.Error(), "is not there") {
		t.Errorf("a program without its libraries: %v", err)
	}
}
