package sink

import (
	"errors"
	"io"
	"sync"

	"probe/runtime/event"
	"probe/runtime/profile"
)

// picture collects the maps at the end of a run whose keys have stacks, and
// writes them as one profile when the run is over.
type picture struct {
	event.Sink // for everything else
	mu         sync.Mutex
	w          io.Writer
	format     profile.Format
	title      string
	maps       StackMaps
}

// NewPicture returns a Sink that writes a profile to w when it is closed: a flame
// graph, for example. It has the snapshots of maps at the end of the run whose keys
// have stacks (see StackMaps); rest takes all other events. Close returns a
// NothingError if there are none.
func NewPicture(rest event.Sink, w io.Writer, format profile.Format, title string) event.Sink {
	return &picture{Sink: rest, w: w, format: format, title: title}
}

// Hold and Release implement event.Batcher.
func (p *picture) Hold() { event.Hold(p.Sink) }

// Release ends a batch.
func (p *picture) Release() { event.Release(p.Sink) }

// Take adds the snapshot of a map.
func (p *picture) Take(e event.Event) {
	p.mu.Lock()
	taken := p.maps.Add(e)
	p.mu.Unlock()
	if !taken {
		p.Sink.Take(e)
	}
}

// Close writes the profile.
func (p *picture) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.Sink.Close(), p.draw())
}

func (p *picture) draw() error {
	profile, err := p.maps.Profile(p.title)
	if err != nil {
		return err
	}
	return p.format.Write(p.w, profile)
}
