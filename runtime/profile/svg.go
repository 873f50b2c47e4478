package profile

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"html"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"probe/lang/value"
)

// Node is a box of a flame graph: all samples of a function with the same chain
// of callers.
type Node struct {
	Name  string
	Total int64 // with everything below
	Count int   // calls or samples, 0 if it says no more than Total

	children []*Node
	byName   map[string]*Node
}

// Child returns the box of a function below this one, which is added if it is
// new.
func (n *Node) Child(name string) *Node {
	c := n.byName[name]
	if c == nil {
		if n.byName == nil {
			n.byName = map[string]*Node{}
		}
		c = &Node{Name: name}
		n.byName[name] = c
		n.children = append(n.children, c)
	}
	return c
}

// writeSVG draws a flame graph of the main values.
func writeSVG(w io.Writer, p *Profile) error {
	root := &Node{Name: "all"}
	for i := range p.Samples {
		s := &p.Samples[i]
		root.Total += p.main(s)
		at := root
		for _, f := range s.Stack {
			at = at.Child(p.Frames[f].label())
			at.Total += p.main(s)
		}
	}
	return Draw(w, root, p.Title, p.unit(), p.Left)
}

// Sizes of the picture, in its own units.
const (
	svgWidth  = 1200.0
	svgRow    = 17
	svgTop    = 62
	svgLetter = 6.6 // width of a letter
	svgLeast  = 0.2 // boxes narrower than this are not drawn
)

// Draw draws a flame graph, the root on top. A click makes a box as wide as the
// picture, one on "reset" shows everything again; "search" colours the boxes
// whose name matches a regular expression and says what share they have.
// left says what is not in the picture, "" if nothing is missing.
func Draw(w io.Writer, root *Node, title, unit, left string) error {
	depth, thin := 0, 0
	var boxes []svgBox
	var place func(n *Node, x, width float64, level int)
	place = func(n *Node, x, width float64, level int) {
		if width < svgLeast {
			thin++
			return
		}
		depth = max(depth, level)
		boxes = append(boxes, svgBox{n, x, width, level})
		slices.SortStableFunc(n.children, func(a, b *Node) int { return cmp.Compare(a.Name, b.Name) })
		sum := int64(0)
		for _, c := range n.children {
			sum += c.Total
		}
		// If the children were measured longer than their caller, they share
		// the caller's width.
		whole := float64(max(n.Total, sum, 1))
		for _, c := range n.children {
			part := width * float64(c.Total) / whole
			place(c, x, part, level+1)
			x += part
		}
	}
	place(root, 0, svgWidth, 0)
	height := svgTop + (depth+1)*svgRow + 8
	if thin > 0 {
		if left != "" {
			left += "; "
		}
		boxes := "boxes are"
		if thin == 1 {
			boxes = "box is"
		}
		left += fmt.Sprintf("%d %s too narrow to be drawn", thin, boxes)
	}
	if left != "" {
		left = ". Not here: " + left
	}
	if _, err := fmt.Fprintf(w, svgHead, int(svgWidth), height, int(svgWidth), height, html.EscapeString(printable(title)),
		html.EscapeString("Total: "+Amount(root.Total, unit)+left)); err != nil {
		return err
	}
	for _, b := range boxes {
		if err := b.write(w, root.Total, unit); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, svgScript)
	return err
}

type svgBox struct {
	n        *Node
	x, width float64
	level    int
}

func (b *svgBox) write(w io.Writer, all int64, unit string) error {
	h := fnv.New32a()
	h.Write([]byte(b.n.Name)) // never fails
	hue := h.Sum32() % 55
	y := svgTop + b.level*svgRow
	share := 100 * float64(b.n.Total) / float64(max(all, 1))
	name := printable(b.n.Name)
	label := name
	if fit := int((b.width - 6) / svgLetter); fit < utf8.RuneCountInString(label) {
		label = ""
		if fit > 3 {
			label = string([]rune(name)[:fit-1]) + "…"
		}
	}
	times := ""
	if b.n.Count > 0 {
		times = fmt.Sprintf(", %d×", b.n.Count)
	}
	_, err := fmt.Fprintf(w, `<g class="f" data-x="%.3f" data-w="%.3f" data-l="%d" data-n="%s"><title>%s: %s%s, %.1f%%</title>`+
		`<rect x="%.3f" y="%d" width="%.3f" height="%d" fill="hsl(%d,75%%,62%%)"/><text x="%.3f" y="%d">%s</text></g>`+"\n",
		b.x, b.width, b.level, html.EscapeString(name), html.EscapeString(name), html.EscapeString(Amount(b.n.Total, unit)), times, share,
		b.x, y, b.width, svgRow-1, hue, b.x+3, y+12, html.EscapeString(label))
	return err
}

// printable returns a text as XML can have it, with control characters as \xHH.
func printable(s string) string {
	return strings.ToValidUTF8(value.Visible(s, false), "\ufffd")
}

const svgHead = `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="monospace" font-size="11">
<style>rect{stroke:#fff;stroke-width:.5}text{pointer-events:none}.f,.b{cursor:pointer}.b{pointer-events:all;fill:#06c}.f:hover rect{stroke:#000}</style>
<rect width="100%%" height="100%%" fill="#fff"/>
<text x="8" y="20" font-size="15">%s</text>
<text x="8" y="40">%s</text>
<text x="1192" y="20" text-anchor="end"><tspan id="reset" class="b">reset</tspan><tspan id="search" class="b" dx="14">search</tspan></text>
<text x="1192" y="40" text-anchor="end" id="found"></text>
`

// svgScript implements zooming and search. It is embedded, so that the picture is
// a single file.
const svgScript = `<script><![CDATA[
(function () {
  var all = Array.prototype.slice.call(document.querySelectorAll(".f"));
  function zoom(g) {
    var x = +g.dataset.x, w = +g.dataset.w, l = +g.dataset.l, k = 1200 / w;
    all.forEach(function (e) {
      var ex = +e.dataset.x, ew = +e.dataset.w, el = +e.dataset.l;
      var above = el < l && ex <= x + 1e-3 && ex + ew >= x + w - 1e-3;
      var below = el >= l && ex >= x - 1e-3 && ex + ew <= x + w + 1e-3;
      e.style.display = above || below ? "" : "none";
      var nx = above ? 0 : (ex - x) * k, nw = above ? 1200 : ew * k;
      var r = e.querySelector("rect"), t = e.querySelector("text"), n = e.dataset.n, fit = Math.floor((nw - 6) / 6.6);
      r.setAttribute("x", nx); r.setAttribute("width", nw); t.setAttribute("x", nx + 3);
      t.textContent = fit >= n.length ? n : fit > 3 ? n.slice(0, fit - 1) + "\u2026" : "";
    });
  }
  function find(text) {
    var re = text ? new RegExp(text) : null, width = 0, end = -1;
    all.forEach(function (e) {
      var r = e.querySelector("rect"), hit = re && re.test(e.dataset.n);
      if (!e.dataset.c) e.dataset.c = r.getAttribute("fill");
      r.setAttribute("fill", hit ? "#e4f" : e.dataset.c);
      // A box below one that matches counts with it. Boxes come from left to right,
      // each before those below it.
      var x = +e.dataset.x, w = +e.dataset.w;
      if (hit && x + w > end + 1e-3) { width += Math.min(w, x + w - Math.max(end, x)); end = x + w; }
    });
    document.getElementById("found").textContent = re ? "found: " + (width / 12).toFixed(1) + "%" : "";
    return width / 12;
  }
  all.forEach(function (e) { e.addEventListener("click", function () { zoom(e); }); });
  document.getElementById("reset").addEventListener("click", function () { zoom(all[0]); find(""); });
  document.getElementById("search").addEventListener("click", function () {
    var text = prompt("regular expression");
    if (text !== null) { try { find(text); } catch (e) { document.getElementById("found").textContent = String(e); } }
  });
  window.flame = { zoom: zoom, find: find };
})();
]]></script>
</svg>
`
