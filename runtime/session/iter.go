package session

import (
	"context"
	"errors"
	"io"
	"slices"

	"golang.org/x/sys/unix"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/runtime/event"
	"probe/runtime/machine/live/bpf"
)

// iterate runs the iterators of a clause in source order and prints what they
// write, once. Those that are pinned run when somebody reads their files.
func (s *Session) iterate(ctx context.Context, c *Clause) {
	if c.iterated {
		return
	}
	c.iterated = true
	links := slices.Clone(c.links)
	slices.SortFunc(links, func(a, b attached) int { return a.program - b.program })
	for _, a := range links {
		site := c.obj.Programs[a.program].Site
		switch {
		case site.Attach.Kind != hir.AttachIter:
		case site.Attach.Path != "":
			s.text([]byte("Program pinned to " + site.Attach.Path + "\n"))
		default:
			for _, l := range a.links {
				if err := s.readIter(ctx, c, l); err != nil {
					s.log(diag.Error, site.Name+": "+err.Error())
				}
			}
		}
	}
}

// iterBuffer is the size of reads. The kernel's own buffer has 8 pages.
const iterBuffer = 64 << 10

// readIter prints the contents of an iterator's file. Records that the program
// sends besides are handled between two reads.
func (s *Session) readIter(ctx context.Context, c *Clause, l *bpf.Link) error {
	f, err := l.Iterate()
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, iterBuffer)
	for {
		n, err := f.Read(buf)
		if n > 0 {
			s.text(buf[:n])
		}
		s.drain([]*Clause{c}, round)
		s.runCalls()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
			return err
		case ctx.Err() != nil || s.done || s.exited || s.sinkDone():
			return nil
		}
	}
}

// text prints text that the kernel has formatted.
func (s *Session) text(text []byte) {
	s.send(&event.Text{From: event.Iter, Data: text})
}
