package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// The pages of the file leave this process's memory, and the program runs on.
func TestLeavePages(t *testing.T) {
	before := mappedPages(t)
	leavePages()
	if after := mappedPages(t); after >= before {
		t.Errorf("%d pages of files are mapped, before there were %d", after, before)
	}
}

// mappedPages returns the number of pages of files that are in this process's memory.
func mappedPages(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	// size, resident, shared: see proc_pid_statm(5)
	fields := strings.Fields(string(text))
	n, err := strconv.Atoi(fields[2])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
