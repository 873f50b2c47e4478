package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/provider"
)

// options is what a command line asks for.
type options struct {
	command *command
	words   []string          // operands
	named   map[string]string // --name=value after "--", for the script

	program                       *string // -e
	pid                           int
	cmd, comm                     string
	out, format, buffer           string
	record                        string // record -o
	replay                        string
	quiet, noWarnings, unsafe     bool
	raw                           bool
	strict, verbose, dryRun       bool
	keepWarnings                  int // -k, how often
	duration                      time.Duration
	maxEvents                     uint64
	noFeature, traceable, btfFile string
	includes, headerDirs          []string
	kernel                        string // a tested kernel to answer for; "" for this one

	write         bool   // fmt -w
	stage         string // dump --stage
	kase, compare string // lab --case, --compare
	ipv6, trace   bool
	before, after time.Duration
	compat        bool
	graph         graphOptions
}

// setDuration takes "10s", "1m30s", or a number of seconds.
func setDuration(to *time.Duration, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil {
		n, numErr := strconv.ParseUint(v, 10, 31)
		if numErr != nil {
			return fmt.Errorf("%q is not a duration such as 10s or 1m30s", v)
		}
		d = time.Duration(n) * time.Second
	}
	if d <= 0 {
		return fmt.Errorf("%q is not a positive duration", v)
	}
	*to = d
	return nil
}

// setCount takes a number above 0.
func setCount(to *uint64, v string) error {
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is not a positive number", v)
	}
	*to = n
	return nil
}

// maxPID is the largest process id the kernel gives out (A-LIM-22).
const maxPID = 4194304

// setPID takes the id of a process that exists.
func setPID(to *int, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 || n > maxPID {
		return fmt.Errorf("%q is not a process id: a number from 1 to %d", v, maxPID)
	}
	if err := unix.Kill(n, 0); err == unix.ESRCH {
		return fmt.Errorf("process %d does not exist", n)
	}
	*to = n
	return nil
}

// setIgnore takes the functions that diff leaves out.
func setIgnore(o *options, v string) error {
	o.graph.ignore = splitList(v)
	if v == "none" {
		o.graph.ignore = []string{}
	} else if len(o.graph.ignore) == 0 {
		return fmt.Errorf("%q names no function", v)
	}
	return nil
}

// setStage takes a stage of the compiler.
func setStage(o *options, v string) error {
	if !slices.Contains(stages, v) {
		return fmt.Errorf("unknown stage %q: the stages are %s", v, strings.Join(stages, ", "))
	}
	o.stage = v
	return nil
}

// setVerbose has a name because several rows share it.
func setVerbose(o *options, _ string) error { o.verbose = true; return nil }

// mechanisms are what --no-feature can name.
var mechanisms = provider.Mechanisms()

func (o *options) setNoFeature(v string) error {
	for _, f := range strings.Split(v, ",") {
		if !slices.Contains(mechanisms, f) {
			return fmt.Errorf("unknown feature %q: %s can be left out", f, strings.Join(mechanisms, ", "))
		}
	}
	o.noFeature = v
	return nil
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
