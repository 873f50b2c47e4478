package ftrace

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// addReturn defines and enables the event of one function's return value.
func (s *Source) addReturn(event, fn string) error {
	// Many calls may be in progress at once: the default maxactive of some ten
	// instances would miss most calls of a function that sleeps, hence 512. The
	// type x64 is explicit because kernels since 6.6 otherwise use the
	// function's own type from BTF, of any size.
	def := fmt.Sprintf("r512:%s %s ret=$retval:x64", event, fn)
	if err := s.define(def); err != nil {
		return fmt.Errorf("no kretprobe can be set: %w", err)
	}
	group, name, _ := strings.Cut(event, "/")
	f, err := s.fs.ReadFormat(group, name)
	if err != nil {
		return err
	}
	if err := s.decoder.setRecord(f); err != nil {
		return err
	}
	return writeSetting(filepath.Join(s.base, "events", event, "enable"), "1", false)
}

// define adds an event. The kernel writes the reason for an error to error_log,
// which define empties again unless it holds errors of others.
func (s *Source) define(definition string) error {
	log := s.fs.Path("error_log")
	before, _ := os.ReadFile(log)
	err := appendLine(s.fs.Path(definitions), definition)
	if err == nil {
		return nil
	}
	after, readErr := os.ReadFile(log)
	if readErr != nil || string(after) == string(before) {
		return err
	}
	if len(before) == 0 {
		_ = writeSetting(log, "", true) // a leftover of no consequence
	}
	// [   13.407096] trace_kprobe: error: This function returns 'void' type
	if i := strings.LastIndex(string(after), ": error: "); i >= 0 {
		reason, _, _ := strings.Cut(string(after)[i+len(": error: "):], "\n")
		err = fmt.Errorf("%s (%w)", reason, err)
	}
	return err
}

// MissedReturns returns the number of returns whose value was not recorded
// because too many calls were in progress.
func (s *Source) MissedReturns() uint64 {
	text, err := os.ReadFile(s.fs.Path("kprobe_profile"))
	if err != nil || s.journal == nil {
		return 0
	}
	var total uint64
	for line := range strings.Lines(string(text)) {
		w := strings.Fields(line) // name hits misses
		if len(w) == 3 && slices.ContainsFunc(s.journal.Events, func(e string) bool { return strings.HasSuffix(e, "/"+w[0]) }) {
			n, _ := strconv.ParseUint(w[2], 10, 64)
			total += n
		}
	}
	return total
}
