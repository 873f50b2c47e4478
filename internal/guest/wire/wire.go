// Package wire is the protocol between the host and the agent inside a guest.
//
// Both sides exchange frames over a virtio-serial port, which is a reliable
// byte stream: a frame is a type, the number of the request it belongs to and
// a payload. Requests run side by side; their frames interleave. The host
// starts every request and chooses its number. The package knows neither QEMU
// nor processes; it only names the frames and moves them.
package wire

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// PortName is the name of the virtio-serial port that carries the frames.
const PortName = "probe.ctl"

// Console markers that the guest's first process prints on a line of its own.
const (
	MarkReady = "##GUEST ready"
	MarkExit  = "##GUEST exit"
)

// MaxPayload is the largest payload of one frame, in bytes. Longer data is
// sent in several frames.
const MaxPayload = 1 << 20

// ChunkSize is the size, in bytes, of the payloads in which files and output
// are sent.
const ChunkSize = 64 << 10

// Type is the type of a frame.
type Type uint8

// Frame types. "Host" and "guest" name the sender.
const (
	Hello  Type = iota + 1 // guest: agent is up; payload HelloInfo, request 0
	Run                    // host: start a process; payload RunRequest
	Pid                    // guest: it runs; payload PidInfo
	Stdin                  // host: bytes for its standard input; empty closes it
	Stdout                 // guest: bytes of its standard output, or of its terminal
	Stderr                 // guest: bytes of its standard error
	Signal                 // host: send a signal; payload SignalRequest
	Exit                   // guest: it ended, all output was sent; payload ExitInfo
	Put                    // host: create a file; payload FileRequest, Data frames follow
	Get                    // host: send a file's content; payload FileRequest
	Data                   // either: content; an empty payload ends it
	Cancel                 // host: give up a Put whose data has not ended
	Load                   // host: insert a kernel module; payload LoadRequest
	Done                   // guest: Put, Load or Bye was carried out
	Fail                   // guest: the request failed; payload the reason as text
	Bye                    // host: power off
	last                   // one past the last valid type
)

// HelloInfo describes the guest that has booted.
type HelloInfo struct {
	Release string // uname -r
	Boot    int64  // nanoseconds from kernel start to the agent's start
}

// RunRequest describes a process to start.
type RunRequest struct {
	Args []string
	Env  []string // added to the guest's own environment
	Dir  string   // working directory; "/" when empty
	PTY  bool     // run it on a terminal; its output all comes as Stdout
	Rows uint16   // size of that terminal
	Cols uint16
	// Stdin says that Stdin frames will follow. Without it the process
	// reads from /dev/null.
	Stdin bool
}

// PidInfo holds the process id of a started process.
type PidInfo struct{ Pid int }

// SignalRequest asks for a signal to a process or to its process group.
type SignalRequest struct {
	Signal int
	Group  bool
}

// ExitInfo describes how a process ended.
type ExitInfo struct {
	Code   int   // exit status; -1 when a signal ended it
	Signal int   // the signal, or 0
	Wall   int64 // nanoseconds from start to end, by the guest's clock
	User   int64 // nanoseconds of CPU time in user mode
	System int64 // nanoseconds of CPU time in the kernel
	MaxRSS int64 // peak resident set size in bytes
}

// FileRequest names a file of the guest.
type FileRequest struct {
	Path string
	Mode uint32 // permission bits of a new file
}

// LoadRequest names a module file (uncompressed) inside the guest.
type LoadRequest struct {
	Path   string
	Params string
}

// Frame is one message.
type Frame struct {
	Type    Type
	ID      uint32
	Payload []byte
}

const headerSize = 9

// Conn sends and receives frames. Send may be called from several goroutines,
// Receive from one.
type Conn struct {
	r  *bufio.Reader
	w  io.Writer
	mu sync.Mutex
}

// NewConn returns a Conn over rw.
func NewConn(rw io.ReadWriter) *Conn {
	return &Conn{r: bufio.NewReaderSize(rw, 2*ChunkSize), w: rw}
}

// Send writes one frame.
func (c *Conn) Send(t Type, id uint32, payload []byte) error {
	if t == 0 || t >= last {
		return fmt.Errorf("wire: frame type %d does not exist", t)
	}
	if len(payload) > MaxPayload {
		return fmt.Errorf("wire: payload of %d bytes is over the limit of %d", len(payload), MaxPayload)
	}
	buf := make([]byte, headerSize+len(payload))
	buf[0] = byte(t)
	binary.LittleEndian.PutUint32(buf[1:], id)
	binary.LittleEndian.PutUint32(buf[5:], uint32(len(payload)))
	copy(buf[headerSize:], payload)
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.w.Write(buf)
	return err
}

// SendJSON writes one frame whose payload is v in JSON.
func (c *Conn) SendJSON(t Type, id uint32, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.Send(t, id, b)
}

// SendData writes r's bytes as Data frames, with the empty one that ends them.
func (c *Conn) SendData(id uint32, r io.Reader) error {
	buf := make([]byte, ChunkSize)
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			if err := c.Send(Data, id, buf[:n]); err != nil {
				return err
			}
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return c.Send(Data, id, nil)
		default:
			return err
		}
	}
}

// Receive reads the next frame. It returns io.EOF when the stream ends
// between frames and another error when it ends inside one or is no stream
// of frames.
func (c *Conn) Receive() (Frame, error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(c.r, h[:]); err != nil {
		return Frame{}, err
	}
	f := Frame{Type: Type(h[0]), ID: binary.LittleEndian.Uint32(h[1:])}
	n := binary.LittleEndian.Uint32(h[5:])
	if f.Type == 0 || f.Type >= last || n > MaxPayload {
		return Frame{}, fmt.Errorf("wire: bytes % x are no frame header", h)
	}
	f.Payload = make([]byte, n)
	if _, err := io.ReadFull(c.r, f.Payload); err != nil {
		return Frame{}, fmt.Errorf("wire: frame cut short: %w", io.ErrUnexpectedEOF)
	}
	return f, nil
}

// Decode reads the payload of a frame as JSON into v.
func (f Frame) Decode(v any) error {
	if err := json.Unmarshal(f.Payload, v); err != nil {
		return fmt.Errorf("wire: payload of frame type %d: %w", f.Type, err)
	}
	return nil
}
