//go:build !amd64

package guest

// tscKHz returns 0: other processors have no time-stamp counter.
func tscKHz() uint64 { return 0 }
