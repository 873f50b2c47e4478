package provider

import "fmt"

// badNumber says in bpftrace's words why a text is no number.
func badNumber(text string) string {
	if text != "" && text[0] >= '0' && text[0] <= '9' {
		return "invalid trailing bytes: " + text
	}
	return "invalid integer: " + text
}

// badRate says why the rate of a timed probe is not valid.
func badRate(kind, text string) string {
	if n, ok := number(text); ok && n == 0 {
		return kind + " frequency should be a positive integer"
	}
	return fmt.Sprintf("Invalid rate of %s probe: %s", kind, badNumber(text))
}

// badCount says why the count of a software or hardware probe is not valid.
func badCount(kind, text string) string {
	if n, ok := number(text); ok && n == 0 {
		return kind + " count should be a positive integer"
	}
	return fmt.Sprintf("Invalid count for %s probe: %s", kind, badNumber(text))
}

// What bpftrace says of patterns with many matches.
const (
	tooManyPrograms = "Your program is trying to generate more than %d BPF programs, which exceeds the current limit of %d"
	raiseProgs      = "You can increase the limit through the BPFTRACE_MAX_BPF_PROGS environment variable."
)

// noAttachPoints is what bpftrace says of a probe that matches nothing.
const noAttachPoints = "Probe has no valid attach points. If this is expected, set the 'missing_probes' config variable to 'warn'."

// none sets the words with which bpftrace reports a target that does not exist.
func (r *request) none() string {
	text := fmt.Sprintf("No matches for %s %s.", r.p.Name, r.text())
	if r.Missing == "warn" {
		text += " Skipping."
	}
	return text
}
