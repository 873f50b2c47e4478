package accept

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Step is one thing the driver does while probe runs.
//
//	attached      wait until probe says that it has attached
//	release       let the workload go
//	workload      wait for the end of the workload
//	signal NAME   send probe a signal: INT, TERM, KILL, USR1
//	stdout RE     wait until standard output matches, after the last match
//	stderr RE     the same for standard error
//	pause         wait a second, for programs whose progress nothing shows
//	end           wait for the end of probe; the last step is always this one
type Step struct {
	Do  string
	Arg string
}

// steps are the words of Step, and whether they take an argument.
var steps = map[string]bool{
	"attached": false, "release": false, "pause": false, "workload": false, "signal": true,
	"stdout": true, "stderr": true, "end": false,
}

func parseStep(line string) (Step, error) {
	do, arg, has := strings.Cut(line, " ")
	takes, known := steps[do]
	if !known {
		return Step{}, fmt.Errorf("unknown step %q", do)
	}
	if takes != has {
		return Step{}, fmt.Errorf("step %q: an argument is needed by signal, stdout and stderr, and by no other", line)
	}
	if do == "stdout" || do == "stderr" {
		if _, err := regexp.Compile(arg); err != nil {
			return Step{}, err
		}
	}
	return Step{Do: do, Arg: arg}, nil
}

// Job is one case for the driver, without what is expected. The driver reads
// one as a line of JSON, runs it and writes a Result.
type Job struct {
	Probe    []string // command line after the program's name
	Workload []string // words for the workload; nil for none
	Files    map[string]string
	Env      []string
	Stdin    string
	User     int    // user and group of probe; 0 is root
	As       string // name that probe is called by; "" for its own
	Steps    []Step
	Timeout  time.Duration

	// Features, if set, makes the driver test features of the kernel instead,
	// such as "kprobe".
	Features []string
}

// Result is the outcome of a Job.
type Result struct {
	Stdout, Stderr []byte
	Status         int    // exit status; -1 when a signal ended probe
	Signal         string // that signal, or ""
	Wall           time.Duration

	Pid         int // of probe
	WorkloadPid int
	Workload    string // its program
	Dir         string // the working directory

	WorkloadOutput string // both streams
	// Problem is the reason why the job could not be carried out: a step whose
	// condition never held, a workload that failed, the time limit. It is "" if
	// all went well.
	Problem string

	// Missing answers Job.Features: the features that this kernel lacks, with
	// the reason.
	Missing map[string]string
}

// Job returns the case's job.
func (c *Case) Job() *Job {
	return &Job{
		Probe: c.Command(), Workload: c.Run, Files: c.Files, Env: c.Env,
		Stdin: c.Stdin, User: c.User, As: c.As, Steps: c.Do, Timeout: c.Timeout,
	}
}

// Expand replaces the placeholders in a text.
func (r *Result) Expand(text string) string {
	return strings.NewReplacer(
		"<<pid>>", fmt.Sprint(r.WorkloadPid),
		"<<workload>>", r.Workload,
		"<<native>>", filepath.Join(filepath.Dir(r.Workload), "native"),
		"<<dir>>", r.Dir,
		"<<probe>>", fmt.Sprint(r.Pid),
	).Replace(text)
}
