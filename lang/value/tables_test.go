package value

import "testing"

func TestErrNames(t *testing.T) {
	tests := []struct {
		n          int
		name, text string
	}{
		{1, "EPERM", "Operation not permitted"},
		{2, "ENOENT", "No such file or directory"},
		{5, "EIO", "I/O error"},
		{9, "EBADF", "Bad file number"},
		{11, "EAGAIN", "Try again (operation would block)"},
		{34, "ERANGE", "Math result not representable"},
		{35, "EDEADLK", "Resource deadlock would occur"},
		{38, "ENOSYS", "Invalid system call number"},
		{101, "ENETUNREACH", "Network is unreachable"},
		{113, "EHOSTUNREACH", "No route to host"},
		{133, "EHWPOISON", "Memory page has hardware error"},
		{512, "ERESTARTSYS", "Restart the system call"},
		{524, "ENOTSUPP", "Operation is not supported"},
	}
	for _, tt := range tests {
		if got, ok := ErrName(tt.n); !ok || got != tt.name {
			t.Errorf("ErrName(%d) = %q, %v, want %q", tt.n, got, ok, tt.name)
		}
		for _, n := range []int64{int64(tt.n), -int64(tt.n)} {
			if got := StrError(n); got != tt.text {
				t.Errorf("StrError(%d) = %q, want %q", n, got, tt.text)
			}
		}
	}
	for _, n := range []int{-1, 0, 41, 58, 134, 520, 532, 4096} {
		if got, ok := ErrName(n); ok {
			t.Errorf("ErrName(%d) = %q, want none", n, got)
		}
	}
	for _, n := range []int64{41, -58, 4095, -1 << 63, 1<<63 - 1} {
		if got := StrError(n); got != "Unknown error" {
			t.Errorf("StrError(%d) = %q, want Unknown error", n, got)
		}
	}
	if got := StrError(0); got != "Success" {
		t.Errorf("StrError(0) = %q, want Success", got)
	}
	for n := range errnos {
		if (errnos[n].name == "") != (errnos[n].text == "") {
			t.Errorf("errno %d is half filled in: %+v", n, errnos[n])
		}
	}
}

func TestIsErr(t *testing.T) {
	for n, want := range map[int64]bool{-1: true, -4095: true, -4096: false, 0: false, 1: false, -1 << 63: false} {
		if got := IsErr(n); got != want {
			t.Errorf("IsErr(%d) = %v, want %v", n, got, want)
		}
	}
}

func TestSyscallName(t *testing.T) {
	tests := []struct {
		arch string
		n    int64
		want string
	}{
		{"amd64", 0, "read"},
		{"amd64", 59, "execve"},
		{"amd64", 257, "openat"},
		{"amd64", 321, "bpf"},
		{"amd64", 334, "rseq"},
		{"amd64", 424, "pidfd_send_signal"},
		{"amd64", 460, "lsm_set_self_attr"},
		{"arm64", 63, "read"},
		{"arm64", 79, "newfstatat"},
		{"arm64", 280, "bpf"},
		{"amd64", 340, ""},
		{"amd64", -1, ""},
		{"amd64", 1 << 40, ""},
		{"mips", 1, ""},
	}
	for _, tt := range tests {
		if got, ok := SyscallName(tt.arch, tt.n); got != tt.want || ok != (tt.want != "") {
			t.Errorf("SyscallName(%s, %d) = %q, %v, want %q", tt.arch, tt.n, got, ok, tt.want)
		}
	}
}

func TestSignals(t *testing.T) {
	texts := map[int64]string{
		2: "Interrupt", 9: "Killed", 19: "Stopped (signal)", 31: "Bad system call", 37: "Real-time signal 3",
		64: "Real-time signal 30", 0: "Unknown signal 0", 32: "Unknown signal 32", 65: "N/A", -1: "N/A", 1 << 40: "N/A",
	}
	for n, want := range texts {
		if got := SignalText(n); got != want {
			t.Errorf("SignalText(%d) = %q, want %q", n, got, want)
		}
	}
}
