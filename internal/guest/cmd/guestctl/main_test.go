package main

import (
	"errors"
	"testing"

	"probe/internal/guest"
)

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		nil,
		{"no-such-command"},
		{"run"},
		{"run", "6.1"},
		{"run", "6.1", "--"},
		{"run", "-no-such-flag", "6.1", "--", "true"},
		{"run", "-f", "relative=x", "6.1", "--", "true"},
		{"shell"},
		{"shell", "6.1", "true"},
		{"fetch", "-no-such-flag"},
		{"demo"},
	} {
		if code, err := run(t.Context(), args); !errors.Is(err, errUsage) {
			t.Errorf("guestctl %q: status %d, error %v", args, code, err)
		}
	}
	if _, err := run(t.Context(), []string{"fetch", "2.6"}); !errors.Is(err, guest.ErrNoPackage) {
		t.Errorf("an unknown kernel: %v", err)
	}
}

func TestStatus(t *testing.T) {
	for _, tt := range []struct {
		res  guest.Result
		want int
	}{{guest.Result{}, 0}, {guest.Result{Code: 3}, 3}, {guest.Result{Code: -1, Signal: 9}, 137}} {
		if got := status(tt.res); got != tt.want {
			t.Errorf("status(%+v) = %d, want %d", tt.res, got, tt.want)
		}
	}
}

func TestPrepareNone(t *testing.T) {
	if code, err := run(t.Context(), []string{"prepare", "none"}); code != 0 || err != nil {
		t.Errorf("prepare none: %d, %v", code, err)
	}
}
