package differ

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// output is what a tool did with a program.
type output struct {
	stdout, stderr string
	status         int
}

// tool runs a script.
type tool func(script string, json bool) (output, error)

// outcome is what a tool did with one statement.
type outcome struct {
	text    string // what it printed
	refused string // its message, if it does not compile
	broken  string // why it gave no result, if it does compile
}

// String returns the outcome for a report.
func (o outcome) String() string {
	switch {
	case o.refused != "":
		return "refused: " + o.refused
	case o.broken != "":
		return "failed: " + o.broken
	}
	return o.text
}

// mark precedes the output of each statement.
const mark = "#~%d~"

// last is the number of the mark after all statements.
const last = 999999

// program returns the script of statements, and the line of the first.
func program(batch []*node) (string, int) {
	var b strings.Builder
	b.WriteString(header)
	for i, n := range batch {
		body := strings.ReplaceAll(n.String(), mapName, fmt.Sprintf("@s%d_", i))
		fmt.Fprintf(&b, `begin { printf("`+mark+`\n"); %s}`+"\n", i, body)
	}
	fmt.Fprintf(&b, `begin { printf("`+mark+`\n"); exit(); }`+"\n", last)
	return b.String(), strings.Count(header, "\n") + 1
}

// run runs statements with a tool. Those that it refuses are left out of the
// next try, those that it fails on are found by halves.
func (t tool) run(batch []*node, asJSON bool) (map[*node]outcome, error) {
	out := map[*node]outcome{}
	for len(batch) > 0 {
		script, first := program(batch)
		r, err := t(script, asJSON)
		if err != nil {
			return nil, err
		}
		if texts, ok := split(r.stdout, len(batch), asJSON); ok && r.status == 0 {
			for i, n := range batch {
				out[n] = outcome{text: texts[i]}
			}
			return out, nil
		}
		bad := messages(r.stdout+"\n"+r.stderr, first, len(batch))
		if len(bad) > 0 {
			var rest []*node
			for i, n := range batch {
				if m, ok := bad[i]; ok {
					out[n] = outcome{refused: m}
				} else {
					rest = append(rest, n)
				}
			}
			batch = rest
			continue
		}
		if len(batch) == 1 {
			out[batch[0]] = outcome{broken: fmt.Sprintf("status %d\n%s\n%s", r.status, tail(r.stdout), tail(r.stderr))}
			return out, nil
		}
		for _, half := range [][]*node{batch[:len(batch)/2], batch[len(batch)/2:]} {
			part, err := t.run(half, asJSON)
			if err != nil {
				return nil, err
			}
			maps.Copy(out, part)
		}
		return out, nil
	}
	return out, nil
}

func tail(s string) string { return s[max(0, len(s)-600):] }

var message = regexp.MustCompile(`(?m)^[^\s:]*:(\d+)[-:].*ERROR: (.*)$`)

// messages returns the first message of each statement that has one.
func messages(text string, first, n int) map[int]string {
	bad := map[int]string{}
	for _, m := range message.FindAllStringSubmatch(text, -1) {
		line, _ := strconv.Atoi(m[1])
		i := line - first
		if _, ok := bad[i]; !ok && i >= 0 && i < n {
			bad[i] = m[2]
		}
	}
	return bad
}

var marks = regexp.MustCompile(`(?m)^#~(\d+)~\n`)

// split returns the output of each of n statements, with the maps that print at
// the end. ok is false if it is not complete.
func split(text string, n int, asJSON bool) (out []string, ok bool) {
	if asJSON {
		text = plain(text)
	}
	at := marks.FindAllStringSubmatchIndex(text, -1)
	out = make([]string, n)
	for i, m := range at {
		id, _ := strconv.Atoi(text[m[2]:m[3]])
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		switch part := text[m[1]:end]; {
		case id == last:
			ending(out, part)
			ok = i == n
		case id < n:
			out[id] = ordered(part)
		}
	}
	return out, ok
}

var owner = regexp.MustCompile(`@s(\d+)_`)

// ending adds the maps that print at the end to their statements.
func ending(out []string, text string) {
	parts := map[int]*strings.Builder{}
	now := -1
	for line := range strings.Lines(text) {
		if m := owner.FindStringSubmatch(line); m != nil {
			now, _ = strconv.Atoi(m[1])
		} else if line == "\n" {
			continue
		}
		if now < 0 || now >= len(out) {
			continue
		}
		if parts[now] == nil {
			parts[now] = &strings.Builder{}
		}
		parts[now].WriteString(line)
	}
	for i, b := range parts {
		out[i] += "at the end\n" + ordered(b.String())
	}
	for i := range out {
		out[i] = owner.ReplaceAllString(out[i], "@")
	}
}

var entryStart = regexp.MustCompile(`^(@\w*)[\[:]`)

// ordered sorts entries of one map that follow each other: bpftrace leaves the
// order of many of them open.
func ordered(text string) string {
	var out strings.Builder
	var entries []string
	name := ""
	flush := func() {
		slices.Sort(entries)
		for _, e := range entries {
			out.WriteString(e)
		}
		entries = nil
	}
	for line := range strings.Lines(text) {
		m := entryStart.FindStringSubmatch(line)
		switch {
		case m != nil && m[1] == name:
			entries = append(entries, line)
		case m != nil:
			flush()
			name = m[1]
			entries = []string{line}
		case len(entries) > 0 && (strings.HasPrefix(line, "[") || strings.HasPrefix(line, "(...") || line == "\n"):
			entries[len(entries)-1] += line // of a histogram
		default:
			flush()
			name = ""
			out.WriteString(line)
		}
	}
	flush()
	return out.String()
}

// plain turns lines of JSON into a text with marks: what printf wrote for the
// marks, and one line for each other object, with its members in order.
func plain(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		var v struct {
			Type string
			Data any
		}
		if err := d.Decode(&v); err != nil {
			fmt.Fprintf(&out, "not JSON: %s", line)
			continue
		}
		switch s, isText := v.Data.(string); {
		case isText && strings.HasPrefix(s, "#~"):
			out.WriteString(s)
		case v.Type == "attached_probes", v.Type == "lost_events", v.Type == "receipt", strings.Contains(v.Type, "error"), strings.Contains(v.Type, "warning"):
		default:
			b, _ := json.Marshal(v.Data)
			fmt.Fprintf(&out, "%s %s\n", v.Type, b)
		}
	}
	return out.String()
}
