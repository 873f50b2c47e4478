package diff

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// WriteText prints comparisons: where the sides part, both trees side by side,
// and how often each variant occurs. a and b name the sides.
func WriteText(w io.Writer, list []*Comparison, a, b string) error {
	out := bufio.NewWriter(w)
	for i, c := range list {
		if i > 0 {
			out.WriteByte('\n')
		}
		c.text(out, a, b)
	}
	return out.Flush()
}

func (c *Comparison) text(w *bufio.Writer, a, b string) {
	fmt.Fprintf(w, "%s: %s in %s (%s), %s in %s (%s)\n", c.Root, calls(c.A), c.nameA, a, calls(c.B), c.nameB, b)
	for _, x := range []struct {
		n    int
		side string
	}{{c.IncompleteA, c.nameA}, {c.IncompleteB, c.nameB}} {
		if x.n > 0 {
			fmt.Fprintf(w, "  left out: %s in %s with lost events\n", calls(x.n), x.side)
		}
	}
	if c.VA == nil || c.VB == nil {
		fmt.Fprintf(w, "  nothing to compare: only one side has complete calls\n")
		return
	}
	if c.Same() {
		fmt.Fprintf(w, "  the same: %s, with the same results, on both sides\n", count(len(c.Variants), "shape"))
		return
	}
	if c.Shape >= 0 {
		fmt.Fprintf(w, "  first difference in shape:  %s\n", c.describe(c.Shape))
	}
	if c.Result >= 0 {
		fmt.Fprintf(w, "  first difference in result: %s\n", c.describe(c.Result))
	}
	w.WriteByte('\n')
	c.columns(w)
	fmt.Fprintf(w, "\n  variants %5s %5s\n", c.nameA, c.nameB)
	wideA, wideB := max(5, utf8.RuneCountInString(c.nameA)), max(5, utf8.RuneCountInString(c.nameB))
	for i := range c.Variants {
		v := &c.Variants[i]
		if i == maxVariants {
			fmt.Fprintf(w, "  … %d more\n", len(c.Variants)-i)
			break
		}
		mark := ""
		switch v {
		case c.VA:
			mark = "  " + c.nameA + " above"
		case c.VB:
			mark = "  " + c.nameB + " above"
		}
		fmt.Fprintf(w, "  %8d %*d %*d  %s, %s%s\n", i+1, wideA, v.A, wideB, v.B, v.Node.line(), calls(v.Node.size), mark)
	}
}

// maxVariants is the maximum number of variants listed.
const maxVariants = 10

func calls(n int) string { return count(n, "call") }

// count shows a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// describe says in words what a row is.
func (c *Comparison) describe(i int) string {
	r := &c.Rows[i]
	at := func(x *Node) string {
		path := x.Path()
		if len(path) == 1 {
			return "at the root"
		}
		return "in " + strings.Join(path[:len(path)-1], " → ")
	}
	switch r.Kind {
	case OnlyA:
		return fmt.Sprintf("%s, %s calls %s and %s does not", at(r.A), c.nameA, r.A.Name, c.nameB)
	case OnlyB:
		return fmt.Sprintf("%s, %s calls %s and %s does not", at(r.B), c.nameB, r.B.Name, c.nameA)
	case Counts:
		return fmt.Sprintf("%s, %s calls %s %d× and %s %d×", at(r.A), c.nameA, r.A.Name, r.A.Count, c.nameB, r.B.Count)
	}
	return fmt.Sprintf("%s returns %s in %s and %s in %s, %s", r.A.Name, r.A.Result, c.nameA, r.B.Result, c.nameB, at(r.A))
}

// line returns a call without its place: name, count, result.
func (x *Node) line() string {
	s := x.Name
	if x.Count > 1 {
		s += fmt.Sprintf(" ×%d", x.Count)
	}
	if x.Result != "" {
		s += " = " + x.Result
	}
	return s
}

// Of more than maxEqual rows in a row that say the same, only the first and the
// last few are printed.
const (
	maxEqual = 12
	fewEqual = 4
)

// run returns the end of the rows from i on that may be shortened together:
// adjacent calls that are equal on both sides, or that only one side has. The
// calls that lead to a difference are not among them.
func (c *Comparison) run(i int) int {
	first := &c.Rows[i]
	end := i
	for ; end < len(c.Rows) && end != c.Shape && end != c.Result; end++ {
		r := &c.Rows[end]
		leads := end+1 < len(c.Rows) && c.Rows[end+1].Depth > r.Depth
		switch {
		case r.Kind != first.Kind, r.Depth < first.Depth,
			r.Kind == Same && (r.Depth > first.Depth || leads),
			r.Kind == Results, r.Kind == Counts:
			return end
		}
	}
	return end
}

// columns prints both sides in two columns. The sign between them is that of
// diff --side-by-side.
func (c *Comparison) columns(w *bufio.Writer) {
	type line struct {
		row         int
		left, right string
		held        int // rows left out in this place
	}
	var lines []line
	width := 0
	for i := 0; i < len(c.Rows); i++ {
		end := i
		if !c.all {
			end = c.run(i)
		}
		if end-i > maxEqual {
			for k := i; k < i+fewEqual; k++ {
				lines = append(lines, line{row: k})
			}
			lines = append(lines, line{row: i, held: end - i - 2*fewEqual})
			for k := end - fewEqual; k < end; k++ {
				lines = append(lines, line{row: k})
			}
			i = end - 1
			continue
		}
		lines = append(lines, line{row: i})
	}
	for i := range lines {
		l := &lines[i]
		r := &c.Rows[l.row]
		indent := strings.Repeat("  ", r.Depth)
		if l.held > 0 {
			text := indent + "… " + count(l.held, "line") + " …"
			if r.A != nil {
				l.left = text
			}
			if r.B != nil {
				l.right = text
			}
		} else {
			more := ""
			if r.Elided > 0 {
				more = fmt.Sprintf("  (+%d)", r.Elided)
			}
			if r.A != nil {
				l.left = indent + r.A.line() + more
			}
			if r.B != nil {
				l.right = indent + r.B.line() + more
			}
		}
		width = max(width, utf8.RuneCountInString(l.left))
	}
	for _, l := range lines {
		sign := map[Kind]string{Same: " ", OnlyA: "<", OnlyB: ">", Results: "|", Counts: "|"}[c.Rows[l.row].Kind]
		note := ""
		switch {
		case l.held > 0:
		case l.row == c.Shape:
			note = "   ← they part here"
		case l.row == c.Result:
			note = "   ← first result that differs"
		}
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(l.left))
		fmt.Fprintf(w, "%s\n", strings.TrimRight("  "+l.left+pad+"  "+sign+"  "+l.right+note, " "))
	}
}

// jsonRow is a row in JSON.
type jsonRow struct {
	Kind    string `json:"kind"`
	Depth   int    `json:"depth"`
	Func    string `json:"func"`
	ResultA string `json:"result_a,omitempty"`
	ResultB string `json:"result_b,omitempty"`
	CountA  int    `json:"count_a,omitempty"`
	CountB  int    `json:"count_b,omitempty"`
	Elided  int    `json:"elided,omitempty"`
}

// jsonFork is a first difference in JSON.
type jsonFork struct {
	Path []string `json:"path"`
	Row  int      `json:"row"` // index in rows
	Text string   `json:"text"`
}

type jsonVariant struct {
	A      int  `json:"a"`
	B      int  `json:"b"`
	FirstA *int `json:"first_a,omitempty"` // index of a tree in the recording
	FirstB *int `json:"first_b,omitempty"`
	Calls  int  `json:"calls"`
	// InA and InB mark the variants that the rows compare.
	InA bool `json:"compared_a,omitempty"`
	InB bool `json:"compared_b,omitempty"`
}

type jsonComparison struct {
	Function    string        `json:"function"`
	Same        bool          `json:"same"`
	A           int           `json:"a"`
	B           int           `json:"b"`
	IncompleteA int           `json:"incomplete_a,omitempty"`
	IncompleteB int           `json:"incomplete_b,omitempty"`
	Shape       *jsonFork     `json:"shape,omitempty"`
	Result      *jsonFork     `json:"result,omitempty"`
	Rows        []jsonRow     `json:"rows,omitempty"`
	Variants    []jsonVariant `json:"variants"`
}

// WriteJSON prints comparisons as one JSON document, an array.
func WriteJSON(w io.Writer, list []*Comparison) error {
	out := []jsonComparison{}
	for _, c := range list {
		j := jsonComparison{Function: c.Root, Same: c.Same(), A: c.A, B: c.B, IncompleteA: c.IncompleteA, IncompleteB: c.IncompleteB,
			Shape: c.fork(c.Shape), Result: c.fork(c.Result), Variants: []jsonVariant{}}
		for _, r := range c.Rows {
			k := jsonRow{Kind: r.Kind.String(), Depth: r.Depth, Elided: r.Elided}
			if r.A != nil {
				k.Func, k.ResultA, k.CountA = r.A.Name, r.A.Result, r.A.Count
			}
			if r.B != nil {
				k.Func, k.ResultB, k.CountB = r.B.Name, r.B.Result, r.B.Count
			}
			j.Rows = append(j.Rows, k)
		}
		for i := range c.Variants {
			v := &c.Variants[i]
			k := jsonVariant{A: v.A, B: v.B, Calls: v.Node.size, InA: v == c.VA, InB: v == c.VB}
			if v.FirstA >= 0 {
				k.FirstA = &v.FirstA
			}
			if v.FirstB >= 0 {
				k.FirstB = &v.FirstB
			}
			j.Variants = append(j.Variants, k)
		}
		out = append(out, j)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

func (c *Comparison) fork(i int) *jsonFork {
	if i < 0 {
		return nil
	}
	r := &c.Rows[i]
	x := r.A
	if x == nil {
		x = r.B
	}
	return &jsonFork{Path: x.Path(), Row: i, Text: c.describe(i)}
}
