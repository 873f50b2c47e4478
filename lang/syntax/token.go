package syntax

import (
	"io"

	"github.com/alecthomas/participle/v2/lexer"

	"probe/lang/diag"
	"probe/lang/source"
)

// The token types. Every token's Value is the source text it covers, so the
// end of a token is its offset plus the length of its value.
const (
	tKeyword   lexer.TokenType = iota + 1 // the word that starts a declaration: config import let macro fn probe
	tName                                 // a dotted name: route.lookup
	tAttach                               // the raw text of an attach point
	tPredOpen                             // the '/' that opens a predicate
	tPredClose                            // the '/' that closes it
	tIdent                                // a word, keywords inside blocks included
	tVar                                  // $name
	tMap                                  // @name or @
	tParam                                // $1 or $#
	tInt                                  // a number with its suffix, valid or not
	tString                               // a string with its quotes; an unclosed one ends at the end of the line
	tOp                                   // an operator or bracket
)

// symbols names the token types for the grammar's struct tags.
var symbols = map[string]lexer.TokenType{
	"EOF": lexer.EOF, "Keyword": tKeyword, "Name": tName, "Attach": tAttach,
	"PredOpen": tPredOpen, "PredClose": tPredClose, "Ident": tIdent, "Var": tVar,
	"Map": tMap, "Param": tParam, "Int": tInt, "String": tString, "Op": tOp,
}

// definition presents the scanner through participle's interface. The parser
// itself feeds tokens item by item (see scanner.Next); participle only needs
// the names of the token types to build the grammar.
type definition struct{}

// Symbols implements lexer.Definition.
func (definition) Symbols() map[string]lexer.TokenType { return symbols }

// Lex implements lexer.Definition: the tokens of the first item of a script.
func (d definition) Lex(name string, r io.Reader) (lexer.Lexer, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return d.LexString(name, string(text))
}

// LexString implements lexer.StringDefinition.
func (definition) LexString(name, text string) (lexer.Lexer, error) {
	sc := newScanner(source.New(name, text), new(diag.List))
	sc.startItem()
	return sc, nil
}

// tokEnd returns the offset just past a token.
func tokEnd(t *lexer.Token) int { return t.Pos.Offset + len(t.Value) }
