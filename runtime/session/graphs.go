package session

import (
	"errors"

	"probe/compiler/builtin"
	"probe/runtime/graph/store"
)

// graphOptions returns what the call graphs of a clause need.
func (s *Session) graphOptions() store.Options {
	return store.Options{Trees: s.opts.Resolver.graphs, Kernel: s.opts.Machine, PID: s.opts.PID, Verbose: s.verbose, Send: s.send}
}

// graphError is why the graphs of a clause cannot be recorded.
func graphError(err error) error {
	var start *store.StartError
	if errors.As(err, &start) {
		return &LoadError{Diag: start.Diag, err: start.Err}
	}
	return err
}

// Keep hands a record to what keeps the values of its builtin: only call graphs
// have such records.
func (h *handler) Keep(r *builtin.Record) { h.u.graphs.Keep(r) }
