// Command front measures the compiler alone: reading, checking and compiling
// scripts for the kernel it runs on, in one process. In a guest that counts
// instructions the times are instructions.
//
//	front [-n N] SCRIPT...
//
// The result is one line of JSON: a list of Time, one for each script.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"probe/lang/diag"
	"probe/runtime/engine"
	"probe/runtime/machine/live"
)

// Time is what the stages took for one script: the median of all repetitions,
// in nanoseconds, with everything that is read only once already there.
type Time struct {
	Script                string
	Lines                 int
	Parse, Check, Compile int64
	// First is all three together for the first script of a process, with
	// everything that is read only once.
	First int64
}

func main() {
	n := flag.Int("n", 5, "repetitions")
	flag.Parse()
	defer engine.CollectLater()() // as probe run has it
	out := []Time{}
	for _, name := range flag.Args() {
		t, err := measure(name, *n)
		if err != nil {
			fmt.Fprintln(os.Stderr, "front:", err)
			os.Exit(1)
		}
		out = append(out, *t)
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		os.Exit(1)
	}
}

// measure takes one script through the stages n times.
func measure(name string, n int) (*Time, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	t := &Time{Script: name, Lines: strings.Count(string(text), "\n")}
	m := live.New(live.Options{})
	var parse, checked, compiled []int64
	for i := range n + 1 {
		start := time.Now()
		script := engine.Script{Name: name, Text: string(text)}
		tree, list := engine.Parse(script)
		at1 := time.Now()
		if tree == nil {
			return nil, firstError(list)
		}
		script.Tree = tree
		c, list := engine.Check(script, m, engine.CheckOptions{})
		at2 := time.Now()
		if c == nil {
			return nil, firstError(list)
		}
		_, list = engine.Compile(c, engine.CompileOptions{})
		at3 := time.Now()
		if list.HasErrors() {
			return nil, firstError(list)
		}
		if i == 0 {
			t.First = int64(at3.Sub(start))
			continue
		}
		parse = append(parse, int64(at1.Sub(start)))
		checked = append(checked, int64(at2.Sub(at1)))
		compiled = append(compiled, int64(at3.Sub(at2)))
	}
	t.Parse, t.Check, t.Compile = median(parse), median(checked), median(compiled)
	return t, nil
}

func median(v []int64) int64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// firstError returns the first message that stopped a script.
func firstError(list diag.List) error {
	for _, d := range list.All {
		if d.Severity == diag.Error {
			return d
		}
	}
	return nil
}
