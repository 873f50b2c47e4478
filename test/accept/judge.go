package accept

import (
	"fmt"
	"regexp"
	"strings"
)

// Judge compares the result of a case with what it expects. It returns the
// differences, each a text of one or more lines, or nil.
func (c *Case) Judge(r *Result) []string {
	var bad []string
	if r.Problem != "" {
		bad = append(bad, r.Problem)
	}
	if r.Signal != "" {
		bad = append(bad, "probe was ended by signal "+r.Signal)
	} else if r.Status != c.Status {
		bad = append(bad, fmt.Sprintf("status %d, want %d", r.Status, c.Status))
	}
	if why := c.judgeStdout(string(r.Stdout), r.Expand); why != "" {
		bad = append(bad, "standard output: "+why)
	}
	return append(bad, c.judgeStderr(string(r.Stderr), r.Expand)...)
}

// attachedJSON is the first record of a run in JSON.
var attachedJSON = regexp.MustCompile(`^\{"type": "attached_probes", [^\n]*\n`)

// completeJSON is the last record of a run in JSON that misses nothing.
const completeJSON = `{"type": "receipt", "complete": true, "data": []}` + "\n"

// judgeStdout compares the output.
func (c *Case) judgeStdout(got string, expand func(string) string) string {
	want, maps := c.Stdout, c.Maps
	if want == nil {
		want = &Pattern{}
	}
	if maps == nil {
		maps = &Pattern{}
	}
	if c.JSON() && c.ends() {
		// Only RAW cases check the record.
		rest := attachedJSON.ReplaceAllString(got, "")
		if rest == got {
			return "no record attached_probes at the start\n" + want.compare(got)
		}
		// Only RAW cases check the last record too, if it reports that nothing
		// is missing.
		got = strings.TrimSuffix(rest, completeJSON)
	}
	if got == "" && want.empty() && maps.empty() && c.As == "" && !c.JSON() {
		return "" // a run that shows nothing has no blank lines; one of bpftrace has
	}
	if !c.ends() || c.JSON() {
		return want.then(0, maps).Match(got, expand, c.SortOut)
	}
	if !c.SortOut && !c.SortMaps {
		return want.then(2, maps).Match(got, expand, false)
	}
	head, tail, found := strings.Cut("\n"+got, "\n\n\n")
	if !found {
		return "no blank lines before the end\n" + want.compare(got)
	}
	if head != "" {
		head = head[1:] + "\n"
	}
	if why := want.Match(head, expand, c.SortOut); why != "" {
		return why
	}
	return maps.Match(tail, expand, c.SortMaps)
}

// ends reports whether the run ends normally, so that blank lines and the maps
// are printed.
func (c *Case) ends() bool {
	return !c.Raw && (len(c.Errors) == 0 || c.Status == 0) && len(c.Command()) > 0 && c.Command()[0] == "run"
}

// message is one diagnostic on standard error: a first line and what belongs
// to it.
type message struct {
	severity string // "error" or "warning"
	text     string
}

// heads are the first lines of messages: in probe's own form, in bpftrace's
// form with a place, and without one.
var heads = regexp.MustCompile(`^(?:(error|warning)(?:\[[a-z0-9-]+\])?: |(\S.*:\d+(?::\d+)?-\d+: )?(ERROR|WARNING): )`)

// underline marks the place in the line above it.
var underline = regexp.MustCompile(`^ *~+$`)

// attached matches the line that reports attaching.
var attached = regexp.MustCompile(`^Attached \d+ probes?$`)

// messages splits standard error into diagnostics and all other lines.
func messages(text string) (all []message, other string) {
	// In bpftrace's form the line of the script follows, and is underlined.
	quoting := false
	for line := range strings.Lines(text) {
		plain := strings.TrimSuffix(line, "\n")
		m := heads.FindStringSubmatch(plain)
		switch {
		case m != nil:
			all = append(all, message{severity: strings.ToLower(m[1] + m[3]), text: line})
			quoting = m[2] != ""
		case quoting:
			all[len(all)-1].text += line
			quoting = !underline.MatchString(plain)
		case attached.MatchString(plain):
		case len(all) > 0 && continues(plain):
			all[len(all)-1].text += line
		default:
			other += line
		}
	}
	return all, other
}

// continues reports whether a line belongs to the message before it. Lines of
// the program itself start at the margin and are none of the known words.
func continues(line string) bool {
	if line == "" || strings.HasPrefix(line, " ") {
		return true
	}
	for _, w := range []string{"help: ", "note: ", "HINT: ", "Additional Info", "expanded from"} {
		if strings.HasPrefix(line, w) {
			return true
		}
	}
	return false
}

// judgeStderr compares the messages. Each must be expected, and each expected
// one must be there.
func (c *Case) judgeStderr(text string, expand func(string) string) (bad []string) {
	all, other := messages(text)
	want := c.Stderr
	if want == nil {
		want = &Pattern{}
	}
	if why := want.Match(other, expand, false); why != "" {
		bad = append(bad, "standard error: "+why)
	}
	for _, s := range []struct {
		severity string
		pieces   []string
	}{{"error", c.Errors}, {"warning", c.Warnings}} {
		var of []message
		for _, m := range all {
			if m.severity == s.severity {
				of = append(of, m)
			}
		}
		bad = append(bad, judgeMessages(s.severity, of, s.pieces, expand)...)
	}
	return bad
}

// judgeMessages assigns a message to each expected piece.
func judgeMessages(severity string, all []message, pieces []string, expand func(string) string) (bad []string) {
	used := make([]bool, len(all))
	for _, piece := range pieces {
		many := strings.HasPrefix(piece, "+ ")
		piece = strings.ToLower(expand(strings.TrimPrefix(piece, "+ ")))
		found := false
		for i, m := range all {
			if used[i] || !strings.Contains(strings.ToLower(m.text), piece) {
				continue
			}
			used[i], found = true, true
			if !many {
				break
			}
		}
		if !found {
			bad = append(bad, fmt.Sprintf("no %s with %q", severity, piece))
		}
	}
	for i, m := range all {
		if !used[i] {
			bad = append(bad, fmt.Sprintf("unexpected %s:\n%s", severity, strings.TrimSuffix(m.text, "\n")))
		}
	}
	return bad
}
