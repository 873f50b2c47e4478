package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stream is a connection to itself: what is sent can be received.
type stream struct{ bytes.Buffer }

func TestFrames(t *testing.T) {
	want := []Frame{
		{Hello, 0, []byte{}},
		{Stdout, 1, []byte("text\x00\xff")},
		{Data, 1<<32 - 1, bytes.Repeat([]byte("x"), MaxPayload)},
		{Bye, 7, []byte{}},
	}
	c := NewConn(new(stream))
	for _, f := range want {
		if err := c.Send(f.Type, f.ID, f.Payload); err != nil {
			t.Fatal(err)
		}
	}
	for i, w := range want {
		got, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(w, got); d != "" {
			t.Errorf("frame %d (-sent +received):\n%s", i, d)
		}
	}
	if _, err := c.Receive(); err != io.EOF {
		t.Errorf("at the end of the stream: %v, want io.EOF", err)
	}
}

func TestJSON(t *testing.T) {
	c := NewConn(new(stream))
	want := RunRequest{Args: []string{"a", "b c"}, Env: []string{"X=1"}, PTY: true, Rows: 3}
	if err := c.SendJSON(Run, 5, want); err != nil {
		t.Fatal(err)
	}
	f, err := c.Receive()
	if err != nil {
		t.Fatal(err)
	}
	var got RunRequest
	if err := f.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("request (-sent +received):\n%s", d)
	}
	if err := (Frame{Type: Run, Payload: []byte("{")}).Decode(&got); err == nil {
		t.Error("a broken payload was accepted")
	}
}

func TestSendData(t *testing.T) {
	for _, n := range []int{0, 1, ChunkSize - 1, ChunkSize, ChunkSize + 1, 3 * ChunkSize} {
		c := NewConn(new(stream))
		want := bytes.Repeat([]byte("z"), n)
		if err := c.SendData(9, bytes.NewReader(want)); err != nil {
			t.Fatal(err)
		}
		var got []byte
		for {
			f, err := c.Receive()
			if err != nil || f.Type != Data || f.ID != 9 {
				t.Fatalf("%d bytes: frame %v of request %d, %v", n, f.Type, f.ID, err)
			}
			if len(f.Payload) == 0 {
				break
			}
			got = append(got, f.Payload...)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back as %d", n, len(got))
		}
	}
}

func TestReceiveRefuses(t *testing.T) {
	tests := []struct{ name, in string }{
		{"type 0", "\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"type too high", string(rune(last)) + "\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"console text", "[    1.234] some kernel message"},
		{"payload too long", "\x01\x00\x00\x00\x00\xff\xff\xff\xff"},
		{"header cut short", "\x01\x00\x00"},
		{"payload cut short", "\x01\x00\x00\x00\x00\x05\x00\x00\x00ab"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewConn(&stream{*bytes.NewBufferString(tt.in)}).Receive()
			if err == nil || err == io.EOF {
				t.Errorf("accepted: %v", err)
			}
		})
	}
	c := NewConn(new(stream))
	if c.Send(0, 1, nil) == nil || c.Send(last, 1, nil) == nil || c.Send(Data, 1, make([]byte, MaxPayload+1)) == nil {
		t.Error("a frame that cannot be received was sent")
	}
}

// TestConcurrentSend checks that frames of several senders stay whole.
func TestConcurrentSend(t *testing.T) {
	c := NewConn(new(stream))
	var wg sync.WaitGroup
	for id := range uint32(8) {
		wg.Go(func() {
			for range 50 {
				c.Send(Stdout, id, []byte(strings.Repeat(string(rune('a'+id)), 100)))
			}
		})
	}
	wg.Wait()
	for range 8 * 50 {
		f, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Repeat(string(rune('a'+f.ID)), 100); string(f.Payload) != want {
			t.Fatalf("frame of sender %d holds %q", f.ID, f.Payload)
		}
	}
}

func TestSendDataError(t *testing.T) {
	broken := errors.New("broken")
	err := NewConn(new(stream)).SendData(1, io.MultiReader(strings.NewReader("abc"), errReader{broken}))
	if !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }
