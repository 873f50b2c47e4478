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

	"probe/compiler"
	"probe/lang/check"
	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/machine/live/kernel"
	"probe/runtime/machine/live/provider"
	"probe/stdlib"
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
	k := kernel.New(kernel.Options{})
	probes := provider.New(k, provider.Options{})
	var parse, checked, compiled []int64
	for i := range n + 1 {
		start := time.Now()
		tree, list := syntax.Parse(source.New(name, string(text)))
		at1 := time.Now()
		if list.HasErrors() {
			return nil, firstError(list)
		}
		prog, _, list := check.Check(&check.Input{
			File: tree, Builtins: stdlib.Signatures(), Probes: probes, Types: k,
			Env: &kernel.Env{K: k},
		})
		at2 := time.Now()
		if list.HasErrors() {
			return nil, firstError(list)
		}
		target, err := k.Target(string(text))
		if err != nil {
			return nil, err
		}
		_, list = compiler.Compile(prog, compiler.Config{Target: target, Builtins: stdlib.Table(), Types: k})
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

// firstError is the first message that stopped a script.
func firstError(list diag.List) error {
	for _, d := range list.All {
		if d.Severity == diag.Error {
			return d
		}
	}
	return nil
}
