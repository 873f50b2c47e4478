package session

import (
	"errors"

	"probe/compiler/builtin"
	"probe/runtime/graph/store"
)

// graphOptions returns the options for the call graphs of a clause.
func (s *Session) graphOptions() store.Options {
	return store.Options{Trees: s.opts.Resolver.graphs, Kernel: s.opts.Machine, PID: s.opts.PID, Verbose: s.verbose, Send: s.send}
}

// graphError returns the message for graphs that cannot be recorded.
func graphError(err error) error {
	var start *store.StartError
	if errors.As(err, &start) {
		return &LoadError{Diag: start.Diag, err: start.Err}
	}
	return err
}

// Keep passes a record to the keeper of call graphs, the only builtin with
// records that are kept.
func (h *handler) Keep(r *builtin.Record) { h.u.graphs.Keep(r) }
