package main

import (
	"testing"
	"time"

	"probe/runtime/engine"
)

func TestSetBudget(t *testing.T) {
	for text, want := range map[string]float64{
		"1%": 0.01, "0.5 %": 0.005, "150%": 1.5, "off": -1, "1%machine": 0.01 * float64(engine.CPUs()), "2% machine": 0.02 * float64(engine.CPUs()),
	} {
		o := &options{}
		if err := setBudget(o, text); err != nil || o.budget != want {
			t.Errorf("%s: %v, %v, want %v", text, o.budget, err, want)
		}
	}
	for _, text := range []string{"", "1", "%", "0%", "-1%", "x%", "1%cpu", "machine", "NaN%", "inf%", "1e9%"} {
		if err := setBudget(&options{}, text); err == nil {
			t.Errorf("%q is a budget", text)
		}
	}
}

func TestRough(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "a second", 900 * time.Millisecond: "a second", 1200 * time.Millisecond: "1 second", 2600 * time.Millisecond: "3 seconds", 80 * time.Second: "80 seconds", 10 * time.Minute: "10 minutes",
	} {
		if got := rough(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
