package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// treeTime returns the CPU time so far of a process, its threads and all its
// descendants, in nanoseconds. Processes that end meanwhile are left out.
func treeTime(root int) int64 {
	parents := map[int]int{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, e := range entries {
		var pid int
		if _, err := fmt.Sscan(e.Name(), &pid); err == nil {
			parents[pid] = parentOf(pid)
		}
	}
	var total int64
	for pid := range parents {
		at := pid
		for at != root && at > 0 {
			at = parents[at]
		}
		if at == root {
			total += processTime(pid)
		}
	}
	return total
}

// parentOf returns the parent of a process, 0 when it has ended.
func parentOf(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name, in parentheses, may have anything in it.
	rest := text[strings.LastIndexByte(string(text), ')')+1:]
	var state string
	var parent int
	fmt.Sscan(string(rest), &state, &parent)
	return parent
}

// processTime sums what the scheduler has given to the threads of a process.
func processTime(pid int) int64 {
	var total int64
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, t := range tasks {
		text, err := os.ReadFile(t)
		if err != nil {
			continue
		}
		var ns int64
		fmt.Sscan(string(text), &ns)
		total += ns
	}
	return total
}
