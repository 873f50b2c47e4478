package sink

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/lang/diag"
	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
)

// journal records each write, of the output as is and of standard error with
// a mark.
type journal struct{ writes *[]string }

func (j journal) Write(b []byte) (int, error) {
	*j.writes = append(*j.writes, string(b))
	return len(b), nil
}

type marked struct{ journal }

func (m marked) Write(b []byte) (int, error) {
	*m.writes = append(*m.writes, "! "+string(b))
	return len(b), nil
}

func TestBuffering(t *testing.T) {
	text := func(s string) func(printer) { return func(p printer) { p.Text(event.Cat, s) } }
	warn := func(p printer) { p.Log(diag.Warning, "w") }
	tests := []struct {
		name  string
		mode  Buffering
		steps []func(printer)
		want  []string
	}{
		{"line", ByLine, []func(printer){text("a"), text("b\nc"), text("d\n"), text("e")}, []string{"ab\n", "cd\n", "e"}},
		{"line, several at once", ByLine, []func(printer){text("a\nb\nc")}, []string{"a\nb\n", "c"}},
		{"none", Unbuffered, []func(printer){text("a"), text("b\nc"), text("")}, []string{"a", "b\nc"}},
		{"full", Full, []func(printer){text("a\n"), text("b\n")}, []string{"a\nb\n"}},
		{"full fills", Full, []func(printer){text(strings.Repeat("x", bufferSize)), text("b\n")}, []string{strings.Repeat("x", bufferSize), "b\n"}},
		{"held", ByLine, []func(printer){printer.Hold, text("a\n"), printer.Hold, text("b\n"), printer.Release, text("c\n"), printer.Release, text("d\n")},
			[]string{"a\nb\nc\n", "d\n"}},
		{"held unbuffered", Unbuffered, []func(printer){printer.Hold, text("a"), text("b"), printer.Release}, []string{"ab"}},
		{"released once too often", ByLine, []func(printer){printer.Release, printer.Hold, text("a\n"), text("b\n"), printer.Release}, []string{"a\nb\n"}},
		// Messages come after the lines printed before them and never inside one.
		{"message after held lines", ByLine, []func(printer){printer.Hold, text("a\nb"), warn, text("c\n"), printer.Release},
			[]string{"a\n", "! WARNING: w\n", "bc\n"}},
		{"message beside full buffering", Full, []func(printer){text("a\n"), warn}, []string{"! WARNING: w\n", "a\n"}},
		{"nothing", ByLine, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var writes []string
			p := open(t, "text", Config{Out: journal{&writes}, Err: marked{journal{&writes}}, Buffer: tt.mode}, nil)
			for _, step := range tt.steps {
				step(p)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, writes); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBrokenPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var errs bytes.Buffer
	p, err := New("text", Config{Out: w, Err: &errs})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
		t.Fatal("Done before anything was written")
	default:
	}
	r.Close()
	for range 3 {
		p.Take(&event.Text{From: event.Cat, Data: []byte("nobody reads this\n")})
	}
	<-p.Done()
	if err := p.Close(); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Close after the reader went away = %v, want EPIPE", err)
	}
	if errs.Len() > 0 {
		t.Errorf("standard error: %q, want nothing", errs.String())
	}
}

type failing struct{ after int }

func (f *failing) Write(b []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, syscall.ENOSPC
	}
	return len(b), nil
}

func TestWriteFailure(t *testing.T) {
	p, err := New("json", Config{Out: &failing{1}, Err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	p.Take(&event.Lost{Events: 1})
	select {
	case <-p.Done():
		t.Fatal("Done after a write that went well")
	default:
	}
	p.Take(&event.Lost{Events: 2})
	<-p.Done()
	p.Take(&event.Lost{Events: 3})
	if err := p.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close = %v, want ENOSPC", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	for _, format := range Names() {
		out, _ := run(t, format, Config{Buffer: Unbuffered}, nil, func(p printer) {
			var wg sync.WaitGroup
			for range 4 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for range 100 {
						p.Value(str(8, "abcdefg"))
						p.Log(diag.Warning, "w")
						p.Hold()
						p.Release()
					}
				}()
			}
			wg.Wait()
		})
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if !strings.Contains(lines[0], "abcdefg") {
			lines = lines[1:] // names of columns
		}
		if len(lines) != 400 {
			t.Errorf("%s: %d lines, want 400", format, len(lines))
		}
		for _, l := range lines {
			if l != lines[0] || !strings.Contains(l, "abcdefg") {
				t.Fatalf("%s: torn line %q", format, l)
			}
		}
	}
}

func TestNew(t *testing.T) {
	if _, err := New("xml", Config{}); err == nil || !strings.Contains(err.Error(), `"xml"`) || !strings.Contains(err.Error(), "text, json") {
		t.Errorf("New(xml) = %v, want an error that names xml and the formats", err)
	}
	for s, want := range map[string]Buffering{"line": ByLine, "full": Full, "none": Unbuffered} {
		if got, err := ParseBuffering(s); err != nil || got != want {
			t.Errorf("ParseBuffering(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
	if _, err := ParseBuffering("block"); err == nil || !strings.Contains(err.Error(), "must be either") {
		t.Errorf("ParseBuffering(block) = %v", err)
	}
}

// A printf event, from decoded arguments to the output, as the drain loop does
// it.
func BenchmarkPrintf(b *testing.B) {
	specs, err := value.ParseFormat("%d %s\n")
	if err != nil {
		b.Fatal(err)
	}
	e := &event.Printf{Format: specs, Args: []value.Value{num(types.Uint32, 4242), str(16, "systemd-journal")}}
	for _, format := range Names() {
		b.Run("format="+format, func(b *testing.B) {
			null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			if err != nil {
				b.Fatal(err)
			}
			defer null.Close()
			p, err := New(format, Config{Out: null, Err: null})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			event.Hold(p)
			for b.Loop() {
				p.Take(e)
			}
			event.Release(p)
		})
	}
}

func TestPrintfDoesNotAllocate(t *testing.T) {
	specs, err := value.ParseFormat("%d %s\n")
	if err != nil {
		t.Fatal(err)
	}
	e := &event.Printf{Format: specs, Args: []value.Value{num(types.Uint32, 4242), str(16, "sshd")}}
	for _, format := range Names() {
		p, err := New(format, Config{Out: io.Discard, Err: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		p.Take(e)
		if n := testing.AllocsPerRun(100, func() { p.Take(e) }); n > 0 {
			t.Errorf("%s: Printf allocates %v times", format, n)
		}
	}
}
