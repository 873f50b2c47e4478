package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"probe/test/accept"
)

// driver runs jobs with these programs.
type driver struct{ probe, workload string }

// signals are the ones of accept.Step.
var signals = map[string]syscall.Signal{
	"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL,
	"USR1": syscall.SIGUSR1, "QUIT": syscall.SIGQUIT,
}

// do carries out one job.
func (d *driver) do(job *accept.Job) *accept.Result {
	if job.Features != nil {
		return &accept.Result{Missing: missing(job.Features)}
	}
	r := &accept.Result{Workload: d.workload}
	if err := d.run(job, r); err != nil {
		r.Problem = err.Error()
	}
	return r
}

// run carries out a job and fills in the result.
func (d *driver) run(job *accept.Job, r *accept.Result) error {
	dir, err := os.MkdirTemp("", "accept-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r.Dir = dir
	ctx, cancel := context.WithTimeout(context.Background(), job.Timeout)
	defer cancel()

	env := append(os.Environ(), "PATH="+filepath.Dir(d.workload)+":"+os.Getenv("PATH"), "TZ=UTC", "LC_ALL=C")
	var load *process
	if job.Workload != nil {
		words := make([]string, len(job.Workload))
		for i, w := range job.Workload {
			words[i] = r.Expand(w)
		}
		load, err = startHeld(d.workload, words, dir, env)
		if err != nil {
			return err
		}
		defer load.kill()
		r.WorkloadPid = load.cmd.Process.Pid
	}
	for name, text := range job.Files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(r.Expand(text)), 0o755); err != nil {
			return err
		}
	}
	args := make([]string, len(job.Probe))
	for i, a := range job.Probe {
		args[i] = r.Expand(a)
	}
	begin := time.Now()
	cmd := exec.Command(d.probe, args...)
	if job.As != "" {
		cmd.Args[0] = job.As
	}
	if job.User != 0 {
		// Otherwise only root could use the working directory.
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(job.User), Gid: uint32(job.User)}}
	}
	p, err := start(cmd, dir, append(env, job.Env...), strings.NewReader(job.Stdin))
	if err != nil {
		return err
	}
	defer p.kill()
	r.Pid = p.cmd.Process.Pid
	problem := play(ctx, job.Steps, p, load)
	if problem == nil {
		problem = p.wait(ctx)
	}
	if errors.Is(problem, context.DeadlineExceeded) {
		problem = fmt.Errorf("probe did not end within %v", job.Timeout)
		p.dump()
	}
	if problem != nil {
		p.kill()
	}
	r.Wall = time.Since(begin)
	r.Stdout, r.Stderr = p.out.bytes(), p.err.bytes()
	r.Status = p.cmd.ProcessState.ExitCode()
	if ws := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		r.Signal = unix.SignalName(ws.Signal())
	}
	if load != nil {
		load.kill()
		r.WorkloadOutput = string(load.out.bytes()) + string(load.err.bytes())
		if code := load.cmd.ProcessState.ExitCode(); problem == nil && code > 0 {
			problem = fmt.Errorf("the workload ended with status %d: %s", code, r.WorkloadOutput)
		}
	}
	return problem
}

// play carries out the steps.
func play(ctx context.Context, steps []accept.Step, p, load *process) error {
	for _, s := range steps {
		var err error
		switch s.Do {
		case "attached":
			err = p.attached(ctx)
		case "release":
			err = load.release()
		case "workload":
			err = load.wait(ctx)
		case "signal":
			sig, ok := signals[s.Arg]
			if !ok {
				return fmt.Errorf("unknown signal %q", s.Arg)
			}
			// A program that has ended already is judged by its status and
			// output.
			if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return err
			}
		case "stdout":
			err = p.out.expect(ctx, s.Arg)
		case "stderr":
			err = p.err.expect(ctx, s.Arg)
		case "pause":
			time.Sleep(time.Second)
		case "end":
			err = p.wait(ctx)
		}
		if errors.Is(err, io.EOF) {
			// The result has what probe printed instead.
			return fmt.Errorf("step %q: probe ended before", strings.TrimSpace(s.Do+" "+s.Arg))
		}
		if err != nil {
			return fmt.Errorf("step %q: %w", strings.TrimSpace(s.Do+" "+s.Arg), err)
		}
	}
	return nil
}
