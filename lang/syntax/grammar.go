package syntax

import (
	"sync"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// The structural part of the grammar, one struct for each kind of item.
// Everything with operators, optional terminators or recovery inside is a
// function of the parser instead, bound through the three interfaces below.

// blockPart, exprPart and typePart are what the grammar structs hold for a
// block, an expression and a type.
type (
	blockPart interface {
		Node
		isBlock()
	}
	exprPart interface{ Expr }
	typePart interface {
		Node
		isType()
	}
)

func (*Block) isBlock()   {}
func (*TypeExpr) isType() {}

// tok is one token captured by a grammar struct.
type tok = lexer.Token

type (
	gItem struct {
		Config *gConfig     `parser:"  @@"`
		Import *gImport     `parser:"| @@"`
		Map    *gMapDecl    `parser:"| @@"`
		Macro  *gMacro      `parser:"| @@"`
		Fn     *gFn         `parser:"| @@"`
		Named  *gNamedProbe `parser:"| @@"`
		Probe  *gProbe      `parser:"| @@"`
	}

	gConfig struct {
		Key     tok        `parser:"@'config' '='"`
		Entries []*gOption `parser:"'{' ( @@ ( ';' @@? )* )?"`
		Close   tok        `parser:"@'}'"`
	}
	gOption struct {
		Key   tok `parser:"@Ident '='"`
		Value tok `parser:"@( String | Int | Ident )"`
	}

	gImport struct {
		Key  tok `parser:"@'import'"`
		Path tok `parser:"@String"`
		End  tok `parser:"@';'"`
	}

	gMapDecl struct {
		Key     tok      `parser:"@'let'"`
		Name    tok      `parser:"@Map '='"`
		Kind    tok      `parser:"@Ident"`
		Entries exprPart `parser:"'(' @@"`
		Close   tok      `parser:"@')'"`
		End     tok      `parser:"@';'?"`
	}

	gMacro struct {
		Key    tok       `parser:"@'macro'"`
		Name   tok       `parser:"@Ident '('"`
		Params []*gParam `parser:"( @@ ( ',' @@ )* )? ')'"`
		Body   blockPart `parser:"@@"`
	}
	gParam struct {
		Name tok `parser:"@( Var | Map | Ident )"`
	}

	gFn struct {
		Key    tok         `parser:"@'fn'"`
		Name   tok         `parser:"@Ident '('"`
		Params []*gFnParam `parser:"( @@ ( ',' @@ )* )? ')'"`
		Result typePart    `parser:"':' @@"`
		Body   blockPart   `parser:"@@"`
	}
	gFnParam struct {
		Name tok      `parser:"@Var ':'"`
		Type typePart `parser:"@@"`
	}

	gNamedProbe struct {
		Key  tok        `parser:"@'probe'"`
		Name tok        `parser:"@Name '='"`
		Alts []*gAttach `parser:"@@ ( '|' @@ )*"`
		End  tok        `parser:"@';'"`
	}

	gProbe struct {
		Attach []*gAlts  `parser:"@@ ( ',' @@? )*"`
		Pred   *gPred    `parser:"@@?"`
		Body   blockPart `parser:"@@"`
	}
	gAlts struct {
		Alts []*gAttach `parser:"@@ ( '|' @@ )*"`
	}
	gAttach struct {
		Text tok `parser:"@Attach"`
	}
	gPred struct {
		Open  tok      `parser:"@PredOpen"`
		Cond  exprPart `parser:"@@"`
		Close tok      `parser:"@PredClose"`
	}
)

// grammar is the built grammar together with the parser state of its functions.
// It serves one parse at a time.
type grammar struct {
	p      parser
	config *participle.Parser[gConfig]
	imp    *participle.Parser[gImport]
	mapd   *participle.Parser[gMapDecl]
	macro  *participle.Parser[gMacro]
	fn     *participle.Parser[gFn]
	named  *participle.Parser[gNamedProbe]
	probe  *participle.Parser[gProbe]
}

// newGrammar builds the grammar, which takes about 0.3 ms.
func newGrammar() *grammar {
	g := new(grammar)
	all := participle.MustBuild[gItem](
		participle.Lexer(definition{}),
		// The grammar is LL(1): once a token has matched there is no other
		// reading, so an error points at the first token that does not fit.
		participle.UseLookahead(0),
		participle.ParseTypeWith(g.p.blockProduction),
		participle.ParseTypeWith(g.p.exprProduction),
		participle.ParseTypeWith(g.p.typeProduction),
	)
	g.config = production[gConfig](all)
	g.imp = production[gImport](all)
	g.mapd = production[gMapDecl](all)
	g.macro = production[gMacro](all)
	g.fn = production[gFn](all)
	g.named = production[gNamedProbe](all)
	g.probe = production[gProbe](all)
	return g
}

func production[P any](all *participle.Parser[gItem]) *participle.Parser[P] {
	p, err := participle.ParserForProduction[P](all)
	if err != nil {
		panic("syntax: " + err.Error())
	}
	return p
}

// The functions bound into a grammar work on its one parser state, so parses
// that run at the same time need a grammar each. Idle grammars are kept, so a
// program that parses scripts one after another builds a single grammar.
var idle struct {
	sync.Mutex
	list []*grammar
}

// maxIdle is the maximum number of idle grammars kept.
const maxIdle = 8

// acquireGrammar returns an idle grammar, or a new one. Callers give it back
// with releaseGrammar.
func acquireGrammar() *grammar {
	idle.Lock()
	if n := len(idle.list); n > 0 {
		g := idle.list[n-1]
		idle.list = idle.list[:n-1]
		idle.Unlock()
		return g
	}
	idle.Unlock()
	return newGrammar()
}

// releaseGrammar keeps a grammar for later. It drops the parser's state first,
// which refers to the whole tree.
func releaseGrammar(g *grammar) {
	g.p = parser{}
	idle.Lock()
	if len(idle.list) < maxIdle {
		idle.list = append(idle.list, g)
	}
	idle.Unlock()
}
