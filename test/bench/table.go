package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// table is one table of the document. Missing figures are NaN.
type table struct {
	title, command, unit string
	columns              []string // tracers
	rows                 []row
	alone                bool   // the columns are not compared with each other
	measured             string // when and where
}

// row is one line of a table.
type row struct {
	name    string
	figures []float64 // by column
	goal    float64   // NaN for none
	// ofRatio is set if the goal is for the first column divided by the second.
	ofRatio bool
}

// markdown renders a table: the figures, the first column as a part of the
// second, the goal and whether it is reached.
func (t *table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n\n`%s`. %s.", titleMark, t.title, t.command, t.unit)
	if t.measured != "" {
		fmt.Fprintf(&b, " %s.", t.measured)
	}
	b.WriteString("\n\n| |")
	ratio := len(t.columns) > 1 && !t.alone
	for _, c := range t.columns {
		fmt.Fprintf(&b, " %s |", c)
	}
	if ratio {
		fmt.Fprintf(&b, " %s / %s |", first(t.columns[0]), first(t.columns[1]))
	}
	b.WriteString(" goal | |\n|---|")
	for range t.columns {
		b.WriteString("---:|")
	}
	if ratio {
		b.WriteString("---:|")
	}
	b.WriteString("---:|---|\n")
	for _, r := range t.rows {
		fmt.Fprintf(&b, "| %s |", strings.ReplaceAll(r.name, "|", "\\|"))
		for _, f := range r.figures {
			fmt.Fprintf(&b, " %s |", number(f))
		}
		if ratio {
			fmt.Fprintf(&b, " %s |", number(r.ratio()))
		}
		fmt.Fprintf(&b, " %s | %s |\n", r.goalText(), r.verdict())
	}
	return b.String() + "\n"
}

// first returns a column's name without its version.
func first(column string) string {
	name, _, _ := strings.Cut(column, " ")
	return name
}

func (r *row) ratio() float64 {
	if len(r.figures) < 2 || r.figures[1] == 0 {
		return math.NaN()
	}
	return r.figures[0] / r.figures[1]
}

func (r *row) goalText() string {
	switch {
	case math.IsNaN(r.goal):
		return ""
	case r.ofRatio:
		return "ratio ≤ " + number(r.goal)
	}
	return "≤ " + number(r.goal)
}

// verdict reports whether the goal is reached.
func (r *row) verdict() string {
	value := r.figures[0]
	if r.ofRatio {
		value = r.ratio()
	}
	switch {
	case math.IsNaN(r.goal) || math.IsNaN(value):
		return ""
	case value <= r.goal:
		return "reached"
	}
	return "**missed**"
}

// number returns a figure with about three digits.
func number(f float64) string {
	switch {
	case math.IsNaN(f):
		return "–"
	case f == math.Trunc(f) && math.Abs(f) < 1e15, math.Abs(f) >= 100:
		return fmt.Sprintf("%.0f", f)
	case math.Abs(f) >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2g", f)
}

// The lines of the document between which the tables stand.
const (
	beginMarker = "<!-- tables: made by go run ./test/bench -->"
	endMarker   = "<!-- end of tables -->"
)

// titleMark begins a table.
const titleMark = "### "

// insert puts tables between the markers of a file, in the place of those with
// the same titles. With all, what was there before is dropped.
func insert(name, text string, all bool) error {
	old, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	b, err := replace(old, text, all)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(name, b, 0o644)
}

// replace puts tables between the markers of a document.
func replace(doc []byte, text string, all bool) ([]byte, error) {
	head, rest, ok := bytes.Cut(doc, []byte(beginMarker))
	old, tail, also := bytes.Cut(rest, []byte(endMarker))
	if !ok || !also {
		return nil, fmt.Errorf("the lines %q and %q are not there", beginMarker, endMarker)
	}
	if !all {
		text = merge(string(old), text)
	}
	var b bytes.Buffer
	b.Write(head)
	fmt.Fprintf(&b, "%s\n\n%s\n\n%s", beginMarker, strings.TrimSpace(text), endMarker)
	b.Write(tail)
	return b.Bytes(), nil
}

// merge returns the tables of old, each replaced by the table of the same title
// in text, followed by the other tables of text.
func merge(old, text string) string {
	tables := func(text string) []string {
		list := strings.Split("\n"+strings.TrimSpace(text), "\n"+titleMark)
		return list[1:] // nothing counts before the first
	}
	title := func(table string) string {
		line, _, _ := strings.Cut(table, "\n")
		return line
	}
	out := tables(old)
	for _, t := range tables(text) {
		i := slices.IndexFunc(out, func(o string) bool { return title(o) == title(t) })
		if i < 0 {
			out = append(out, t)
		} else {
			out[i] = t
		}
	}
	for i, t := range out {
		out[i] = titleMark + strings.TrimSpace(t)
	}
	return strings.Join(out, "\n\n")
}
