package lab

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// here starts a process in the namespace the test is in.
func here(f func() error) error { return f() }

// freePort returns a port of the loopback link that nobody listened on a moment
// ago.
func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

// start starts a child and kills it with the test.
func start(t *testing.T, config childConfig) *process {
	t.Helper()
	p, err := startProcess(here, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

// The two processes talk over the loopback link, outside of any lab.
func TestClientAndServer(t *testing.T) {
	t.Parallel()
	addr := freePort(t)
	server := start(t, childConfig{Role: roleServer, Local: addr})
	if err := server.awaitEvent(t.Context(), eventListening); err != nil {
		t.Fatal(err)
	}
	client := start(t, childConfig{
		Role: roleClient, Local: netip.MustParseAddrPort("127.0.0.1:0"), Remote: addr, Every: 20 * time.Millisecond,
	})
	if err := client.awaitEvent(t.Context(), eventConnected); err != nil {
		t.Fatal(err)
	}
	if err := server.awaitTransfer(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*process{client, server} {
		tasks, err := filepath.Glob("/proc/" + strconv.Itoa(p.pid()) + "/task/*/comm")
		if err != nil || len(tasks) == 0 {
			t.Fatalf("threads of %s: %v, %v", p.role, tasks, err)
		}
		for _, task := range tasks {
			if comm, err := os.ReadFile(task); err == nil && string(comm) != p.role+"\n" {
				t.Errorf("%s: got %q, want %q", task, comm, p.role)
			}
		}
	}
	// A few reports, so that the last one is not the only one.
	err := server.await(t.Context(), "20 reads", startLimit, func() bool { return len(server.log) >= 20 })
	if err != nil {
		t.Fatal(err)
	}
	if err := client.finish(); err != nil {
		t.Fatal(err)
	}
	if err := server.finish(); err != nil {
		t.Fatal(err)
	}
	local, remote, sends, _ := client.result()
	if remote != addr || local.Addr() != addr.Addr() || local.Port() == 0 {
		t.Errorf("the client's connection: got %v to %v, want 127.0.0.1 and a port to %v", local, remote, addr)
	}
	sent, received := 0, 0
	for i, s := range sends {
		if s.Bytes != 11 || s.Error != "" {
			t.Errorf("send %d: got %+v, want 11 bytes", i, s)
		}
		if i > 0 && s.At <= sends[i-1].At {
			t.Errorf("send %d at %d, not after send %d at %d", i, s.At, i-1, sends[i-1].At)
		}
		sent += s.Bytes
	}
	_, _, reads, _ := server.result()
	for _, r := range reads {
		received += r.Bytes
	}
	// What was sent last may have been cut off by the reset at the end, or have
	// been sent after the last report.
	if received > sent+11 || received < sent-2*11 {
		t.Errorf("the server received %d bytes of %d", received, sent)
	}
}

func TestClientWithoutServer(t *testing.T) {
	t.Parallel()
	addr := freePort(t)
	client := start(t, childConfig{
		Role: roleClient, Local: netip.MustParseAddrPort("127.0.0.1:0"), Remote: addr, Every: time.Millisecond,
	})
	err := client.awaitEvent(t.Context(), eventConnected)
	if err == nil || !strings.Contains(err.Error(), "lab-client: connect 127.0.0.1 to "+addr.String()+": connection refused") {
		t.Errorf("a client without a server: got error %v", err)
	}
	if again := client.finish(); again == nil {
		t.Error("finish of a client that failed: got no error")
	}
}

func TestServerOnForeignAddress(t *testing.T) {
	t.Parallel()
	// 192.0.2.0/24 is for documentation: no machine has it.
	server := start(t, childConfig{Role: roleServer, Local: netip.MustParseAddrPort("192.0.2.1:7000")})
	err := server.awaitEvent(t.Context(), eventListening)
	if err == nil || !strings.Contains(err.Error(), "bind to 192.0.2.1:7000") {
		t.Errorf("a server on a foreign address: got error %v", err)
	}
}

func TestChildKilled(t *testing.T) {
	t.Parallel()
	server := start(t, childConfig{Role: roleServer, Local: freePort(t)})
	if err := server.awaitEvent(t.Context(), eventListening); err != nil {
		t.Fatal(err)
	}
	server.cmd.Process.Kill()
	<-server.done
	if err := server.ended(); err == nil || !strings.Contains(err.Error(), "lab-server ended early: signal: killed") {
		t.Errorf("a killed server: got error %v", err)
	}
	if err := server.awaitTransfer(t.Context()); err == nil {
		t.Error("waiting for a killed server: got no error")
	}
}

func TestMaybeChildBadConfig(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"=nonsense")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), "error: read "+childEnv) {
		t.Errorf("a child with a bad configuration: got %v and %q, want exit code 2 and the reason", err, out)
	}
}

func TestTail(t *testing.T) {
	var got tail
	for range 3 {
		got.Write([]byte(strings.Repeat("x", tailSize)))
	}
	got.Write([]byte("end"))
	if s := got.String(); len(s) != tailSize || !strings.HasSuffix(s, "xend") {
		t.Errorf("a tail after much output: got %d bytes ending in %q, want %d ending in xend", len(s), s[max(0, len(s)-4):], tailSize)
	}
}
