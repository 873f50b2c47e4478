package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"probe/runtime/graph"
)

// The lines in this file let a reader show values as the recorder did. All of
// them are optional; without them a reader shows numbers and addresses.

// notationLine says what a number stands for.
type notationLine struct {
	As   graph.As         `json:"as,omitempty"`
	Enum []enumeratorLine `json:"enum,omitempty"`
}

type enumeratorLine struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
}

// textLine is the text that an argument points to.
type textLine struct {
	Call int    `json:"call"` // index in the line
	Arg  int    `json:"arg"`
	Text string `json:"text"`
}

func notationOf(n *graph.Notation) *notationLine {
	if n == nil {
		return nil
	}
	l := &notationLine{As: n.As}
	for _, e := range n.Enum {
		l.Enum = append(l.Enum, enumeratorLine(e))
	}
	return l
}

// cost is the memory that a notation takes, in bytes.
func (l *notationLine) cost() int {
	if l == nil {
		return 0
	}
	n := paramCost
	for _, e := range l.Enum {
		n += paramCost + len(e.Name)
	}
	return n
}

func (l *notationLine) notation() *graph.Notation {
	if l == nil {
		return nil
	}
	n := &graph.Notation{As: l.As}
	for _, e := range l.Enum {
		n.Enum = append(n.Enum, graph.Enumerator(e))
	}
	return n
}

// appendValues appends the symbols that a tree refers to, with its first line,
// and the texts of the arguments of some of its calls.
func appendValues(b []byte, funcs *graph.Funcs, t *graph.Tree, from, to int) []byte {
	add := func(key string, v any) {
		text, _ := json.Marshal(v) // encoding encoding maps and structs of strings and numbers cannot fail
		b = append(append(append(append(b, `,"`...), key...), `":`...), text...)
	}
	if from == 0 {
		if symbols := funcs.SymbolsOf(t); len(symbols) > 0 {
			hex := make(map[string]string, len(symbols))
			for addr, name := range symbols {
				hex[strconv.FormatUint(addr, 16)] = name
			}
			add("symbols", hex)
		}
	}
	if len(t.Texts) == 0 {
		return b
	}
	var texts []textLine
	for i := from; i < to; i++ {
		c := &t.Calls[i]
		for k := range int(c.NArgs) {
			if s := t.Texts[c.Args+int32(k)]; s != "" {
				texts = append(texts, textLine{i - from, k, s})
			}
		}
	}
	if len(texts) > 0 {
		add("texts", texts)
	}
	return b
}

// values parses what appendValues has written. first is the index of the line's
// first call.
func (p *parser) values(l *treeLine, first int) error {
	t := p.open
	for hex, name := range l.Symbols {
		addr, err := strconv.ParseUint(hex, 16, 64)
		if err != nil {
			return fmt.Errorf("symbol %s at %q", name, hex)
		}
		if err := errors.Join(checkName("a symbol", name), p.spend(entryCost+len(name))); err != nil {
			return err
		}
		if p.rec.Funcs.Symbols == nil {
			p.rec.Funcs.Symbols = map[uint64]string{}
		}
		p.rec.Funcs.Symbols[addr] = name
	}
	for _, x := range l.Texts {
		i := first + x.Call
		if x.Call < 0 || i >= len(t.Calls) || x.Arg < 0 || x.Arg >= int(t.Calls[i].NArgs) {
			return fmt.Errorf("the text of no argument in tree %d", p.id)
		}
		if err := p.spend(entryCost + len(x.Text)); err != nil {
			return err
		}
		if t.Texts == nil {
			t.Texts = map[int32]string{}
		}
		t.Texts[t.Calls[i].Args+int32(x.Arg)] = x.Text
	}
	return nil
}
