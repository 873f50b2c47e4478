package provider

import (
	"fmt"

	"probe/lang/types"
)

// Forks returns the BTF id of the raw tracepoint of forks, whose second argument is
// the new task, and the byte offset of the number of a thread in it.
func (s *Set) Forks() (id uint32, pid int, err error) {
	f, err := s.k.RawTracepoint("vmlinux", "sched_process_fork")
	if err != nil {
		return 0, 0, err
	}
	for _, p := range f.Params {
		if t := p.Type; p.Slot == 1 && p.Known && t.Kind == types.Pointer && t.Elem.Kind == types.Record {
			off, err := taskOffset(t, "pid")
			return f.ID, int(off), err
		}
	}
	return 0, 0, fmt.Errorf("the kernel's BTF does not say what the arguments of sched_process_fork are")
}
