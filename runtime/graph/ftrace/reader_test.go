package ftrace

import (
	"os"
	"path/filepath"
	"testing"
)

// What the kernel has overwritten counts where the pages tell of less.
func TestOverwritten(t *testing.T) {
	dir := t.TempDir()
	stats := func(overrun string) {
		text := "entries: 7\n" + overrun + "commit overrun: 9\nbytes: 100\noldest event ts:  1.2\nnow ts:  3.4\ndropped events: 2\nread events: 5\n"
		if err := os.WriteFile(filepath.Join(dir, "stats"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open := func(lost uint64) *reader {
		f, err := os.Create(filepath.Join(dir, "trace_pipe_raw"))
		if err != nil {
			t.Fatal(err)
		}
		r := &reader{file: f, lost: lost}
		r.before, _ = r.overwritten()
		return r
	}
	stats("overrun: 40\n")
	if n, ok := open(0).overwritten(); n != 42 || !ok {
		t.Errorf("%d, %v", n, ok)
	}
	few, many := open(3), open(500)
	stats("overrun: 140\n")
	if n := few.close(); n != 100 {
		t.Errorf("%d lost, want 100", n)
	}
	if n := many.close(); n != 500 {
		t.Errorf("%d lost, want 500", n)
	}
	damaged := open(3)
	stats("overrun: x\n")
	if n := damaged.close(); n != 3 {
		t.Errorf("%d lost, want 3", n)
	}
}
