package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"probe/cmd/front/bcc"
	"probe/lang/hir"
	"probe/runtime/engine"
	"probe/runtime/machine/live/provider"
	"probe/runtime/trust"
)

// options holds the values of the options of all commands. A command reads the
// fields of the rows in flagTable that name it.
type options struct {
	command *command
	words   []string          // operands
	named   map[string]string // --name=value after "--", for the script

	program                       *string // -e
	pid                           int
	dwarfPID                      int // of --dwarf-pid
	noFollow                      bool
	cmd, comm                     string
	out, format, buffer           string
	record                        string // record -o
	replay                        string
	quiet, noWarnings, unsafe     bool
	raw                           bool
	mode                          hir.Mode
	filter                        *regexp.Regexp // --probe-filter
	strict, verbose, dryRun       bool
	keepWarnings                  int // -k, how often
	duration                      time.Duration
	maxEvents                     uint64
	live                          bool     // one screen that is drawn again
	debugDirs                     []string // folders with debug files of programs
	noFeature, traceable, btfFile string
	includes, headerDirs          []string
	kernel                        string // a tested kernel to answer for; "" for this one

	write         bool   // fmt -w
	stage         string // dump --stage
	kase, compare string // lab --case, --compare
	ipv6, trace   bool
	before, after time.Duration
	compat        bool
	force         bool    // --force
	estimate      bool    // --estimate
	budget        float64 // --budget as a share of one CPU; 0 for none, negative for off
	graph         graphOptions
	layout        *bcc.Layout // how a tool of bcc prints; nil for other commands
}

// setDuration stores a duration: "10s", "1m30s", or a number of seconds.
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

// setCount stores a number above 0.
func setCount(to *uint64, v string) error {
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is not a positive number", v)
	}
	*to = n
	return nil
}

// maxPID is PID_MAX_LIMIT, the largest process id that a 64-bit kernel assigns
// (include/linux/threads.h; A-LIM-22).
const maxPID = 4194304

// setPID stores the id of a process. It is an error if the process does not
// exist: tracing it would wait for ever for nothing.
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

// readable returns an error if a file that an option names cannot be read.
func (o *options) readable() error {
	for _, f := range []struct{ option, path string }{{"--btf", o.btfFile}, {"--traceable-functions", o.traceable}} {
		if f.path == "" {
			continue
		}
		r, err := trust.Open(f.path)
		if err != nil {
			return fmt.Errorf("%s: %s cannot be read: %w", f.option, f.path, reasonOf(err))
		}
		_ = r.Close()
	}
	return nil
}

// setIgnore stores the functions that diff leaves out.
func setIgnore(o *options, v string) error {
	o.graph.ignore = splitList(v)
	if v == "none" {
		o.graph.ignore = []string{}
	} else if len(o.graph.ignore) == 0 {
		return fmt.Errorf("%q names no function", v)
	}
	return nil
}

// setStage stores the name of a stage of the compiler.
func setStage(o *options, v string) error {
	if !slices.Contains(stages, v) {
		return fmt.Errorf("unknown stage %q: the stages are %s", v, strings.Join(stages, ", "))
	}
	o.stage = v
	return nil
}

// setBudget reads --budget: a percentage of one CPU, or of the machine.
func setBudget(o *options, v string) error {
	if v == "off" {
		o.budget = -1
		return nil
	}
	text, all := strings.CutSuffix(v, "machine")
	text, ok := strings.CutSuffix(strings.TrimSpace(text), "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if !ok || err != nil || !(n > 0 && n <= 100000) {
		return fmt.Errorf("%q is not a budget: a percentage of one CPU such as 1%%, of all CPUs such as 0.5%%machine, or off", v)
	}
	if o.budget = n / 100; all {
		o.budget *= float64(engine.CPUs())
	}
	return nil
}

// setForce has a name because several rows share it.
func setForce(o *options, _ string) error { o.force = true; return nil }

// setVerbose has a name because several rows share it.
func setVerbose(o *options, _ string) error { o.verbose = true; return nil }

// mechanisms lists the names that --no-feature accepts.
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

// terminalSize returns the rows and columns of a terminal.
func terminalSize(f *os.File) (rows, cols int) {
	if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 && size.Row > 0 {
		return int(size.Row), int(size.Col)
	}
	return 24, 80
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
