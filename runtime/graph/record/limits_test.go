package record

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"probe/runtime/graph"
)

const (
	plainHead = `{"probe_graph":{"version":2,"started":"2026-03-01T12:00:00Z","wall_offset_ns":0}}` + "\n"
	plainFunc = `{"func":{"id":0,"name":"a"}}` + "\n"
)

// repeated is a text many times, without the memory for it.
type repeated struct {
	text string
	left int
	at   int
}

func (r *repeated) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) && r.left > 0 {
		k := copy(b[n:], r.text[r.at:])
		n, r.at = n+k, r.at+k
		if r.at == len(r.text) {
			r.at, r.left = 0, r.left-1
		}
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Each limit is told as damage, with what came before.
func TestLimits(t *testing.T) {
	chain := func(depth int) string {
		var b strings.Builder
		b.WriteString(`{"tree":{"id":0,"tid":1,"start":0,"calls":[`)
		for i := range depth {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "[0,%d,0,0,1,0]", i)
		}
		return b.String() + "]}}\n"
	}
	long := strings.Repeat("x", maxName+1)
	for name, tt := range map[string]struct{ text, want string }{
		"depth":      {chain(MaxDepth + 2), fmt.Sprintf("it is at depth %d; at most %d are read", MaxDepth+1, MaxDepth)},
		"function":   {`{"func":{"id":1,"name":"` + long + `"}}` + "\n", "a function has a name of 1025 bytes; at most 1024 are read"},
		"module":     {`{"func":{"id":1,"name":"b","module":"` + long + `"}}` + "\n", "a module has a name"},
		"parameter":  {`{"func":{"id":1,"name":"b","params":[{"name":"` + long + `"}]}}` + "\n", "a parameter has a name"},
		"parameters": {`{"func":{"id":1,"name":"b","params":[{"name":"x"}` + strings.Repeat(`,{}`, maxParams) + `]}}` + "\n", "function b has 33 parameters; at most 32"},
		"thread":     {`{"tree":{"id":0,"tid":1,"start":0,"comm":"` + long + `","calls":[[0,0,0,0,1,0]]}}` + "\n", "a thread has a name"},
		"symbol":     {`{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0,0,1,0]],"symbols":{"a":"` + long + `"}}}` + "\n", "a symbol has a name"},
		"arguments":  {`{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0,0,1,0]],"args":[[0` + strings.Repeat(",1", maxParams+1) + `]]}}` + "\n", "arguments of no call"},
		"line":       {`{"tree":{"id":0` + strings.Repeat(" ", maxSmallLine) + "\n", "the line is too long: at most 8 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Read(strings.NewReader(plainHead + plainFunc + tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if r.Damage == nil || r.Damage.Line != 3 || !strings.Contains(r.Damage.Error(), tt.want) {
				t.Errorf("damage %v, want %s", r.Damage, tt.want)
			}
			if len(r.Funcs.List) != 1 {
				t.Errorf("%d functions before the damage", len(r.Funcs.List))
			}
		})
	}
	r, err := Read(strings.NewReader(plainHead + plainFunc + chain(MaxDepth+1) + `{"end":{"trees":1}}` + "\n"))
	if err != nil || r.Damage != nil || len(r.Trees) != 1 {
		t.Fatalf("the deepest that is allowed: %v, %v", err, r.Damage)
	}
}

// What a recording takes in memory is bounded whatever it is made of, and each part
// is counted as at least what it takes.
func TestMemory(t *testing.T) {
	const limit = 16 << 20
	calls := strings.Repeat(",[0,1,0,0,1,0]", 1000)
	n := 0
	for name, text := range map[string]string{
		"events":    `{"event":{"time":0}}`,
		"texts":     `{"event":{"time":0,"json":{"type":"printf","data":"` + strings.Repeat("x", 1000) + `"}}}`,
		"trees":     `{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0,0,1,0]]}}`,
		"calls":     `{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0,0,1,0]` + calls + `]}}`,
		"functions": `{"func":{"id":%d,"name":"f","params":[{"name":"a","notation":{"enum":[{"name":"x","value":1},{"name":"y","value":1}]}},{},{}]}}`,
		"symbols":   `{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0,0,1,0]],"symbols":{"%x":"a"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			var in io.Reader = &repeated{text: text + "\n", left: 1 << 20}
			if strings.Contains(text, "%") {
				var b strings.Builder
				for range 1 << 17 {
					n++
					fmt.Fprintf(&b, text+"\n", n)
				}
				in = strings.NewReader(b.String())
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			r, err := read(io.MultiReader(strings.NewReader(plainHead+plainFunc), in), limit)
			if err != nil {
				t.Fatal(err)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if r.Damage == nil || !strings.Contains(r.Damage.Error(), "it takes more than 16 MB of memory: record less") {
				t.Fatalf("damage %v", r.Damage)
			}
			// Lists have room for a quarter to once again of what is in them.
			if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 2*limit {
				t.Errorf("%d bytes are used, the limit is %d", used, limit)
			}
			runtime.KeepAlive(r)
		})
	}
}

// A small file that unpacks to much more is read as far as the limit.
func TestBomb(t *testing.T) {
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	line := `{"event":{"time":0,"text":"` + strings.Repeat("x", 100_000) + `"}}` + "\n"
	for _, part := range []io.Reader{strings.NewReader(plainHead), &repeated{text: line, left: 1000}} {
		if _, err := io.Copy(w, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if packed.Len() > 100_000 {
		t.Fatalf("the file has %d bytes", packed.Len())
	}
	r, err := read(&packed, 8<<20)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Events); n < 70 || n > 84 || r.Damage == nil || !strings.Contains(r.Damage.Error(), "more than 8 MB of memory") {
		t.Errorf("%d events, damage %v", n, r.Damage)
	}
}

// pieces counts what it is given.
type pieces struct{ total, most int }

func (p *pieces) Write(b []byte) (int, error) {
	p.total, p.most = p.total+len(b), max(p.most, len(b))
	return len(b), nil
}

// The text of the largest line of calls at the greatest depth is never in memory as a
// whole.
func TestDeepText(t *testing.T) {
	var b strings.Builder
	b.WriteString(plainHead + plainFunc + `{"tree":{"id":0,"tid":1,"start":0,"calls":[[0,0,0,0,1,0]`)
	for i := range 20_000 {
		fmt.Fprintf(&b, ",[0,%d,0,0,1,0]", min(i+1, MaxDepth))
	}
	b.WriteString("]}}\n" + `{"end":{"trees":1}}` + "\n")
	r, err := Read(strings.NewReader(b.String()))
	if err != nil || r.Damage != nil {
		t.Fatal(err, r.Damage)
	}
	for _, style := range []graph.Style{graph.Lines, graph.Braces} {
		var p pieces
		if err := r.Trees[0].Write(&p, &r.Funcs, style); err != nil {
			t.Fatal(err)
		}
		if p.total < 20<<20 || p.most > 2<<20 {
			t.Errorf("style %v: %d bytes in pieces of up to %d", style, p.total, p.most)
		}
		if want := len(r.Trees[0].Calls); style == graph.Lines {
			if got := strings.Count(r.Trees[0].Text(&r.Funcs, style), "\n") + 1; got != want {
				t.Errorf("%d lines for %d calls", got, want)
			}
		}
	}
}
