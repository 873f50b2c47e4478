package export

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"html"
	"io"
	"slices"
	"unicode/utf8"

	"probe/runtime/graph"
)

// frame is a box of the flame graph: all calls of a function with the same
// chain of callers.
type frame struct {
	name     string
	total    int64 // ns, with everything below
	calls    int
	children []*frame
	byName   map[string]*frame
}

func (f *frame) child(name string) *frame {
	c := f.byName[name]
	if c == nil {
		if f.byName == nil {
			f.byName = map[string]*frame{}
		}
		c = &frame{name: name}
		f.byName[name] = c
		f.children = append(f.children, c)
	}
	return c
}

// merge lays all trees over each other.
func merge(s *Source) *frame {
	root := &frame{name: "all"}
	for _, t := range s.Trees {
		at := make([]*frame, len(t.Calls))
		for i := range t.Calls {
			c := &t.Calls[i]
			if c.Flags&graph.Gap != 0 {
				continue
			}
			up := root
			if c.Parent >= 0 {
				up = at[c.Parent]
			}
			f := up.child(s.name(c))
			f.calls++
			f.total += c.Duration()
			at[i] = f
		}
		root.total += t.Root().Duration()
		root.calls++
	}
	return root
}

// Sizes of the picture, in its own units.
const (
	svgWidth  = 1200.0
	svgRow    = 17
	svgTop    = 46
	svgLetter = 6.6 // width of a letter
	svgLeast  = 0.2 // boxes narrower than this are not drawn
)

// writeSVG draws a flame graph, the root on top. A click makes a box as wide
// as the picture; a click on "all" shows everything again.
func writeSVG(w io.Writer, s *Source) error {
	root := merge(s)
	depth := 0
	var boxes []svgBox
	var place func(f *frame, x, width float64, level int)
	place = func(f *frame, x, width float64, level int) {
		if width < svgLeast {
			return
		}
		depth = max(depth, level)
		boxes = append(boxes, svgBox{f, x, width, level})
		slices.SortStableFunc(f.children, func(a, b *frame) int { return cmp.Compare(a.name, b.name) })
		sum := int64(0)
		for _, c := range f.children {
			sum += c.total
		}
		// If the children were measured longer than their caller, they share
		// the caller's width.
		whole := float64(max(f.total, sum, 1))
		for _, c := range f.children {
			part := width * float64(c.total) / whole
			place(c, x, part, level+1)
			x += part
		}
	}
	place(root, 0, svgWidth, 0)
	height := svgTop + (depth+1)*svgRow + 8
	title := s.Title
	if title == "" {
		title = "call trees"
	}
	if _, err := fmt.Fprintf(w, svgHead, int(svgWidth), height, int(svgWidth), height, html.EscapeString(title)); err != nil {
		return err
	}
	for _, b := range boxes {
		if err := b.write(w, root.total); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, svgScript)
	return err
}

type svgBox struct {
	f        *frame
	x, width float64
	level    int
}

func (b *svgBox) write(w io.Writer, all int64) error {
	h := fnv.New32a()
	h.Write([]byte(b.f.name)) // never fails
	hue := h.Sum32() % 55
	y := svgTop + b.level*svgRow
	share := 100 * float64(b.f.total) / float64(max(all, 1))
	label := b.f.name
	if fit := int((b.width - 6) / svgLetter); fit < utf8.RuneCountInString(label) {
		label = ""
		if fit > 3 {
			label = string([]rune(b.f.name)[:fit-1]) + "…"
		}
	}
	_, err := fmt.Fprintf(w, `<g class="f" data-x="%.3f" data-w="%.3f" data-l="%d" data-n="%s"><title>%s: %s, %d×, %.1f%%</title>`+
		`<rect x="%.3f" y="%d" width="%.3f" height="%d" fill="hsl(%d,75%%,62%%)"/><text x="%.3f" y="%d">%s</text></g>`+"\n",
		b.x, b.width, b.level, html.EscapeString(b.f.name), html.EscapeString(b.f.name), graph.FormatDuration(b.f.total), b.f.calls, share,
		b.x, y, b.width, svgRow-1, hue, b.x+3, y+12, html.EscapeString(label))
	return err
}

const svgHead = `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="monospace" font-size="11">
<style>rect{stroke:#fff;stroke-width:.5}text{pointer-events:none}.f{cursor:pointer}.f:hover rect{stroke:#000}</style>
<rect width="100%%" height="100%%" fill="#fff"/>
<text x="8" y="20" font-size="15">%s</text>
`

// svgScript implements zooming. It is embedded, so that the picture is a single
// file.
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
  all.forEach(function (e) { e.addEventListener("click", function () { zoom(e); }); });
})();
]]></script>
</svg>
`
