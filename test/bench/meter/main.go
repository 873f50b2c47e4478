// Command meter runs in a guest and measures a tracer from outside: what it
// costs to run, how soon it is attached, what an event costs, and whether
// events get lost. It only knows the tracer's command line, so that all tracers
// are measured in the same way.
//
//	meter [FLAGS] cpu      -- TRACER...   CPU time from exec to exit
//	meter [FLAGS] attached -- TRACER...   wall time from exec to the first event
//	meter [FLAGS] event    -- TRACER...   cost of one event
//	meter [FLAGS] lost     -- TRACER...   events that were never printed
//	meter [FLAGS] tool     -- TRACER...   size and cost of all programs of a script
//	meter [FLAGS] graphs   -- TRACER...   cost of a call graph
//	meter [FLAGS] hooked   -- TRACER...   wall time from exec to recording
//	meter [FLAGS] storm    -- TRACER...   calls without a pause: seen and lost
//
// The result is one line of JSON, a Result. "PID" in the tracer's arguments
// stands for meter's own process, whose getppid calls are the events.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Result is what one measurement found. Times are in nanoseconds; in a guest
// that counts instructions they are instructions.
type Result struct {
	CPU      int64   // user and system time of the tracer
	Peak     int64   // resident memory in bytes, at least that of meter when it started the tracer
	Wall     int64   // until the first event was seen
	End      int64   // from SIGINT to exit
	Program  float64 // of the BPF program, for one event
	Whole    float64 // of the traced process, for one event, without the statistics
	Insns    int     // of all programs, as the kernel has translated them
	Events   uint64  // that the program ran for, or that were made
	Printed  uint64  // lines about events
	Reported uint64  // lost events the tracer itself told of
	Exit     int
	Output   string // the tracer's last words, when it did not do what it should
}

// options are the flags of one measurement.
type options struct {
	root     string // folder the tracer takes for its root
	calls    int
	rounds   int
	say      string // how to know that a recorder of graphs records
	duration time.Duration
	threads  int // of a storm
	more     bool
}

func main() {
	// One thread makes all the calls, and its CPU time is read.
	runtime.LockOSThread()
	var o options
	flag.StringVar(&o.root, "root", "", "folder that the tracer runs in as its root")
	flag.IntVar(&o.calls, "calls", 1000, "events in a round")
	flag.IntVar(&o.rounds, "rounds", 20, "rounds, with a pause between them")
	flag.StringVar(&o.say, "say", "", "the recorder is ready when its output has this `pattern`, without one when function_graph is on")
	flag.IntVar(&o.threads, "threads", 1, "threads that make a storm")
	flag.DurationVar(&o.duration, "for", time.Minute, "length of a storm")
	flag.BoolVar(&o.more, "more", false, "a tool's work is also about block devices, mounts, memory that runs out, and libraries; @libraries in arguments is a program in the tracer's root that uses them")
	mb := flag.Int("eat", 0, "touch so many MiB of memory and end")
	passes := flag.Int("passes", 1, "how often they are touched")
	group := flag.String("group", "", "control group to enter before")
	flag.Parse()
	if *mb > 0 {
		if err := eat(*mb, *passes, *group); err != nil {
			fmt.Fprintln(os.Stderr, "meter:", err)
			os.Exit(1)
		}
		return
	}
	words := flag.Args()
	if len(words) < 3 || words[1] != "--" {
		fmt.Fprintln(os.Stderr, "usage: meter [-root DIR] [-calls N] [-rounds N] [-say PATTERN] [-for D] [-threads N] cpu|attached|event|lost|tool|graphs|hooked|storm -- TRACER...")
		os.Exit(2)
	}
	measures := map[string]func(*options, []string) (*Result, error){
		"cpu": cpu, "attached": attached, "event": event, "lost": lost,
		"graphs": graphs, "hooked": hooked, "storm": storm, "tool": tool,
	}
	f := measures[words[0]]
	if f == nil {
		fmt.Fprintf(os.Stderr, "meter: no measurement %q\n", words[0])
		os.Exit(2)
	}
	args := words[2:]
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "PID", strconv.Itoa(os.Getpid()))
	}
	r, err := f(&o, args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "meter:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		os.Exit(1)
	}
}

// errNotAttached is returned when a tracer ended, or did nothing, before it
// saw an event.
var errNotAttached = errors.New("the tracer saw no event")
