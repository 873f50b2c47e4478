package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"probe/internal/guest/wire"
)

// server carries out the host's requests.
type server struct {
	conn  *wire.Conn
	mu    sync.Mutex
	procs map[uint32]*process
	puts  map[uint32]*upload
}

// upload is a file that the host is sending.
type upload struct {
	file *os.File
	temp string
	path string
	err  error // the first failure; reported when the data has ended
}

// agent serves the host over the control port until the host says Bye.
func agent() error {
	// Exclude the agent from the OOM killer: without the agent the host could
	// not find out what happened.
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0); err != nil {
		return err
	}
	port, err := openPort(wire.PortName, 20*time.Second)
	if err != nil {
		return err
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("clock_gettime: %w", err)
	}
	release := string(uts.Release[:bytes.IndexByte(uts.Release[:], 0)])
	fmt.Printf("\n%s %s\n", wire.MarkReady, release)
	s := &server{
		conn:  wire.NewConn(port),
		procs: make(map[uint32]*process),
		puts:  make(map[uint32]*upload),
	}
	if err := s.conn.SendJSON(wire.Hello, 0, wire.HelloInfo{Release: release, Boot: now.Nano()}); err != nil {
		return err
	}
	for {
		f, err := s.conn.Receive()
		if err != nil {
			return fmt.Errorf("control port: %w", err)
		}
		if f.Type == wire.Bye {
			return s.conn.Send(wire.Done, f.ID, nil)
		}
		if err := s.handle(f); err != nil {
			return err
		}
	}
}

// openPort opens the virtio-serial port of the given name. The driver adds
// ports some time after it found the device.
func openPort(name string, wait time.Duration) (*os.File, error) {
	for start := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
		if err != nil {
			return nil, err
		}
		for _, file := range names {
			text, err := os.ReadFile(file)
			if err != nil || strings.TrimSpace(string(text)) != name {
				continue
			}
			// Opened without O_NONBLOCK and so kept out of Go's poller:
			// reads and writes block a thread each, which always works.
			dev := "/dev/" + filepath.Base(filepath.Dir(file))
			fd, err := unix.Open(dev, unix.O_RDWR|unix.O_CLOEXEC, 0)
			if err == nil {
				return os.NewFile(uintptr(fd), dev), nil
			}
			if !errors.Is(err, unix.ENOENT) {
				return nil, fmt.Errorf("open %s: %w", dev, err)
			}
		}
		if time.Since(start) > wait {
			return nil, fmt.Errorf("no virtio-serial port named %s after %v", name, wait)
		}
	}
}

// handle carries out one frame. An error means that the connection can no
// longer be used; the failure of a request is sent to the host as Fail.
func (s *server) handle(f wire.Frame) error {
	switch f.Type {
	case wire.Run:
		var req wire.RunRequest
		if err := f.Decode(&req); err != nil {
			return err
		}
		return s.run(f.ID, req)
	case wire.Stdin:
		if p := s.process(f.ID); p != nil {
			p.input(f.Payload)
		}
	case wire.Signal:
		var req wire.SignalRequest
		if err := f.Decode(&req); err != nil {
			return err
		}
		if p := s.process(f.ID); p != nil {
			p.signal(req)
		}
	case wire.Put:
		var req wire.FileRequest
		if err := f.Decode(&req); err != nil {
			return err
		}
		s.puts[f.ID] = newUpload(req)
	case wire.Data:
		return s.data(f)
	case wire.Cancel:
		if u := s.puts[f.ID]; u != nil {
			u.err = errors.New("upload given up")
			return s.data(wire.Frame{ID: f.ID})
		}
	case wire.Get:
		var req wire.FileRequest
		if err := f.Decode(&req); err != nil {
			return err
		}
		go s.get(f.ID, req)
	case wire.Load:
		var req wire.LoadRequest
		if err := f.Decode(&req); err != nil {
			return err
		}
		return s.reply(f.ID, loadModule(req))
	default:
		return fmt.Errorf("control port: frame type %d is not for the guest", f.Type)
	}
	return nil
}

// reply ends a request: Done, or Fail with the reason.
func (s *server) reply(id uint32, err error) error {
	if err != nil {
		return s.conn.Send(wire.Fail, id, []byte(err.Error()))
	}
	return s.conn.Send(wire.Done, id, nil)
}

// newUpload opens a temporary file beside the wanted one, so that the file
// appears whole or not at all.
func newUpload(req wire.FileRequest) *upload {
	u := &upload{path: req.Path}
	if u.err = os.MkdirAll(filepath.Dir(req.Path), 0o755); u.err != nil {
		return u
	}
	u.file, u.err = os.CreateTemp(filepath.Dir(req.Path), ".put-*")
	if u.err == nil {
		u.temp = u.file.Name()
		u.err = u.file.Chmod(os.FileMode(req.Mode) & os.ModePerm)
	}
	return u
}

// data takes content of an upload; the empty frame completes it.
func (s *server) data(f wire.Frame) error {
	u := s.puts[f.ID]
	if u == nil {
		return fmt.Errorf("control port: data for request %d, which is no upload", f.ID)
	}
	if len(f.Payload) > 0 {
		if u.err == nil {
			_, u.err = u.file.Write(f.Payload)
		}
		return nil
	}
	delete(s.puts, f.ID)
	if u.file != nil {
		if err := u.file.Close(); u.err == nil {
			u.err = err
		}
		if u.err == nil {
			u.err = os.Rename(u.temp, u.path)
		}
		if u.err != nil {
			os.Remove(u.temp)
		}
	}
	return s.reply(f.ID, u.err)
}

// get sends a file's content as Data frames. Files of /proc and tracefs have
// no size, so it reads until the end.
func (s *server) get(id uint32, req wire.FileRequest) {
	file, err := os.Open(req.Path)
	if err != nil {
		s.reply(id, err)
		return
	}
	defer file.Close()
	var failed error
	// Keep a read error: it must not look like the end of the file.
	read := readerFunc(func(p []byte) (int, error) {
		n, err := file.Read(p)
		if err != nil && err != io.EOF {
			failed = err
		}
		return n, err
	})
	if err := s.conn.SendData(id, read); failed == nil && err != nil {
		failed = err
	}
	if failed != nil {
		s.reply(id, failed)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
