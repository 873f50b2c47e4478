package main

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// lockedBuilder is a strings.Builder for several goroutines.
type lockedBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuilder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuilder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestSteps: a step is said at once, and again while it lasts.
func TestSteps(t *testing.T) {
	var out lockedBuilder
	s := newSteps(&out)
	s.beat = time.Millisecond
	s.begin("first")
	if got := out.String(); !strings.HasPrefix(got, "demo: first\n") {
		t.Errorf("at once: %q", got)
	}
	deadline := time.Now().Add(time.Minute)
	for !strings.Contains(out.String(), "demo: … first, for 0 s now\n") {
		if time.Now().After(deadline) {
			t.Fatalf("nothing is said while it lasts: %q", out.String())
		}
		time.Sleep(time.Millisecond)
	}
	s.begin("second")
	s.stop()
	s.stop()
	before := out.String()
	time.Sleep(10 * time.Millisecond)
	if after := out.String(); after != before {
		t.Errorf("after the end: %q", strings.TrimPrefix(after, before))
	}
}
