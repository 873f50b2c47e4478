// Package guest boots Debian's kernels in QEMU and runs commands in them, for
// tests that need a kernel of a certain version or must not touch the one
// they run on.
//
// Boot starts a guest; Run, Start, Put and Get work in it; Close ends it. A
// guest takes two to five seconds to boot without hardware virtualisation, so
// one guest serves many cases. Its root file system is an archive in memory
// with the files of Options; it has no access to the host's files.
//
//	g, err := guest.Boot(ctx, guest.Options{Kernel: "6.12"})
//	…
//	defer g.Close()
//	res, err := g.Run(ctx, guest.Cmd{Args: []string{"uname", "-r"}})
//
// Kernels come from Debian's packages, fetched with a separate package
// configuration (Fetch), and stay in a cache folder (CacheDir). Guests need no
// root.
//
// A guest must answer through its agent and end with an exit marker on its
// console. Everything else is a CrashError with the console's last lines.
package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"probe/internal/guest/wire"
)

// Default values of Options.
const (
	DefaultMemoryMB    = 1024
	DefaultSMP         = 2
	DefaultBootTimeout = 2 * time.Minute
)

// Options selects the kernel and the contents of a guest. Only Kernel must be
// set.
type Options struct {
	Kernel string // one of KernelNames

	// Modules are inserted at boot, with the modules they depend on; names
	// that are built into the kernel are no error.
	Modules []string
	// Programs are names of commands, such as "ip", that are copied from
	// the host with their shared libraries, or from Debian's packages where
	// the host has none. See Userland.
	Programs []string
	// Files are copied into the guest: path in the guest to path of a
	// regular file on the host.
	Files map[string]string
	// Trees are folders that are copied whole, in the same way.
	Trees map[string]string
	// Bare leaves out busybox, which by default provides a shell and the common
	// small tools.
	Bare bool

	MemoryMB int  // DefaultMemoryMB when 0
	SMP      int  // number of processors; DefaultSMP when 0
	KASLR    bool // load the kernel at a random address
	// Icount makes the guest's clock count instructions, 1 ns each, on one
	// processor. CPU time then repeats within about one percent; wall time and
	// times spent sleeping mean nothing.
	Icount bool
	// NoKVM emulates the processor even where hardware virtualisation works.
	NoKVM  bool
	Params string // more kernel parameters

	BootTimeout time.Duration // DefaultBootTimeout when 0
	Console     io.Writer     // gets a copy of the console's output; may be nil
}

// Guest is a running machine. Its methods may be called from several
// goroutines.
type Guest struct {
	Kernel   *Kernel
	Release  string        // as the guest reports in uname -r
	BootTime time.Duration // from the start of QEMU until the agent answered
	KVM      bool          // runs with hardware virtualisation

	conn    *wire.Conn
	sock    net.Conn
	console *console
	qemuLog *console
	process *os.Process
	exited  chan struct{} // closed when QEMU has ended
	down    chan struct{} // closed when err is set
	sendMu  sync.Mutex
	grace   time.Duration // killGrace; shorter in tests

	mu      sync.Mutex // guards the fields below
	err     error      // why the guest can no longer be used
	nextID  uint32
	pending map[uint32]receiver
	closing bool
}

// receiver takes the frames of one request. frame must not block. down is
// called when the guest goes down before the request has ended.
type receiver interface {
	frame(f wire.Frame)
	down(err error)
}

// Boot starts a guest and returns when commands can run in it. The guest
// outlives ctx; Close ends it.
func Boot(ctx context.Context, o Options) (*Guest, error) {
	if o.MemoryMB == 0 {
		o.MemoryMB = DefaultMemoryMB
	}
	if o.SMP == 0 {
		o.SMP = DefaultSMP
	}
	if o.BootTimeout == 0 {
		o.BootTimeout = DefaultBootTimeout
	}
	if err := checkArch(); err != nil {
		return nil, err
	}
	qemu, err := qemuPath(ArchOf(o.Kernel))
	if err != nil {
		return nil, err
	}
	progress(ctx, "look for kernel %s", o.Kernel)
	k, err := Fetch(ctx, o.Kernel)
	if err != nil {
		return nil, err
	}
	progress(ctx, "put together the file system of the guest")
	initrd, err := buildInitrd(ctx, o, k)
	if err != nil {
		return nil, err
	}
	defer initrd.Close() // QEMU has its own descriptor
	kvm := !o.NoKVM && !o.Icount && k.Arch == HostArch && kvmWorks(ctx, qemu)
	how := "emulated, which is slow"
	if kvm {
		how = "with KVM"
	}
	for attempt := 1; ; attempt++ {
		progress(ctx, "boot Linux %s in QEMU, %s", k.Release, how)
		g, err := start(qemu, qemuArgs(o, k, kvm), initrd, k, o.Console)
		if err != nil {
			return nil, err
		}
		g.KVM = kvm
		err = g.awaitHello(ctx, o.BootTimeout)
		if err == nil {
			return g, nil
		}
		g.kill()
		if attempt >= bootAttempts || ctx.Err() != nil || !errors.Is(err, ErrCrashed) {
			return nil, fmt.Errorf("boot %s: %w", k.Name, err)
		}
	}
}

// bootAttempts is the maximum number of times a guest is started that goes down
// before anything ran in it. Emulation fails now and then on a busy host, which
// says nothing about the code under test.
const bootAttempts = 3

// checkArch returns an error if guests cannot run on this kind of machine.
func checkArch() error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return &Error{Op: "start a guest on " + runtime.GOOS + "/" + runtime.GOARCH, Err: ErrArch}
	}
	return nil
}

// start runs QEMU with its control connection and begins to receive.
func start(qemu string, args []string, initrd *os.File, k *Kernel, copy io.Writer) (*Guest, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("control connection: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "control")
	defer theirs.Close()
	ours := os.NewFile(uintptr(pair[0]), "control")
	sock, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		return nil, fmt.Errorf("control connection: %w", err)
	}
	g := &Guest{
		Kernel:  k,
		grace:   killGrace,
		sock:    sock,
		conn:    wire.NewConn(sock),
		console: &console{marker: []byte(wire.MarkExit + " 0"), copy: copy},
		qemuLog: &console{},
		exited:  make(chan struct{}),
		down:    make(chan struct{}),
		pending: make(map[uint32]receiver),
	}
	cmd := exec.Command(qemu, args...)
	cmd.Stdout, cmd.Stderr = g.console, g.qemuLog
	cmd.ExtraFiles = []*os.File{theirs, initrd} // see controlFD
	// The emulator must not outlive this process, however that ends. Pdeathsig
	// is sent when the starting thread ends, so that thread is kept.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(g.exited)
		}
	}()
	if err := <-started; err != nil {
		sock.Close()
		return nil, fmt.Errorf("start %s: %w", qemu, err)
	}
	g.process = cmd.Process
	return g, nil
}

// helloReceiver waits for the agent's first frame, which has the number 0.
type helloReceiver struct{ ch chan wire.Frame }

func (h helloReceiver) frame(f wire.Frame) { h.ch <- f }
func (h helloReceiver) down(error)         { close(h.ch) }

// awaitHello waits until the agent answers.
func (g *Guest) awaitHello(ctx context.Context, timeout time.Duration) error {
	begin := time.Now()
	h := helloReceiver{make(chan wire.Frame, 1)}
	g.pending[0] = h
	go g.receive()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case f, ok := <-h.ch:
		if !ok {
			return g.failure()
		}
		var info wire.HelloInfo
		if err := f.Decode(&info); err != nil {
			return err
		}
		g.Release = info.Release
		g.BootTime = time.Since(begin)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return g.crash(ErrHung, fmt.Sprintf("not up after %v", timeout))
	}
}

// receive hands frames to the requests they belong to until the connection
// ends.
func (g *Guest) receive() {
	var err error
	for {
		var f wire.Frame
		if f, err = g.conn.Receive(); err != nil {
			break
		}
		g.mu.Lock()
		r := g.pending[f.ID]
		switch f.Type {
		case wire.Hello, wire.Exit, wire.Done, wire.Fail:
			delete(g.pending, f.ID)
		case wire.Data:
			if len(f.Payload) == 0 {
				delete(g.pending, f.ID)
			}
		}
		g.mu.Unlock()
		if r != nil {
			r.frame(f)
		}
	}
	// QEMU closes the connection when it ends. Wait for its last console
	// output, which is the evidence; kill a QEMU that does not end.
	select {
	case <-g.exited:
	case <-time.After(5 * time.Second):
		g.process.Kill()
		<-g.exited
	}
	g.mu.Lock()
	closing := g.closing
	g.mu.Unlock()
	if closing {
		g.fail(ErrClosed)
		return
	}
	g.fail(g.crash(ErrCrashed, ""))
}

// crashLines is how many lines of the console a CrashError shows: a panic with
// its call trace takes about fifty.
const crashLines = 80

// crash makes a CrashError from what the console shows.
func (g *Guest) crash(kind error, reason string) *CrashError {
	text := g.console.text()
	if found := crashReason(text); found != "" {
		reason = found
	} else if reason == "" {
		reason = lastLines(g.qemuLog.text(), 1)
	}
	return &CrashError{Kernel: g.Kernel.Name, Err: kind, Reason: reason, Console: lastLines(text, crashLines)}
}

// fail ends all requests with the error; only the first one counts.
func (g *Guest) fail(err error) {
	g.mu.Lock()
	if g.err != nil {
		g.mu.Unlock()
		return
	}
	g.err = err
	waiting := g.pending
	g.pending = make(map[uint32]receiver)
	g.mu.Unlock()
	close(g.down)
	for _, r := range waiting {
		r.down(err)
	}
}

// failure returns why the guest can no longer be used, or nil.
func (g *Guest) failure() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// request registers a receiver and returns the number for its frames.
func (g *Guest) request(r receiver) (uint32, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return 0, g.err
	}
	if g.closing {
		return 0, ErrClosed
	}
	g.nextID++
	g.pending[g.nextID] = r
	return g.nextID, nil
}

// sendTimeout is the maximum time for sending a frame: the guest's agent reads
// at all times, so a guest that does not read is hung.
const sendTimeout = time.Minute

// send writes a frame. A failure means that the guest can no longer be used.
func (g *Guest) send(t wire.Type, id uint32, payload []byte) error {
	g.sendMu.Lock()
	g.sock.SetWriteDeadline(time.Now().Add(sendTimeout))
	err := g.conn.Send(t, id, payload)
	g.sendMu.Unlock()
	if err == nil {
		return nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		g.hang(fmt.Sprintf("it took no input for %v", sendTimeout))
	}
	// The receiving goroutine finds the reason and sets g.err.
	<-g.down
	return g.failure()
}

// hang kills a guest that does not answer.
func (g *Guest) hang(reason string) {
	g.fail(g.crash(ErrHung, reason))
	g.kill()
}

// kill ends QEMU at once.
func (g *Guest) kill() {
	g.process.Kill()
	<-g.exited
	g.sock.Close()
}

// ConsoleText returns the end of what the guest printed on its console.
func (g *Guest) ConsoleText() string { return g.console.text() }

// Err returns nil while the guest works, else the reason why it does not: a
// *CrashError, or ErrClosed.
func (g *Guest) Err() error { return g.failure() }

// closeTimeout is how long a guest may take to power off.
const closeTimeout = 20 * time.Second

// Close powers the guest off. It returns a *CrashError when the guest went
// down before, or goes down without its exit marker. Closing it again returns
// nil.
func (g *Guest) Close() error {
	g.mu.Lock()
	if g.closing {
		g.mu.Unlock()
		<-g.exited
		return nil
	}
	g.closing = true
	err := g.err
	g.nextID++
	id := g.nextID
	g.mu.Unlock()
	if err != nil {
		g.kill()
		return err
	}
	if err := g.send(wire.Bye, id, nil); err != nil && !errors.Is(err, ErrClosed) {
		return err
	}
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-g.exited:
	case <-timer.C:
		err := g.crash(ErrHung, fmt.Sprintf("not powered off after %v", closeTimeout))
		g.kill()
		return err
	}
	g.sock.Close()
	if !g.console.done() {
		return g.crash(ErrCrashed, "")
	}
	return nil
}
