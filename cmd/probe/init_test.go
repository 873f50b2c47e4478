package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"probe/internal/inittrace"
)

// Every command pays for the initialisation of all packages, so what a package
// builds then is bounded: regular expressions and tables are made when they are
// first used. Allocations are counted since they do not depend on the machine's
// speed; what allocates little but computes long shows in "make bench".
const (
	maxInitBytes, maxInitAllocs = 40_000, 250    // of one package
	maxAllBytes, maxAllAllocs   = 230_000, 1_200 // of all
)

// TestInit fails when a package of the command builds much at its start. It
// looks at the test itself, which has the same packages and a few more.
func TestInit(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("the Go tool is not installed")
	}
	text, err := exec.Command(goTool, "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]bool{"main": true}
	for _, pkg := range strings.Fields(string(text)) {
		ours[pkg] = true
	}
	all, err := inittrace.Run(os.Args[0], "-test.run=^$")
	if err != nil {
		t.Fatal(err)
	}
	var list []inittrace.Init
	for _, p := range all {
		if !ours[p.Package] {
			continue
		}
		list = append(list, p)
		if p.Bytes > maxInitBytes || p.Allocs > maxInitAllocs {
			t.Errorf("%s allocates %d bytes in %d objects when the program starts, at most %d and %d are allowed: make them when they are used",
				p.Package, p.Bytes, p.Allocs, maxInitBytes, maxInitAllocs)
		}
	}
	if len(list) < 50 {
		t.Errorf("only %d packages of the command were seen", len(list))
	}
	total := inittrace.Sum(list)
	t.Logf("%d packages allocate %d bytes in %d objects", len(list), total.Bytes, total.Allocs)
	if total.Bytes > maxAllBytes || total.Allocs > maxAllAllocs {
		t.Errorf("all packages allocate %d bytes in %d objects when the program starts, at most %d and %d are allowed",
			total.Bytes, total.Allocs, maxAllBytes, maxAllAllocs)
	}
}
