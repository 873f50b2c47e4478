package syntax

import "probe/lang/source"

// Node is any part of the tree.
type Node interface {
	Span() source.Span
}

// At gives a node its place; embed it.
type At struct{ At source.Span }

// Span returns the bytes the node was parsed from, without surrounding layout.
func (a At) Span() source.Span { return a.At }

// Comment is one comment with its place, kept for the formatter and for help
// texts. Text includes the comment marks.
type Comment struct {
	At
	Text string
}

// File is a whole script.
type File struct {
	Source   *source.File
	Shebang  string // the whole line with #!, "" if none
	Items    []Item // in source order
	Comments []*Comment
}

// Span returns the whole script.
func (f *File) Span() source.Span {
	return source.Span{File: f.Source, End: len(f.Source.Text)}
}

// Item is a top-level part of a script.
type Item interface {
	Node
	item()
}

// The items.
type (
	// Preproc is one line starting with '#', without blanks at its end.
	Preproc struct {
		At
		Text string
	}
	// CDef is the verbatim text of one struct, union or enum definition,
	// parsed further by ParseCSection.
	CDef struct {
		At
		Text string
	}
	// Config is the block config = { … }.
	Config struct {
		At
		Entries []*ConfigEntry
	}
	// Import is import "path".
	Import struct {
		At
		Path *StringLit
	}
	// MapDecl is let @m = kind(entries);
	MapDecl struct {
		At
		Name    string // without '@'; "" is the anonymous map
		NameAt  source.Span
		Kind    string
		KindAt  source.Span
		Entries Expr
	}
	// Macro is macro name(params) { … }.
	Macro struct {
		At
		Name   string
		NameAt source.Span
		Params []*Param
		Body   *Block
		Doc    string // the comment block just above, without marks
	}
	// Fn is fn name($a : T, …) : T { … }.
	Fn struct {
		At
		Name   string
		NameAt source.Span
		Params []*FnParam
		Result *TypeExpr
		Body   *Block
		Doc    string
	}
	// NamedProbe is the dialect's probe NAME = ap | ap;
	NamedProbe struct {
		At
		Name   string // may contain dots
		NameAt source.Span
		Alts   []*AttachPoint
		Doc    string
	}
	// Probe is attach points, predicate, body.
	Probe struct {
		At
		Attach []*AttachPoint
		Pred   Expr // nil if none
		Body   *Block
		Doc    string
	}
	// BadItem replaces an item that could not be parsed.
	BadItem struct{ At }
)

func (*Preproc) item()    {}
func (*CDef) item()       {}
func (*Config) item()     {}
func (*Import) item()     {}
func (*MapDecl) item()    {}
func (*Macro) item()      {}
func (*Fn) item()         {}
func (*NamedProbe) item() {}
func (*Probe) item()      {}
func (*BadItem) item()    {}

// ConfigEntry is key = value; Value is a StringLit, IntLit, BoolLit or Ident.
type ConfigEntry struct {
	At
	Key   string
	Value Expr
}

// ParamKind is what a macro parameter binds.
type ParamKind uint8

// The kinds of macro parameters.
const (
	ParamWord ParamKind = iota // an expression or a type
	ParamVar                   // $v: a scratch variable
	ParamMap                   // @m: a map
)

// Param is one macro parameter; Name is without '$' or '@'.
type Param struct {
	At
	Kind ParamKind
	Name string
}

// FnParam is one subprogram parameter.
type FnParam struct {
	At
	Name string // without '$'
	Type *TypeExpr
}

// AttachPoint is the raw text of one attach point and its split parts. Parts
// are those of the first alternative; NewAttachPoint documents how alternatives
// are represented. Positional parameters ($1) are not yet replaced: the checker
// replaces them in the text and calls NewAttachPoint again.
type AttachPoint struct {
	At
	Raw   string
	Name  string         // user-given name before '=', "" if none
	Parts []AttachPart   // split at ':' (and '@') outside quotes
	Alts  []*AttachPoint // the other alternatives written with '|' (X-CALL), nil if none
}

// AttachPart is one part of an attach point.
type AttachPart struct {
	At
	Text   string // quotes removed, escapes resolved; of the first alternative
	Raw    string // as written, with all alternatives
	Quoted bool   // part of it was quoted
	Sep    byte   // the separator before it: 0 for the first, ':' or '@'
}

// Expr is an expression.
type Expr interface {
	Node
	expr()
}

// The expressions.
type (
	// IntLit is an integer literal; Value is its magnitude with suffix and
	// exponent applied (durations in nanoseconds).
	IntLit struct {
		At
		Value uint64
		Text  string // as written
	}
	// StringLit is a string literal with escapes resolved.
	StringLit struct {
		At
		Value string
	}
	// BoolLit is true or false.
	BoolLit struct {
		At
		Value bool
	}
	// Ident is a bare word: builtin, macro, enumerator, C macro constant.
	Ident struct {
		At
		Name string
	}
	// Var is a scratch variable, Name without '$'.
	Var struct {
		At
		Name string
	}
	// Positional is $N. N = 0 means $#, the number of parameters.
	Positional struct {
		At
		N int
	}
	// Map is @name or @name[keys]; Keys is nil for the bare form. Name is
	// without '@' and empty for the anonymous map.
	Map struct {
		At
		Name   string
		NameAt source.Span // the '@name' part
		Keys   []Expr
	}
	// Call is name(args). An argument may be a TypeArg.
	Call struct {
		At
		Name   string
		NameAt source.Span
		Args   []Expr
	}
	// TypeArg is typeof(…) as an argument, where an expression is expected
	// otherwise.
	TypeArg struct {
		At
		Type *TypeExpr
	}
	// Unary is a prefix operator: - ! ~ * & ++ --.
	Unary struct {
		At
		Op string
		X  Expr
	}
	// Postfix is x++ or x--.
	Postfix struct {
		At
		Op string
		X  Expr
	}
	// Binary is x op y, logical operators included.
	Binary struct {
		At
		Op   string
		OpAt source.Span
		X, Y Expr
	}
	// Ternary is c ? a : b; Then is nil in c ?: b.
	Ternary struct {
		At
		Cond, Then, Else Expr
	}
	// Field is x.name, x->name or x.N (tuple element).
	Field struct {
		At
		X      Expr
		Name   string // decimal digits for a tuple element
		NameAt source.Span
		Arrow  bool
	}
	// Index is x[i].
	Index struct {
		At
		X, I Expr
	}
	// Cast is (type)x. Alt is set when the text could also be read as a binary
	// expression, "(name) op operand": the checker takes Alt when the name
	// turns out not to be a type.
	Cast struct {
		At
		Type *TypeExpr
		X    Expr
		Alt  Expr
	}
	// Paren is (x), kept for the formatter.
	Paren struct {
		At
		X Expr
	}
	// Tuple is (a, b), (a,) or ().
	Tuple struct {
		At
		Elems []Expr
	}
	// Record is (name = x, …).
	Record struct {
		At
		Names   []string
		NamesAt []source.Span
		Values  []Expr
	}
	// BlockExpr is { …; value }.
	BlockExpr struct {
		At
		Block *Block
	}
	// If is if c { } else …, a statement or an expression. Else is nil, a
	// *BlockExpr or an *If.
	If struct {
		At
		Cond     Expr
		Comptime bool // if comptime (c)
		Then     *Block
		Else     Expr
	}
	// Sizeof is sizeof(T) or sizeof(expr); exactly one of Type and X is set.
	Sizeof struct {
		At
		Type *TypeExpr
		X    Expr
	}
	// Offsetof is offsetof(T or expr, a.b.c).
	Offsetof struct {
		At
		Type     *TypeExpr
		X        Expr
		Fields   []string
		FieldsAt source.Span
	}
	// Typeinfo is typeinfo(T or expr).
	Typeinfo struct {
		At
		Type *TypeExpr
		X    Expr
	}
	// Comptime is comptime x.
	Comptime struct {
		At
		X Expr
	}
	// BadExpr replaces an expression that could not be parsed.
	BadExpr struct{ At }
)

func (*IntLit) expr()     {}
func (*StringLit) expr()  {}
func (*BoolLit) expr()    {}
func (*Ident) expr()      {}
func (*Var) expr()        {}
func (*Positional) expr() {}
func (*Map) expr()        {}
func (*Call) expr()       {}
func (*TypeArg) expr()    {}
func (*Unary) expr()      {}
func (*Postfix) expr()    {}
func (*Binary) expr()     {}
func (*Ternary) expr()    {}
func (*Field) expr()      {}
func (*Index) expr()      {}
func (*Cast) expr()       {}
func (*Paren) expr()      {}
func (*Tuple) expr()      {}
func (*Record) expr()     {}
func (*BlockExpr) expr()  {}
func (*If) expr()         {}
func (*Sizeof) expr()     {}
func (*Offsetof) expr()   {}
func (*Typeinfo) expr()   {}
func (*Comptime) expr()   {}
func (*BadExpr) expr()    {}

// TypeExpr is a type as written: a base and postfix parts read left to right
// ("int32*[4]" is four pointers).
type TypeExpr struct {
	At
	Kind   string // "struct", "union", "enum" or ""
	Name   string // may hold several words ("unsigned long"); "" when Of is set
	NameAt source.Span
	Of     Expr      // typeof(expr)
	OfType *TypeExpr // typeof(T)
	Suffix []TypeSuffix
	Quals  []string // const, volatile, __user …, in any position
}

// TypeSuffix is '*' (Ptr), '[N]' or '[]' (Len < 0).
type TypeSuffix struct {
	Ptr  bool
	Len  int64
	LenX Expr // a length that is not a plain integer literal, else nil
}

// Block is { statements; value? }. Value is the last expression when no ';'
// follows it, nil otherwise; in the body of a probe it is an ordinary
// statement. An if or a block is a Value only if it has a value itself (see
// HasValue); otherwise it is an ExprStmt.
type Block struct {
	At
	Stmts []Stmt
	Value Expr
}

// Stmt is a statement.
type Stmt interface {
	Node
	stmt()
}

// The statements.
type (
	// Let is let $x : T = e.
	Let struct {
		At
		Var  *Var
		Type *TypeExpr // nil if none
		X    Expr      // nil if none
	}
	// Assign is target op e with op one of = += -= …; Target is a *Var or *Map
	// in a valid script.
	Assign struct {
		At
		Target Expr
		Op     string
		OpAt   source.Span
		X      Expr
	}
	// Discard is _ = e.
	Discard struct {
		At
		X Expr
	}
	// ExprStmt is e;
	ExprStmt struct {
		At
		X Expr
	}
	// For is for $v : @m { } (Map set) or for $v : a..b { } (From, To set).
	For struct {
		At
		Var      *Var
		Map      Expr
		From, To Expr
		Body     *Block
	}
	// While is while (c) { }.
	While struct {
		At
		Cond Expr
		Body *Block
	}
	// Unroll is unroll (n) { }.
	Unroll struct {
		At
		N    Expr
		Body *Block
	}
	// Jump is break, continue or return [e].
	Jump struct {
		At
		Word string
		X    Expr
	}
	// ImportStmt is import "x"; inside a block.
	ImportStmt struct {
		At
		Path *StringLit
	}
	// BadStmt replaces a statement that could not be parsed.
	BadStmt struct{ At }
)

func (*Let) stmt()        {}
func (*Assign) stmt()     {}
func (*Discard) stmt()    {}
func (*ExprStmt) stmt()   {}
func (*For) stmt()        {}
func (*While) stmt()      {}
func (*Unroll) stmt()     {}
func (*Jump) stmt()       {}
func (*ImportStmt) stmt() {}
func (*BadStmt) stmt()    {}
