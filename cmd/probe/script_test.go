package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"probe/internal/guest/guesttest"
	"probe/runtime/machine/live"
)

// withGuests ends the guests of the tests when they are through.
type withGuests struct{ m *testing.M }

func (w withGuests) Run() int { return guesttest.Main(w.m) }

func TestMain(m *testing.M) {
	testscript.Main(withGuests{m}, map[string]func(){
		"probe":    main,
		"bpftrace": func() { os.Args[0] = "bpftrace"; main() },

		"funccount":   func() { os.Args[0] = "funccount"; main() },
		"trace-bpfcc": func() { os.Args[0] = "trace-bpfcc"; main() },
	})
}

// TestScripts drives the command by its command line. Scripts that load
// programs ask for it with [bpf].
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "1")
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "bpf" {
				return live.New(live.Options{}).Refuses() == nil, nil
			}
			return false, nil
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}
