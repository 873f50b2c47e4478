package engine_test

import (
	"errors"
	"testing"
	"time"

	"probe/runtime/engine"
	"probe/runtime/event"
	"probe/runtime/machine/recording"
)

// puller is a sink that asks for snapshots for as long as the run lasts.
type puller struct {
	event.Sink
	asking chan struct{} // closed by the first question
	ended  chan error
	counts []uint64 // of @, in all snapshots
	names  map[string]bool
	final  []string
}

func (p *puller) Begin(run event.Run) {
	go func() {
		close(p.asking)
		for {
			err := run.Snapshot(func(m *event.Map) {
				p.names[m.Name] = true
				if m.Name == "" && !m.Final {
					p.counts = append(p.counts, m.ValueOf(&m.Entries[0]).Uint())
				}
			})
			if err != nil {
				p.ended <- err
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
}

func (p *puller) Take(e event.Event) {
	switch e := e.(type) {
	case *event.Printf:
		<-p.asking
		time.Sleep(20 * time.Millisecond) // until the question is there
	case *event.Map:
		p.final = append(p.final, e.Name)
	}
}

// A sink asks for snapshots while the run goes on, and is told when it is over.
func TestPull(t *testing.T) {
	m := recording.New("file", lookups(1000))
	c, list := engine.Build(engine.Script{Name: "test", Text: `fgraph:outer { @ = count(); @by[comm] = 1; if (args.n == 1) { printf("go"); } }`}, m, engine.CheckOptions{}, engine.CompileOptions{})
	if c == nil {
		t.Fatal(list.Err())
	}
	p := &puller{Sink: event.Func(func(event.Event) error { return nil }), asking: make(chan struct{}), ended: make(chan error, 1), names: map[string]bool{}}
	if _, err := engine.Run(t.Context(), c, engine.RunOptions{Sink: p}); err != nil {
		t.Fatal(err)
	}
	if err := <-p.ended; !errors.Is(err, event.ErrEnded) {
		t.Errorf("after the end: %v", err)
	}
	// The first snapshot comes before the second batch of the recording.
	const burst = 256
	if len(p.counts) == 0 || p.counts[0] == 0 || p.counts[0] > burst || !p.names["by"] {
		t.Errorf("snapshots %v of %v", p.counts, p.names)
	}
	if len(p.final) != 2 {
		t.Errorf("final snapshots of %q, want two", p.final)
	}
}
