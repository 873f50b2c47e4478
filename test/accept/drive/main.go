// Command drive carries out acceptance cases on the machine it runs on: the
// tests start it on the host or in a guest, write one accept.Job as a line of
// JSON at a time and read one accept.Result back. It ends at the end of its
// input.
//
//	drive PROBE WORKLOAD
//
// PROBE and WORKLOAD are the programs under test and its workload.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"

	"probe/test/accept"
)

func main() {
	// The kernel ends what was started here when the starting thread ends.
	runtime.LockOSThread()
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: drive PROBE WORKLOAD")
		os.Exit(2)
	}
	d := &driver{probe: os.Args[1], workload: os.Args[2]}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	dec := json.NewDecoder(in)
	for dec.More() {
		var job accept.Job
		if err := dec.Decode(&job); err != nil {
			fmt.Fprintln(os.Stderr, "drive:", err)
			os.Exit(1)
		}
		if err := out.Encode(d.do(&job)); err != nil {
			os.Exit(1)
		}
	}
}
