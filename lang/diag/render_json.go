package diag

import (
	"encoding/json"
	"io"

	"probe/lang/source"
)

// jsonPlace is a place; columns count bytes from 1 and the end is exclusive.
type jsonPlace struct {
	File   string   `json:"file"`
	Line   int      `json:"line"`
	Col    int      `json:"col"`
	Offset int      `json:"offset"`
	End    *jsonEnd `json:"end"`
}

type jsonEnd struct {
	Line   int `json:"line"`
	Col    int `json:"col"`
	Offset int `json:"offset"`
}

type jsonLabel struct {
	*jsonPlace
	Message string `json:"message"`
}

type jsonMessage struct {
	*jsonPlace
	Code     Code        `json:"code"`
	Severity string      `json:"severity"`
	Message  string      `json:"message"`
	Row      string      `json:"row,omitempty"`
	Label    string      `json:"label,omitempty"`
	Labels   []jsonLabel `json:"labels,omitempty"`
	Notes    []string    `json:"notes"`
	Helps    []string    `json:"helps"`
}

// RenderJSON writes messages for machines, one JSON object a line and all of
// them. Messages without a place have no file, line, col, offset and end.
func RenderJSON(w io.Writer, list *List) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, d := range list.All {
		m := jsonMessage{
			jsonPlace: place(d.Span), Code: d.Code, Severity: d.Severity.String(), Message: d.Message,
			Row: d.Row, Label: d.Label, Notes: filled(d.Notes), Helps: filled(d.Helps),
		}
		for _, l := range d.Labels {
			m.Labels = append(m.Labels, jsonLabel{place(l.Span), l.Text})
		}
		if err := enc.Encode(m); err != nil {
			return err
		}
	}
	return nil
}

// place returns the JSON form of a span, nil if it is none.
func place(s source.Span) *jsonPlace {
	if !s.Valid() {
		return nil
	}
	line, col := s.File.Position(s.Start)
	endLine, endCol := s.File.Position(s.End)
	return &jsonPlace{s.File.Name, line, col, s.Start, &jsonEnd{endLine, endCol, s.End}}
}

// filled returns the list itself or an empty one, never null.
func filled(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
