package syntax

import (
	"fmt"
	"strings"

	"probe/lang/source"
)

// cValue is a value of a C constant expression: 64 bits, signed or not.
type cValue struct {
	bits     uint64
	unsigned bool
}

func cBool(b bool) cValue {
	if b {
		return cValue{bits: 1}
	}
	return cValue{}
}

// constExpr evaluates a C constant expression over a list of tokens.
type constExpr struct {
	toks  []cTok
	i     int
	depth int
	at    source.Span               // where to report an expression that is missing
	names func(cTok) (cValue, bool) // the value of an identifier
	err   string
	errAt source.Span
}

// maxConstDepth is the maximum nesting of a constant expression. The evaluator
// recurses, and input must not exhaust the stack.
const maxConstDepth = 200

func (e *constExpr) fail(at source.Span, format string, args ...any) cValue {
	if e.err == "" {
		e.err, e.errAt = fmt.Sprintf(format, args...), at
	}
	e.i = len(e.toks)
	return cValue{}
}

// tok returns the next token; kind cEnd at the end.
func (e *constExpr) tok() cTok {
	if e.i < len(e.toks) {
		return e.toks[e.i]
	}
	at := e.at
	if n := len(e.toks); n > 0 {
		at = e.toks[n-1].at
	}
	return cTok{at: at}
}

// whole evaluates all tokens as one expression.
func (e *constExpr) whole() cValue {
	v := e.ternary()
	if t := e.tok(); t.kind != cEnd && e.err == "" {
		return e.fail(t.at, "expected an operator, found `%s`", t.text)
	}
	return v
}

func (e *constExpr) ternary() cValue {
	if e.depth++; e.depth > maxConstDepth {
		return e.fail(e.tok().at, "the expression is nested too deeply")
	}
	defer func() { e.depth-- }()
	c := e.binary(1)
	if e.tok().text != "?" {
		return c
	}
	e.i++
	a := e.ternary()
	if e.tok().text != ":" {
		return e.fail(e.tok().at, "expected `:` in the expression")
	}
	e.i++
	b := e.ternary()
	if c.bits != 0 {
		return a
	}
	return b
}

// cPrecedence returns the level of a binary operator of C, 0 for anything else.
func cPrecedence(t cTok) int {
	if t.kind != cPunct {
		return 0
	}
	return precedence(&tok{Type: tOp, Value: t.text})
}

// binary parses operators of level least and above by precedence climbing, as
// parser.binary does.
func (e *constExpr) binary(least int) cValue {
	x := e.unary()
	for {
		op := e.tok()
		level := cPrecedence(op)
		if level == 0 || level < least || e.err != "" {
			return x
		}
		e.i++
		y := e.binary(level + 1)
		x = e.apply(op, x, y)
	}
}

// apply computes x op y with the usual conversions to 64 bits.
func (e *constExpr) apply(op cTok, x, y cValue) cValue {
	u := x.unsigned || y.unsigned
	less := func(a, b cValue) bool {
		if u {
			return a.bits < b.bits
		}
		return int64(a.bits) < int64(b.bits)
	}
	switch op.text {
	case "||":
		return cBool(x.bits != 0 || y.bits != 0)
	case "&&":
		return cBool(x.bits != 0 && y.bits != 0)
	case "|":
		return cValue{x.bits | y.bits, u}
	case "^":
		return cValue{x.bits ^ y.bits, u}
	case "&":
		return cValue{x.bits & y.bits, u}
	case "==":
		return cBool(x.bits == y.bits)
	case "!=":
		return cBool(x.bits != y.bits)
	case "<":
		return cBool(less(x, y))
	case ">":
		return cBool(less(y, x))
	case "<=":
		return cBool(!less(y, x))
	case ">=":
		return cBool(!less(x, y))
	case "<<", ">>":
		if y.bits > 63 {
			return e.fail(op.at, "shift by more than 63 bits")
		}
		if op.text == "<<" {
			return cValue{x.bits << y.bits, x.unsigned}
		}
		if x.unsigned {
			return cValue{x.bits >> y.bits, true}
		}
		return cValue{uint64(int64(x.bits) >> y.bits), false}
	case "+":
		return cValue{x.bits + y.bits, u}
	case "-":
		return cValue{x.bits - y.bits, u}
	case "*":
		return cValue{x.bits * y.bits, u}
	case "/", "%":
		return e.divide(op, x, y, u)
	}
	panic("syntax: C operator " + op.text)
}

// divide computes x / y or x % y, unsigned if u is set. A division by zero is
// reported at its place.
func (e *constExpr) divide(op cTok, x, y cValue, u bool) cValue {
	if y.bits == 0 {
		return e.fail(op.at, "division by zero")
	}
	a, b := int64(x.bits), int64(y.bits)
	switch {
	case u && op.text == "/":
		return cValue{x.bits / y.bits, true}
	case u:
		return cValue{x.bits % y.bits, true}
	case b == -1 && op.text == "/":
		return cValue{-x.bits, false}
	case b == -1:
		return cValue{}
	case op.text == "/":
		return cValue{uint64(a / b), false}
	}
	return cValue{uint64(a % b), false}
}

func (e *constExpr) unary() cValue {
	t := e.tok()
	e.i++
	switch {
	case t.kind == cEnd:
		return e.fail(t.at, "expected a value")
	case t.kind == cNumber:
		v, err := cNumberValue(t.text)
		if err != "" {
			return e.fail(t.at, "%s", err)
		}
		return v
	case t.kind == cText && t.text[0] == '\'':
		return e.character(t)
	case t.kind == cWord && t.text == "sizeof":
		return e.sizeOf(t)
	case t.kind == cWord:
		v, ok := e.names(t)
		if !ok {
			return e.fail(t.at, "`%s` is no constant", t.text)
		}
		if e.tok().text == "(" && e.err == "" {
			return e.fail(t.at, "`%s( )` cannot be evaluated here", t.text)
		}
		return v
	case t.text == "(":
		v := e.ternary()
		if e.tok().text != ")" {
			return e.fail(e.tok().at, "expected `)` in the expression")
		}
		e.i++
		return v
	case t.text == "-" || t.text == "+" || t.text == "!" || t.text == "~":
		if e.depth++; e.depth > maxConstDepth {
			return e.fail(t.at, "the expression is nested too deeply")
		}
		v := e.unary()
		e.depth--
		switch t.text {
		case "-":
			v.bits = -v.bits
		case "~":
			v.bits = ^v.bits
		case "!":
			v = cBool(v.bits == 0)
		}
		return v
	}
	return e.fail(t.at, "expected a value, found `%s`", t.text)
}

// cSizes are the sizes of C types without a definition, in bytes.
var cSizes = map[string]uint64{
	"char": 1, "signed char": 1, "unsigned char": 1, "bool": 1, "short": 2, "unsigned short": 2, "int": 4, "unsigned int": 4, "float": 4,
	"long": 8, "unsigned long": 8, "long long": 8, "unsigned long long": 8, "double": 8, "long double": 16, "__int128": 16, "unsigned __int128": 16,
}

// sizeOf returns the size of a base type or of a pointer. Sizes of other types
// are not known before the checker lays them out.
func (e *constExpr) sizeOf(t cTok) cValue {
	if e.tok().text != "(" {
		return e.fail(t.at, "expected `(` after `sizeof`")
	}
	var words []string
	pointer := false
	for e.i++; e.tok().kind == cWord || e.tok().text == "*"; e.i++ {
		if e.tok().text == "*" {
			pointer = true
		} else if !isQualifier(e.tok().text) {
			words = append(words, e.tok().text)
		}
	}
	if len(words) == 0 || e.tok().text != ")" {
		return e.fail(t.at, "expected the name of a type after `sizeof(`")
	}
	e.i++
	if pointer {
		return cValue{8, true}
	}
	if name, ok := canonicalC(words); ok && cSizes[name] > 0 {
		return cValue{cSizes[name], true}
	}
	return e.fail(t.at, "`sizeof(%s)` is known only for base types and pointers here", cutText(strings.Join(words, " "), 40))
}

// character returns the value of a character literal.
func (e *constExpr) character(t cTok) cValue {
	body := strings.TrimSuffix(t.text[1:], "'")
	if len(body) == 1 && body != `\` {
		return cValue{bits: uint64(body[0])}
	}
	if len(body) > 1 && body[0] == '\\' {
		if body == `\'` {
			return cValue{bits: '\''}
		}
		if c, n, why := escape(body); why == "" && n == len(body) {
			return cValue{bits: uint64(c)}
		}
	}
	return e.fail(t.at, "invalid character literal %s", t.text)
}

// cNumberValue returns the value of a C integer with its suffix.
func cNumberValue(s string) (cValue, string) {
	digits := strings.TrimRight(s, "uUlL")
	if strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X") {
		digits = s[:2+len(strings.TrimRight(s[2:], "uUlL"))]
	}
	suffix := strings.ToLower(s[len(digits):])
	switch suffix {
	case "", "u", "l", "ll", "ul", "ull", "lu", "llu":
	default:
		return cValue{}, fmt.Sprintf("invalid number `%s`", s)
	}
	prefixed := len(digits) > 1 && digits[0] == '0' && strings.IndexByte("xXbB", digits[1]) >= 0
	if strings.IndexByte(digits, '_') >= 0 || !prefixed && strings.Trim(digits, "0123456789") != "" {
		return cValue{}, fmt.Sprintf("invalid number `%s`", s)
	}
	v, err := parseNumber(digits, true)
	if err != nil {
		return cValue{}, err.msg
	}
	return cValue{v, strings.Contains(suffix, "u") || v > 1<<63-1}, ""
}
