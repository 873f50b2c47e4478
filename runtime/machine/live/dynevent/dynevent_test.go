package dynevent

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"probe/runtime/machine/live/tracefs"
	"probe/runtime/watchdog"
)

func TestDefinition(t *testing.T) {
	for _, tc := range []struct {
		k    Kprobe
		want string
	}{
		{Kprobe{Symbol: "vfs_read"}, "p:g/e vfs_read"},
		{Kprobe{Symbol: "ext4:f", Offset: 4}, "p:g/e ext4:f+4"},
		{Kprobe{Offset: 0xffffffff81000000}, "p:g/e 0xffffffff81000000"},
		{Kprobe{Symbol: "f", Return: true, Active: 700}, "r700:g/e f"},
		{Kprobe{Symbol: "f", Return: true, Active: 70000}, "r4096:g/e f"},
	} {
		if got := tc.k.definition("g/e"); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.k, got, tc.want)
		}
	}
}

func TestActive(t *testing.T) {
	for text, want := range map[string]int{
		"0.1 0.2 0.3 1/60 5\n": minActive, "0.1 0.2 0.3 1/1000 5\n": 2000, "0.1 0.2 0.3 1/90000 5\n": MaxActive, "": MaxActive, "1 2 3 x": MaxActive,
	} {
		if got := activeFor(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestMissed(t *testing.T) {
	const text = "  p42_1                      6              94\n  p42_11      7   0\n"
	for name, want := range map[string]uint64{"p42_1": 94, "p42_11": 0} {
		if n, ok := missed(text, name); n != want || !ok {
			t.Errorf("%s: %d, %v", name, n, ok)
		}
	}
	if _, ok := missed(text, "p42_2"); ok {
		t.Error("an event that is not there has misses")
	}
}

// TestSweep: only what is named as ours, and whose process is gone, is removed.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, definitions)
	self := strconv.Itoa(os.Getpid())
	lives := prefix + self + "_" + strconv.FormatUint(watchdog.Started(os.Getpid()), 10)
	before := "p:other/event vfs_read\nr512:" + lives + "/p1 vfs_read\np:probe_x/p1 f\np:probe_1_2_3/e f\n" +
		"r512:" + prefix + self + "_1/p" + self + "_1 do_nanosleep\n"
	if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := Sweep(tracefs.At(dir, dir), 0)
	if n != 1 || err != nil {
		t.Errorf("%d removed, %v", n, err)
	}
	after, err := os.ReadFile(file)
	if want := before + "-:" + prefix + self + "_1/p" + self + "_1\n"; string(after) != want || err != nil {
		t.Errorf("written: %q, want %q (%v)", after, want, err)
	}
}
