package main

import (
	"errors"
	"os"

	"github.com/cilium/ebpf"
)

// programs is the state of BPF programs: which there are, or the sums of the
// kernel's statistics about some of them.
type programs struct {
	ids  map[ebpf.ProgramID]bool
	runs uint64
	time uint64
	// insns is how many instructions the kernel runs them as, before the JIT.
	insns int
}

// statistics switches the kernel's counting of program runs on and off. It
// adds some 50 instructions to each run.
func statistics(on bool) error {
	v := "0"
	if on {
		v = "1"
	}
	return os.WriteFile("/proc/sys/kernel/bpf_stats_enabled", []byte(v), 0)
}

// allPrograms lists the programs of the kernel.
func allPrograms() (programs, error) {
	p := programs{ids: map[ebpf.ProgramID]bool{}}
	var id ebpf.ProgramID
	for {
		next, err := ebpf.ProgramGetNextID(id)
		if errors.Is(err, os.ErrNotExist) {
			return p, nil
		}
		if err != nil {
			return p, err
		}
		id = next
		p.ids[id] = true
	}
}

// newPrograms sums the statistics of the programs that are not in known.
func newPrograms(known programs) (programs, error) {
	now, err := allPrograms()
	if err != nil {
		return now, err
	}
	for id := range now.ids {
		if known.ids[id] {
			continue
		}
		p, err := ebpf.NewProgramFromID(id)
		if errors.Is(err, os.ErrNotExist) {
			continue // gone meanwhile: a feature probe of the tracer
		}
		if err != nil {
			return now, err
		}
		s, err := p.Stats()
		if err != nil {
			p.Close()
			return now, err
		}
		info, err := p.Info()
		p.Close()
		if err != nil {
			return now, err
		}
		if n, err := info.TranslatedSize(); err == nil {
			now.insns += n / 8
		}
		now.runs += s.RunCount
		now.time += uint64(s.Runtime)
	}
	return now, nil
}
