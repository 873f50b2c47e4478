package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"probe/runtime/lab"
)

// verdictWriter passes on the output of a script and keeps the verdicts in it:
// lines "verdict: WHAT: WHO" and, below, "  why: REASON". It is not safe for
// concurrent use; a sink writes from one goroutine at a time.
type verdictWriter struct {
	w    io.Writer
	line []byte // its last one, so far
	what string // the first verdict
	why  string
}

func (v *verdictWriter) Write(b []byte) (int, error) {
	n, err := v.w.Write(b)
	for _, c := range b[:n] {
		if c != '\n' {
			v.line = append(v.line, c)
			continue
		}
		if rest, ok := bytes.CutPrefix(v.line, []byte("verdict: ")); ok && v.what == "" {
			what, _, _ := bytes.Cut(rest, []byte(": "))
			v.what = string(what)
		}
		if rest, ok := bytes.CutPrefix(v.line, []byte("  why: ")); ok && v.why == "" {
			v.why = firstClause(string(rest))
		}
		v.line = v.line[:0]
	}
	return n, err
}

// firstClause cuts a sentence before what follows from it.
func firstClause(s string) string {
	for _, end := range []string{";", ":", ", so "} {
		s, _, _ = strings.Cut(s, end)
	}
	return strings.TrimSuffix(s, ".")
}

// labRow is what the table has about a case.
type labRow struct {
	report  *lab.Report
	verdict verdictWriter
}

// labTable writes what happened in several cases, a line for each.
func labTable(w io.Writer, rows []*labRow) error {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprint(t, "case\tfault\ttraffic\tverdict\twhy\n")
	for _, r := range rows {
		traffic := "the case failed"
		name, title := "?", "?"
		if r.report != nil {
			name, title = r.report.Case.Name, r.report.Case.Title
			traffic = string(r.report.Outcome)
			if !r.report.AsExpected() {
				traffic += " (not as usual)"
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", name, title, traffic, orDash(r.verdict.what), orDash(r.verdict.why))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nThe cases side by side:\n\n%s", b.Bytes())
	return err
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
