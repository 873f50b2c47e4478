package guesttest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"probe/internal/guest"
)

func TestChosen(t *testing.T) {
	tests := []struct {
		name, use, variable string
		want                []string
		kernels             string
		why                 string
	}{
		{"default", "", "", nil, "6.1 6.12", ""},
		{"all", "", "all", nil, "5.10 6.1 6.12 7.2", ""},
		{"named", "", "7.2 5.10", nil, "7.2 5.10", ""},
		{"commas", "1", "6.1,7.2", nil, "6.1 7.2", ""},
		{"test limits", "", "all", []string{"6.12", "7.2"}, "6.12 7.2", ""},
		{"nothing in common", "", "6.1", []string{"7.2"}, "", "the test is for kernels 7.2, PROBE_KERNELS chose 6.1"},
		{"none", "", "none", nil, "", "PROBE_KERNELS=none"},
		{"off", "0", "all", nil, "", "PROBE_GUEST=0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kernels, why, err := chosen(tt.use, tt.variable, tt.want)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(kernels, " "); got != tt.kernels {
				t.Errorf("kernels %q, want %q", got, tt.kernels)
			}
			if len(kernels) == 0 && !strings.Contains(why, tt.why) {
				t.Errorf("reason %q does not say %q", why, tt.why)
			}
		})
	}
	if _, _, err := chosen("", "6.1 4.4", nil); err == nil || !strings.Contains(err.Error(), "4.4") {
		t.Errorf("an unknown kernel: %v", err)
	}
}

func TestUnavailable(t *testing.T) {
	missing := &guest.Error{Op: "start a guest", Err: guest.ErrNoQEMU}
	if !unavailable(missing) || !unavailable(fmt.Errorf("boot: %w", missing)) {
		t.Error("a missing emulator is no reason to skip")
	}
	for _, err := range []error{guest.ErrCrashed, guest.ErrHung, guest.ErrNoModule, errors.New("other")} {
		if unavailable(err) {
			t.Errorf("%v is a reason to skip", err)
		}
	}
}
