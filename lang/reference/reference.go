// Package reference holds the language reference: the meaning of each row id
// that code, messages and tests mention, and whether probe implements it.
//
// The rows are data, in rows.txt. A line that begins with "# " opens a page: its
// name, a tab, its title. "## " opens a section of the page. Every other line is
// a row: id, title, statement and, where probe does not do what bpftrace does,
// a status, with tabs between them. Titles and statements are Markdown text of
// one line.
package reference

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed rows.txt
var text string

// Status is the degree to which probe implements a row.
type Status int

const (
	Works   Status = iota // as stated
	Differs               // differently, as described in Row.Note
	Missing               // not supported; Row.Note has the reason
)

// Row is one row of the reference.
type Row struct {
	ID     string // such as F-SIGNAL
	Title  string
	Text   string // the statement, Markdown
	Status Status
	Note   string // what differs, or why the row is missing; "" if Status is Works
	Page   string // the name of the page
}

// Section is a part of a page.
type Section struct {
	Title string
	Rows  []Row
}

// Page is one page of the reference.
type Page struct {
	Name  string // of its file, without the ending
	Title string
	List  []Section
}

// data is the parsed reference.
type data struct {
	pages []Page
	rows  map[string]Row
	ids   []string
}

var load = sync.OnceValue(func() *data {
	d, err := parse(text)
	if err != nil {
		panic("reference: " + err.Error())
	}
	return d
})

// Pages returns the pages in their order. They are shared and must not be
// changed.
func Pages() []Page { return load().pages }

// IDs returns the ids of all rows in the order of the pages. They are shared and
// must not be changed.
func IDs() []string { return load().ids }

// Lookup returns the row of an id, in any case.
func Lookup(id string) (Row, bool) {
	r, ok := load().rows[strings.ToUpper(id)]
	return r, ok
}

// parse reads text in the form of rows.txt.
func parse(text string) (*data, error) {
	d := &data{rows: map[string]Row{}}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\n")
		fail := func(what string) error { return fmt.Errorf("rows.txt:%d: %s", n, what) }
		if head, ok := strings.CutPrefix(line, "# "); ok {
			name, title, ok := strings.Cut(head, "\t")
			if !ok || name == "" || title == "" {
				return nil, fail("a page needs a name, a tab and a title")
			}
			d.pages = append(d.pages, Page{Name: name, Title: title})
			continue
		}
		if len(d.pages) == 0 {
			return nil, fail("the first line has to open a page")
		}
		page := &d.pages[len(d.pages)-1]
		if title, ok := strings.CutPrefix(line, "## "); ok {
			page.List = append(page.List, Section{Title: title})
			continue
		}
		cells := strings.Split(line, "\t")
		if len(cells) < 3 || len(cells) > 4 || len(page.List) == 0 {
			return nil, fail("want id, title, statement and perhaps a status in a section of a page")
		}
		r := Row{ID: cells[0], Title: cells[1], Text: cells[2], Page: page.Name}
		if len(cells) == 4 {
			word, note, _ := strings.Cut(cells[3], ": ")
			switch r.Note = note; word {
			case "differs":
				r.Status = Differs
			case "missing":
				r.Status = Missing
			default:
				return nil, fail("a status is differs or missing, a colon and the reason")
			}
			if note == "" {
				return nil, fail("the status has no reason")
			}
		}
		if _, twice := d.rows[r.ID]; twice || r.ID == "" || r.Title == "" || r.Text == "" {
			return nil, fail("an id that occurs once, a title and a statement are needed")
		}
		section := &page.List[len(page.List)-1]
		section.Rows = append(section.Rows, r)
		d.rows[r.ID] = r
		d.ids = append(d.ids, r.ID)
	}
	return d, nil
}
