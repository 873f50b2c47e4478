package session

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestHeldDespiteSignals: a child that is watched until exec still gets its signals, and
// does not wait for ever when one comes.
func TestHeldDespiteSignals(t *testing.T) {
	for range 20 {
		c, err := NewChild([]string{"true"})
		if err != nil {
			t.Fatal(err)
		}
		over := make(chan struct{})
		go func() {
			for {
				select {
				case <-over:
					return
				default:
					_ = unix.Kill(c.PID(), unix.SIGURG) // the runtime of Go sends it as well
					time.Sleep(50 * time.Microsecond)
				}
			}
		}()
		held := 0
		started := make(chan error, 1)
		go func() { started <- c.start(func() { held++ }) }()
		select {
		case err = <-started:
		case <-time.After(20 * time.Second):
			t.Fatal("the child does not start")
		}
		select {
		case <-c.done:
		case <-time.After(20 * time.Second):
			t.Error("the child does not end")
		}
		close(over)
		c.kill()
		if err != nil || held != 1 {
			t.Errorf("error %v, held %d times", err, held)
		}
	}
}
