package value

//go:generate go run gensyscalls.go

// SyscallName returns the name of a system call on an architecture in Go's
// naming (amd64, arm64); false for numbers without one (F-SYSCALLNAME).
func SyscallName(goarch string, n int64) (string, bool) {
	names := SyscallNames(goarch)
	if n < 0 || n >= int64(len(names)) || names[n] == "" {
		return "", false
	}
	return names[n], true
}

// SyscallNames returns the table of an architecture, indexed by number, with ""
// in the gaps; nil for architectures without one. It must not be changed.
func SyscallNames(goarch string) []string {
	switch goarch {
	case "amd64":
		return syscallsAMD64[:]
	case "arm64":
		return syscallsARM64[:]
	}
	return nil
}
