package main

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// more is work that needs a machine made ready for it: block devices, mounts,
// datagrams, segments without an answer, memory that runs out, and a program that
// uses the libraries of the tracer's root.
type more struct {
	program *exec.Cmd // in the tracer's root, nil if that has no Python
	in      io.WriteCloser
	out     *bufio.Reader
}

// Where the work happens.
const (
	blockDevice = "/dev/loop6"
	swapDevice  = "/dev/loop7"
	groups      = "/tmp/groups"
	// silent is an address of TEST-NET-1 behind a device that drops everything.
	silent = "192.0.2.9"
)

// libraries is the program that uses the C library and OpenSSL: it does so once for
// each line that it reads, and then writes one.
//
//go:embed libraries.py
var libraries string

// prepareMore makes the machine ready.
func prepareMore(o *options) (*more, error) {
	sh := `set -e
		dd if=/dev/zero of=/tmp/disk bs=1M count=4; losetup ` + blockDevice + ` /tmp/disk
		dd if=/dev/zero of=/tmp/swap bs=1M count=64; losetup ` + swapDevice + ` /tmp/swap; mkswap ` + swapDevice + `; swapon ` + swapDevice + `
		ip link set lo up; ip link add d0 type dummy; ip addr add 192.0.2.1/24 dev d0; ip link set d0 up
		ip neigh add ` + silent + ` lladdr 02:00:00:00:00:09 dev d0
		mkdir ` + groups + `; mount -t cgroup2 none ` + groups + `; echo +memory >` + groups + `/cgroup.subtree_control
		mkdir ` + groups + `/swaps ` + groups + `/full
		echo 12M >` + groups + `/swaps/memory.max
		echo 12M >` + groups + `/full/memory.max; echo 0 >` + groups + `/full/memory.swap.max`
	if _, err := os.Stat(groups); errors.Is(err, os.ErrNotExist) {
		if out, err := exec.Command("/bin/busybox", "sh", "-c", sh).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("the work cannot be prepared: %w: %s", err, out)
		}
	}
	m := &more{}
	if _, err := os.Stat(filepath.Join(o.root, "usr/bin/python3")); err != nil || o.root == "" {
		return m, nil
	}
	m.program = &exec.Cmd{Path: "/usr/bin/python3", Args: []string{"python3", "-c", libraries}, Dir: "/", Stderr: os.Stderr,
		SysProcAttr: &syscall.SysProcAttr{Chroot: o.root}}
	var err error
	if m.in, err = m.program.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := m.program.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := m.program.Start(); err != nil {
		return nil, err
	}
	m.out = bufio.NewReader(out)
	_, err = m.out.ReadString('\n')
	return m, err
}

// work does all of it once. Some of it fails on purpose.
func (m *more) work() error {
	if f, err := os.OpenFile(blockDevice, os.O_RDWR|unix.O_DIRECT, 0); err == nil {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			return err
		}
		for i := range int64(5) {
			f.WriteAt(b, i*4096)
			f.ReadAt(b, i*4096)
		}
		f.Sync()
		f.Close()
		unix.Munmap(b)
	}
	if dir, err := os.MkdirTemp("", "mount-*"); err == nil {
		unix.Mount("none", dir, "tmpfs", 0, "")
		unix.Unmount(dir, 0)
		os.Remove(dir)
	}
	datagrams()
	if f, err := os.OpenFile("/dev/ttyS0", os.O_WRONLY|unix.O_NOCTTY, 0); err == nil {
		f.WriteString("\n")
		f.Close()
	}
	// The first segment is sent again after a second.
	net.DialTimeout("tcp", silent+":80", 1500*time.Millisecond)
	exec.Command("/bin/meter", "-eat", "16", "-passes", "2", "-group", groups+"/swaps").Run()
	exec.Command("/bin/meter", "-eat", "24", "-passes", "1", "-group", groups+"/full").Run()
	if m.program == nil {
		return nil
	}
	if _, err := io.WriteString(m.in, "\n"); err != nil {
		return err
	}
	_, err := m.out.ReadString('\n')
	return err
}

// datagrams sends three and receives them.
func datagrams() {
	s, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return
	}
	defer s.Close()
	c, err := net.Dial("udp", s.LocalAddr().String())
	if err != nil {
		return
	}
	defer c.Close()
	for range 3 {
		c.Write(make([]byte, 100))
		s.SetReadDeadline(time.Now().Add(time.Second))
		s.ReadFrom(make([]byte, 100))
	}
}

// pid returns the number of the program with libraries, 0 if there is none.
func (m *more) pid() int {
	if m.program == nil {
		return 0
	}
	return m.program.Process.Pid
}

func (m *more) end() {
	if m.program != nil {
		m.in.Close()
		m.program.Wait()
	}
}

// eat touches so many MiB of memory in a control group, in several passes.
func eat(mb, passes int, group string) error {
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0); err != nil {
		return err
	}
	b, err := unix.Mmap(-1, 0, mb<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	for range passes {
		for i := 0; i < len(b); i += 4096 {
			b[i]++
		}
	}
	return nil
}

// withPID replaces @libraries in arguments by the number of the program with libraries.
func (m *more) withPID(args []string) {
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "@libraries", strconv.Itoa(m.pid()))
	}
}
