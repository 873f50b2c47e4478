package accept

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// machine runs jobs on the host or in a guest, through the command drive.
type machine struct {
	in      io.Writer
	out     *json.Decoder
	missing map[string]string // features asked for already
	asked   map[string]bool
	mu      sync.Mutex
}

// do runs a job. An error is one of the harness, not of the job.
func (m *machine) do(job *Job) (*Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	line, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	if _, err := m.in.Write(append(line, '\n')); err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	var r Result
	if err := m.out.Decode(&r); err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	return &r, nil
}

// lacks returns the features that this kernel lacks, with reasons.
func (m *machine) lacks(t *testing.T, features []string) []string {
	t.Helper()
	var ask []string
	for _, f := range features {
		if !m.asked[f] {
			ask = append(ask, f)
		}
	}
	if len(ask) > 0 {
		r, err := m.do(&Job{Features: ask})
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(m.missing, r.Missing)
		for _, f := range ask {
			m.asked[f] = true
		}
	}
	var out []string
	for _, f := range features {
		if why, not := m.missing[f]; not {
			out = append(out, f+": "+why)
		}
	}
	return out
}

func newMachine(in io.Writer, out io.Reader) *machine {
	return &machine{
		in: in, out: json.NewDecoder(out),
		missing: map[string]string{}, asked: map[string]bool{},
	}
}

// programs are the built programs, for the host and for guests.
type programs struct{ probe, drive, workload, native, nativePIE string }

// build builds the programs once in a process. The workload keeps its symbols:
// the cases attach to them.
var build = sync.OnceValues(func() (programs, error) {
	dir, err := os.MkdirTemp("", "accept-build-*")
	if err != nil {
		return programs{}, err
	}
	if err := guest.DependOnSources(); err != nil {
		return programs{}, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // cases run probe as other users
		return programs{}, err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", dir+"/", "./drive", "./workload", "../../cmd/probe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return programs{}, fmt.Errorf("build: %w\n%s", err, bytes.TrimSpace(text))
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, kind := range map[string]string{"native": "-static", "native-pie": "-static-pie"} {
		cmd = exec.Command("gcc", "-O1", "-g", kind, "-nostdlib", "-fno-stack-protector",
			"-Wl,--section-start=.watched=0x600000", "-o", at(name), "native/native.c")
		if text, err := cmd.CombinedOutput(); err != nil {
			os.RemoveAll(dir)
			return programs{}, fmt.Errorf("build the program in C: %w\n%s", err, bytes.TrimSpace(text))
		}
	}
	return programs{at("probe"), at("drive"), at("workload"), at("native"), at("native-pie")}, nil
})

// TestMain ends the guests and removes what was built.
func TestMain(m *testing.M) {
	code := guesttest.Main(m)
	if p, err := build(); err == nil {
		os.RemoveAll(filepath.Dir(p.probe))
	}
	os.Exit(code)
}

// hostMachine starts a driver on this machine.
func hostMachine(t *testing.T) *machine {
	t.Helper()
	p, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return hostMachineOf(t, p.probe, "")
}

// hostMachineOf is like hostMachine, with another program instead of probe.
// With prepare, the driver is started by a shell that runs prepare first, in a
// separate mount namespace.
func hostMachineOf(t *testing.T, program, prepare string) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to run scripts")
	}
	p, err := build()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(p.drive, program, p.workload)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if prepare != "" {
		cmd = exec.Command("sh", "-c", prepare, "sh", p.drive, program, p.workload)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Unshareflags: syscall.CLONE_NEWNS}
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m := newMachine(in, bufio.NewReader(out))
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("driver: %v", err)
		}
	})
	return m
}

// setup returns what the guests of the cases have.
func setup(t *testing.T) guesttest.Setup {
	t.Helper()
	p, err := build()
	if err != nil {
		t.Fatal(err)
	}
	s := guesttest.Network()
	s.NoProbe = true
	s.Files = map[string]string{
		"/bin/probe": p.probe, "/bin/drive": p.drive, "/bin/workload": p.workload, "/bin/native": p.native, "/bin/native-pie": p.nativePIE,
	}
	// One guest serves all tests. If the tools are not available, their tests
	// report it.
	if tools, err := classicTools(); err == nil {
		for _, tool := range tools {
			s.Files["/tools/"+filepath.Base(tool)] = tool
		}
	}
	return s
}

// guestMachine starts a driver in a guest.
func guestMachine(t *testing.T, g *guest.Guest) *machine {
	t.Helper()
	return guestMachineOf(t, g, "/bin/probe")
}

// guestMachineOf is like guestMachine, with another program instead of probe.
func guestMachineOf(t *testing.T, g *guest.Guest, program string) *machine {
	t.Helper()
	out, write := io.Pipe()
	proc, err := g.Start(t.Context(), guest.Cmd{
		Args: []string{"/bin/drive", program, "/bin/workload"}, Input: true, Stdout: write,
	})
	if err != nil {
		t.Fatal(err)
	}
	// The driver's end, or the guest's, ends the wait for a result.
	ended := make(chan struct{})
	go func() {
		_, err := proc.Wait(context.Background())
		if err == nil {
			err = io.EOF
		}
		write.CloseWithError(err)
		close(ended)
	}()
	m := newMachine(procInput{proc}, out)
	t.Cleanup(func() {
		if g.Err() != nil {
			return // said by the test
		}
		proc.CloseStdin()
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			t.Error("the driver did not end")
			proc.Kill()
		}
	})
	return m
}

// procInput writes to a process in a guest.
type procInput struct{ p *guest.Proc }

func (i procInput) Write(data []byte) (int, error) {
	return len(data), i.p.Send(string(data))
}

// onMachines calls fn for the host and for a guest of each chosen kernel.
func onMachines(t *testing.T, fn func(t *testing.T, m *machine, kernel string)) {
	t.Run("host", func(t *testing.T) { fn(t, hostMachine(t), "") })
	t.Run("guest", func(t *testing.T) {
		guesttest.RunWith(t, setup(t), func(t *testing.T, g *guest.Guest) {
			fn(t, guestMachine(t, g), g.Kernel.Name)
		})
	})
}

// files returns the case files, in order.
func files(cases []*Case) []string {
	var names []string
	for _, c := range cases {
		if !slices.Contains(names, c.File) {
			names = append(names, c.File)
		}
	}
	return names
}

// paste returns the command line of a case for a shell.
func paste(c *Case, r *Result) string {
	words := []string{"probe"}
	for _, w := range c.Command() {
		words = append(words, "'"+strings.ReplaceAll(r.Expand(w), "'", `'\''`)+"'")
	}
	return strings.Join(words, " ")
}
