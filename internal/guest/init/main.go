// Command init is the first process of a guest: a static program that makes
// the machine usable, starts the agent, and ends the machine.
//
// As process 1 it mounts the kernel's file systems, lifts resource limits,
// inserts modules, brings the loopback device up, prints the ready marker on
// the console and starts itself again as the agent, which carries out the
// host's requests. It then only collects orphaned processes. When the agent
// ends it prints the exit marker and powers off. A guest that goes down
// without that marker has crashed, which is how the host tells the two apart.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"probe/internal/guest/wire"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "agent" {
		if err := agent(); err != nil {
			fmt.Printf("guest agent: %v\n", err)
			os.Exit(1)
		}
		return
	}
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "init: this program is the first process of a test guest and does nothing elsewhere")
		os.Exit(2)
	}
	code := 0
	if err := boot(); err != nil {
		fmt.Printf("guest init: %v\n", err)
		code = 1
	}
	fmt.Printf("\n%s %d\n", wire.MarkExit, code)
	// The console is a serial line: give it the time to send its last bytes.
	unix.Sync()
	time.Sleep(20 * time.Millisecond)
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}

// boot sets the machine up, runs the agent to its end and reports whether
// everything went well.
func boot() error {
	if err := mounts(); err != nil {
		return err
	}
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	// Before 5.11 maps and programs of BPF are charged to this limit.
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unlimited); err != nil {
		return fmt.Errorf("lift RLIMIT_MEMLOCK: %w", err)
	}
	var conf wire.Config
	text, err := os.ReadFile(wire.ConfigPath)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &conf); err != nil {
		return fmt.Errorf("%s: %w", wire.ConfigPath, err)
	}
	if err := unix.Sethostname([]byte(conf.Hostname)); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	for _, m := range conf.Modules {
		if err := loadModule(m); err != nil {
			return err
		}
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	agent := exec.Command("/init", "agent")
	agent.Stdout, agent.Stderr = os.Stdout, os.Stderr
	agent.Env = environment()
	if err := agent.Start(); err != nil {
		return err
	}
	return reap(agent.Process.Pid)
}

// environment returns what every process of the guest starts with.
func environment() []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root",
		"USER=root",
		"TERM=linux",
		"LANG=C.UTF-8",
	}
}

// reap collects every child, as process 1 must, until the agent has ended.
func reap(agent int) error {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("wait for the agent: %w", err)
		case pid != agent:
			continue
		case status.Signaled():
			return fmt.Errorf("agent ended by signal %v", status.Signal())
		case status.ExitStatus() != 0:
			return fmt.Errorf("agent ended with status %d", status.ExitStatus())
		}
		return nil
	}
}
