package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"probe/runtime/watchdog"
)

// MaybeChild turns the process into a lab's client or server when it was
// started as one, and then never returns. In any other process it does nothing.
// main calls it first, and so does the TestMain of a package that runs labs.
func MaybeChild() {
	text, ok := os.LookupEnv(childEnv)
	if !ok {
		return
	}
	config, err := parseChildConfig(text)
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe: error:", err)
		os.Exit(2)
	}
	os.Exit(runChild(config, os.Stdin, os.Stdout))
}

// A child holds the state of a client or server process.
type child struct {
	config childConfig
	fd     int // the connection, or -1

	mu        sync.Mutex // guards what follows, and whole lines of out
	out       *json.Encoder
	local     netip.AddrPort
	remote    netip.AddrPort
	transfers []transfer
	started   bool // the first transfer was reported
	ended     bool // the last message was written
}

// runChild works until in ends, and returns the exit code. Its last line is a
// final report.
func runChild(config childConfig, in io.Reader, out io.Writer) int {
	c := &child{config: config, fd: -1, out: json.NewEncoder(out)}
	// All work is done on one locked thread, the one whose name is set, and
	// blocks in system calls there: a tracer sees a plain process.
	go func() {
		defer watchdog.Report()
		runtime.LockOSThread()
		if err := setComm(config.Role); err != nil {
			c.fail(err)
			return
		}
		work := c.serve
		if config.Role == roleClient {
			work = c.send
		}
		if err := work(); err != nil {
			c.fail(err)
		}
	}()
	go func() {
		defer watchdog.Report()
		for range time.Tick(time.Second) {
			c.report(eventReport)
		}
	}()
	io.Copy(io.Discard, in)
	c.report(eventFinal)
	// No report counts bytes sent after the last one, so close the connection
	// now and not when the process exits.
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd >= 0 {
		unix.Close(c.fd)
	}
	return 0
}

// setComm names the process and all its threads; later ones inherit the name
// from the thread that makes them. prctl(PR_SET_NAME) would name the calling
// thread only. It repeats, since a thread that has no name yet can create
// another one while the list is read.
func setComm(name string) error {
	for unnamed := true; unnamed; {
		tasks, err := filepath.Glob("/proc/self/task/*/comm")
		if err != nil {
			return err
		}
		unnamed = false
		for _, path := range tasks {
			comm, err := os.ReadFile(path)
			if err == nil && string(comm) == name+"\n" {
				continue
			}
			unnamed = true
			if err == nil {
				err = os.WriteFile(path, []byte(name), 0)
			}
			if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("set the name of the process: %w", err)
			}
		}
	}
	return nil
}

// send runs the client: it connects, then sends a few bytes at each interval
// until an error ends the connection for good.
func (c *child) send() error {
	fd, err := newSocket(c.config.Local)
	if err != nil {
		return err
	}
	remote := c.config.Remote
	if err := ignoreEINTR(func() error { return unix.Connect(fd, sockaddr(remote)) }); err != nil {
		return fmt.Errorf("connect %s to %s: %w", c.config.Local.Addr(), remote, err)
	}
	c.connected(fd, eventConnected)
	next := time.Now()
	for n := 1; ; n++ {
		text := fmt.Appendf(nil, "lab %06d\n", n%1e6) // 11 bytes
		var sent int
		err := ignoreEINTR(func() (err error) { sent, err = unix.Write(fd, text); return err })
		c.record(sent, err)
		// After one of these the connection is gone, and each further send
		// returns EPIPE.
		if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.ETIMEDOUT) {
			return nil
		}
		next = next.Add(c.config.Every)
		time.Sleep(time.Until(next))
	}
}

// serve runs the server: it accepts one connection and reads until its end.
func (c *child) serve() error {
	fd, err := newSocket(c.config.Local)
	if err != nil {
		return err
	}
	if err := unix.Listen(fd, 1); err != nil {
		return fmt.Errorf("listen on %s: %w", c.config.Local, err)
	}
	c.write(message{Event: eventListening, Local: c.config.Local})
	var conn int
	err = ignoreEINTR(func() (err error) { conn, _, err = unix.Accept4(fd, unix.SOCK_CLOEXEC); return err })
	if err != nil {
		return fmt.Errorf("accept on %s: %w", c.config.Local, err)
	}
	c.connected(conn, eventAccepted)
	buf := make([]byte, 4096)
	for {
		var n int
		err := ignoreEINTR(func() (err error) { n, err = unix.Read(conn, buf); return err })
		if n == 0 && err == nil {
			return nil // the client has closed the connection
		}
		c.record(n, err)
		if err != nil {
			return nil
		}
	}
}

// newSocket returns a TCP socket bound to an address.
func newSocket(local netip.AddrPort) (int, error) {
	family := unix.AF_INET
	if local.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("make a socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return -1, fmt.Errorf("set TCP_NODELAY: %w", err)
	}
	// Close at once, with a reset: a socket that still tried to deliver its
	// last bytes would keep the namespace alive for minutes. An accepted
	// connection inherits the option.
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return -1, fmt.Errorf("set SO_LINGER: %w", err)
	}
	if err := unix.Bind(fd, sockaddr(local)); err != nil {
		return -1, fmt.Errorf("bind to %s: %w", local, err)
	}
	return fd, nil
}

// connected stores the connection's descriptor and reports it.
func (c *child) connected(fd int, why event) {
	c.mu.Lock()
	c.fd = fd
	if sa, err := unix.Getsockname(fd); err == nil {
		c.local = addrPort(sa)
	}
	if sa, err := unix.Getpeername(fd); err == nil {
		c.remote = addrPort(sa)
	}
	c.mu.Unlock()
	c.report(why)
}

// record stores the result of one send or read. It reports the first one at
// once, since the parent waits for it.
func (c *child) record(n int, err error) {
	t := transfer{At: monotonic(), Bytes: n}
	if err != nil {
		t.Bytes, t.Error = 0, errnoName(err)
	}
	c.mu.Lock()
	c.transfers = append(c.transfers, t)
	first := !c.started
	c.started = true
	c.mu.Unlock()
	if first {
		c.report(eventReport)
	}
}

// report writes what happened since the last report.
func (c *child) report(why event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := message{Event: why, Local: c.local, Remote: c.remote, Transfers: c.transfers}
	if c.fd >= 0 && c.config.Role == roleClient {
		if n, err := unix.IoctlGetInt(c.fd, unix.SIOCOUTQ); err == nil {
			m.Queued = n
		}
	}
	c.transfers = nil
	c.encode(m)
}

// fail reports to the parent why the child cannot do its work.
func (c *child) fail(err error) {
	c.write(message{Event: eventFailed, Error: err.Error()})
}

func (c *child) write(m message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.encode(m)
}

// encode writes a line; mu is held. A write error is ignored: it means that the
// parent has ended, and the child ends with it.
func (c *child) encode(m message) {
	if c.ended {
		return
	}
	c.ended = m.Event == eventFinal
	c.out.Encode(m)
}

// ignoreEINTR repeats a system call that a signal interrupted; Go's scheduler
// sends signals to its threads.
func ignoreEINTR(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// sockaddr converts an address to the form that package unix takes.
func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

// addrPort is the inverse of sockaddr; it returns the zero value for a family
// other than IPv4 and IPv6.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
