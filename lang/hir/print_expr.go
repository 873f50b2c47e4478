package hir

import (
	"fmt"
	"strconv"
	"strings"

	"probe/lang/types"
)

var binNames = [...]string{
	Add: "+", Sub: "-", Mul: "*", Div: "/", Mod: "%", And: "&", Or: "|", Xor: "^", Shl: "<<", Shr: ">>",
	Eq: "==", Ne: "!=", Lt: "<", Le: "<=", Gt: ">", Ge: ">=",
}

// String returns the operator as scripts write it.
func (op BinOp) String() string { return binNames[op] }

// String returns the operator as scripts write it.
func (op UnOp) String() string { return [...]string{"-", "~", "!"}[op] }

// typed appends a type.
func typed(s string, t *types.Type) string { return s + ": " + t.String() }

// expr writes an expression on one line.
func (d *dumper) expr(x Expr) string {
	switch x := x.(type) {
	case *Int:
		return typed(intText(x), x.T)
	case *Bytes:
		return typed(strconv.Quote(x.V), x.T)
	case *VarRef:
		return d.name(x.Var)
	case *MapGet:
		s := d.place(x.Map, x.Key)
		if x.Agg {
			return typed("reduce("+s+")", x.T)
		}
		return s
	case *MapArg:
		return "map @" + x.Map.Name
	case *MapElem:
		return "element " + d.place(x.Map, x.Key)
	case *VarAddr:
		return "&" + d.name(x.Var)
	case *WordArg:
		return x.Word
	case *Unary:
		return x.Op.String() + "(" + d.expr(x.Of) + ")"
	case *Binary:
		return typed("("+d.expr(x.L)+" "+x.Op.String()+" "+d.expr(x.R)+")", x.T)
	case *Logical:
		op := " && "
		if x.Or {
			op = " || "
		}
		return "(" + d.expr(x.L) + op + d.expr(x.R) + ")"
	case *Cond:
		s := "if " + d.expr(x.C) + " then " + d.expr(x.Then)
		if x.Else != nil {
			s += " else " + d.expr(x.Else)
		}
		return typed("("+s+")", x.T)
	case *Elvis:
		return typed("("+d.expr(x.C)+" ?: "+d.expr(x.Else)+")", x.T)
	case *BlockX:
		return d.inline(x)
	case *Member:
		return typed(d.expr(x.Of)+"."+fieldText(x), x.T)
	case *Deref:
		return typed("*("+d.expr(x.Of)+")"+spaceText(x.Of.Type()), x.T)
	case *Index:
		return typed(d.expr(x.Of)+"["+d.expr(x.I)+"]", x.T)
	case *Cast:
		return "(" + x.T.String() + ")(" + d.expr(x.Of) + ")"
	case *Tuple:
		return typed("("+d.list(x.Elems)+")", x.T)
	case *Call:
		return typed(x.Sig.Name+"("+d.list(x.Args)+")", x.T)
	case *ArgRef:
		return typed("arg#"+strconv.Itoa(x.N), x.T)
	case *ArgsRecord:
		return "args"
	case *Retval:
		return typed("retval", x.T)
	case *Duration:
		return "duration"
	case *IncDec:
		return d.incDec(x)
	}
	panic(fmt.Sprintf("hir: expression %T has no text", x))
}

func intText(x *Int) string {
	switch {
	case x.T.Kind == types.Bool:
		return strconv.FormatBool(x.V != 0)
	case x.T.Kind == types.Pointer:
		return fmt.Sprintf("%#x", x.V)
	case x.T.Kind == types.Enum:
		if n, ok := x.T.Enum.Lookup(x.V); ok {
			return n
		}
	}
	if x.T.Signed {
		return strconv.FormatInt(int64(x.V), 10)
	}
	return strconv.FormatUint(x.V, 10)
}

func fieldText(x *Member) string {
	name := x.Field.Name
	if name == "" {
		if fs := x.Of.Type().Struct.Fields(); len(fs) > 0 {
			for i := range fs {
				if &fs[i] == x.Field {
					name = strconv.Itoa(i)
				}
			}
		}
	}
	if x.Field.BitSize > 0 {
		return fmt.Sprintf("%s<%d+%d:%d>", name, x.Field.Offset, x.Field.BitOff, x.Field.BitSize)
	}
	return name
}

func spaceText(t *types.Type) string {
	switch t.Space {
	case types.Kernel:
		return "@kernel"
	case types.User:
		return "@user"
	case types.Local:
		return "@local"
	}
	return ""
}

// inline writes a block in expression position.
func (d *dumper) inline(x *BlockX) string {
	in := &dumper{names: d.names}
	in.stmts(x.Block)
	lines := strings.Split(strings.TrimSuffix(in.out.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return typed("{ "+strings.Join(lines, "; ")+" }", x.T)
}

func (d *dumper) incDec(x *IncDec) string {
	place := ""
	if x.Var != nil {
		place = d.name(x.Var)
	} else {
		place = d.place(x.Map, x.Key)
	}
	op := "++"
	if x.Dec {
		op = "--"
	}
	if x.Step != 1 {
		op += strconv.FormatInt(x.Step, 10)
	}
	if x.Post {
		return place + op
	}
	return op + place
}
