package docs

import (
	"regexp"
	"strings"
)

// Block is a fenced block of a document.
type Block struct {
	Lang string // the word after the fence
	Line int    // of the fence, from 1
	Text string
}

// split splits a document into its fenced blocks and its prose; the prose keeps
// an empty line for each line of a block.
func split(text string) (blocks []Block, prose string) {
	var b strings.Builder
	open := -1
	n := 0
	for line := range strings.Lines(text) {
		n++
		lang, fence := strings.CutPrefix(strings.TrimRight(line, "\n"), "```")
		switch {
		case fence && open < 0:
			blocks = append(blocks, Block{Lang: lang, Line: n})
			open = len(blocks) - 1
		case fence:
			open = -1
		case open >= 0:
			blocks[open].Text += line
		default:
			b.WriteString(line)
			continue
		}
		b.WriteString("\n")
	}
	return blocks, b.String()
}

// Blocks returns the fenced blocks of a document.
func Blocks(text string) []Block {
	blocks, _ := split(text)
	return blocks
}

var (
	linkRE = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codeRE = regexp.MustCompile("`([^`\n]+)`")
	headRE = regexp.MustCompile(`(?m)^#+ +(.+)$`)
)

// Links returns the targets of a document's links.
func Links(text string) []string {
	_, prose := split(text)
	return submatches(linkRE, codeRE.ReplaceAllString(prose, ""))
}

// Code returns what stands as code in the lines of a document, fenced blocks
// apart.
func Code(text string) []string {
	_, prose := split(text)
	return submatches(codeRE, prose)
}

func submatches(re *regexp.Regexp, text string) []string {
	var out []string
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

// Anchors returns the names that links to the headings of a document use.
func Anchors(text string) []string {
	_, prose := split(text)
	var out []string
	for _, h := range submatches(headRE, prose) {
		a := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127:
				return r
			}
			return -1
		}, strings.ToLower(h))
		out = append(out, a)
	}
	return out
}

// Table returns the rows of the table whose first column has a title, without
// its head; nil if the document has no such table.
func Table(text, title string) [][]string {
	_, prose := split(text)
	var rows [][]string
	in := false
	for line := range strings.Lines(prose) {
		line, isRow := strings.CutPrefix(strings.TrimSpace(line), "|")
		if !isRow {
			in = false
			continue
		}
		var cells []string
		for c := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSuffix(line, "|"), `\|`, "\x00"), "|") {
			cells = append(cells, strings.ReplaceAll(strings.TrimSpace(c), "\x00", "|"))
		}
		switch {
		case cells[0] == title:
			in = true
		case in && strings.Trim(cells[0], "-") != "":
			rows = append(rows, cells)
		}
	}
	return rows
}
