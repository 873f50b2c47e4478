package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// beat is how often a step that takes long is said to go on.
const beat = 5 * time.Second

// steps prints what a long command does: a line at the beginning of each step,
// and one every few seconds while it lasts.
type steps struct {
	mu   sync.Mutex
	w    io.Writer
	end  chan struct{} // closed at the end of the current step; nil between steps
	beat time.Duration // 0 for the constant of this name
}

func newSteps(w io.Writer) *steps { return &steps{w: w} }

// begin ends the current step and begins another.
func (s *steps) begin(name string) {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.w, "demo: %s\n", name)
	end := make(chan struct{})
	s.end = end
	every := s.beat
	if every == 0 {
		every = beat
	}
	start := time.Now()
	go func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-end:
				return
			case <-t.C:
				s.mu.Lock()
				if s.end == end {
					fmt.Fprintf(s.w, "demo: … %s, for %.0f s now\n", name, time.Since(start).Seconds())
				}
				s.mu.Unlock()
			}
		}
	}()
}

// stop ends the current step, if there is one: no more is said about it.
func (s *steps) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil {
		close(s.end)
		s.end = nil
	}
}
