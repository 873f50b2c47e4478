package provider

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
)

// usdtArgs places the arguments of a static probe, which its note describes as
// operands of assembly: SIZE@OPERAND, separated by blanks, where SIZE is
// negative for signed numbers. An argument whose operand cannot be parsed has
// the reason in place of a location.
func usdtArgs(arch *target.Arch, text string) []hir.Arg {
	var out []hir.Arg
	for i, word := range operands(text) {
		a := hir.Arg{Name: "arg" + strconv.Itoa(i), Type: types.Uint64}
		loc, err := usdtLoc(arch, word)
		if err != nil {
			a.Unreadable = fmt.Sprintf("its place is %q: %v", word, err)
		}
		a.Loc = loc
		out = append(out, a)
	}
	return out
}

// operands returns the words of a note. Those of arm64 have blanks in brackets.
func operands(text string) []string {
	depth := 0
	return strings.FieldsFunc(text, func(r rune) bool {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		}
		return depth == 0 && (r == ' ' || r == '\t')
	})
}

func usdtLoc(arch *target.Arch, word string) (hir.Loc, error) {
	size, operand, ok := strings.Cut(word, "@")
	n, err := strconv.Atoi(size)
	switch {
	case !ok:
		operand, n = word, 8 // older notes have no sizes
	case err != nil:
		return hir.Loc{}, fmt.Errorf("numbers that are not integers cannot be read")
	}
	loc := hir.Loc{Size: max(n, -n), Signed: n < 0}
	switch loc.Size {
	case 1, 2, 4, 8:
	default:
		return hir.Loc{}, fmt.Errorf("%d bytes are no integer", loc.Size)
	}
	if arch.Name == "arm64" {
		return armOperand(arch, loc, operand)
	}
	return amdOperand(arch, loc, operand)
}

// usdtMem is DISP(BASE,INDEX,SCALE), each part but BASE optional.
var usdtMem = regexp.MustCompile(`^([-+]?(?:0x)?[0-9a-fA-F]*)\((%\w+)(?:,(%\w+)(?:,([1248]))?)?\)$`)

// amdOperand completes the place of an argument with an operand of x86-64:
// %rax, $-3, -20(%rbp), 16(%rdx,%rcx,8).
func amdOperand(arch *target.Arch, loc hir.Loc, operand string) (_ hir.Loc, err error) {
	register := func(operand string) (int, error) {
		return savedRegister(arch, operand, wholeRegister(strings.TrimPrefix(operand, "%")))
	}
	switch {
	case strings.HasPrefix(operand, "$"):
		loc.Kind = hir.LocConst
		loc.Disp, err = parseNumber(operand[1:])
		return loc, err
	case strings.HasPrefix(operand, "%"):
		loc.Kind = hir.LocReg
		loc.Off, err = register(operand)
		return loc, err
	}
	m := usdtMem.FindStringSubmatch(operand)
	if m == nil {
		return hir.Loc{}, errOperand
	}
	loc.Kind = hir.LocMem
	if m[1] != "" {
		if loc.Disp, err = parseNumber(m[1]); err != nil {
			return hir.Loc{}, err
		}
	}
	if loc.Off, err = register(m[2]); err != nil {
		return hir.Loc{}, err
	}
	if m[3] == "" {
		return loc, nil
	}
	loc.Scale = 1
	if m[4] != "" {
		loc.Scale, _ = strconv.Atoi(m[4])
	}
	loc.Index, err = register(m[3])
	return loc, err
}

func parseNumber(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		u, uerr := strconv.ParseUint(s, 0, 64)
		if uerr != nil {
			return 0, fmt.Errorf("%q is no number", s)
		}
		n = int64(u)
	}
	return n, nil
}

// armMem returns the expression for [BASE, DISP] or [BASE, INDEX, lsl SHIFT], each part but BASE optional.
// It is compiled when it is needed: few machines need it.
func armMem() *regexp.Regexp {
	return regexp.MustCompile(`^\[\s*(\w+)\s*(?:,\s*(?:#?([-+]?(?:0x[0-9a-fA-F]+|[0-9]+))|(\w+)\s*(?:,\s*lsl\s*#?([0-3]))?)\s*)?\]$`)
}

// armOperand completes the place of an argument with an operand of arm64: x0,
// w1, 5, xzr, [sp, 12], [x1, x2, lsl 3].
func armOperand(arch *target.Arch, loc hir.Loc, operand string) (_ hir.Loc, err error) {
	register := func(name string) (int, error) {
		whole := name
		if n, ok := strings.CutPrefix(name, "w"); ok && name != "wsp" {
			whole = "x" + n
		}
		return savedRegister(arch, name, whole)
	}
	if operand == "xzr" || operand == "wzr" { // the register that is always 0
		loc.Kind = hir.LocConst
		return loc, nil
	}
	if number := strings.TrimPrefix(operand, "#"); number != "" && strings.Trim(number[:1], "+-0123456789") == "" {
		loc.Kind = hir.LocConst
		loc.Disp, err = parseNumber(number)
		return loc, err
	}
	m := armMem().FindStringSubmatch(operand)
	if m == nil {
		if strings.ContainsAny(operand, "[]") || operand == "" {
			return hir.Loc{}, errOperand
		}
		loc.Kind = hir.LocReg
		loc.Off, err = register(operand)
		return loc, err
	}
	loc.Kind = hir.LocMem
	if loc.Off, err = register(m[1]); err != nil {
		return hir.Loc{}, err
	}
	if m[2] != "" {
		loc.Disp, err = parseNumber(m[2])
		return loc, err
	}
	if m[3] == "" {
		return loc, nil
	}
	if strings.HasPrefix(m[3], "w") {
		return hir.Loc{}, errOperand // half of a register as index
	}
	shift, _ := strconv.Atoi(m[4]) // "" is 0
	loc.Scale = 1 << shift
	loc.Index, err = register(m[3])
	return loc, err
}

var errOperand = errors.New("only registers, constants and memory at a register are read")

// savedRegister returns the place in struct pt_regs of the register that an
// operand names. whole is the name there: %rax, %eax, %ax and %al are the same
// register, and so are x0 and w0.
func savedRegister(arch *target.Arch, operand, whole string) (int, error) {
	if off, ok := arch.Regs[whole]; ok {
		return off, nil
	}
	return 0, fmt.Errorf("%s is not among the registers that a probe sees", operand)
}

// wholeRegister returns the name in struct pt_regs. The second byte of a
// register (%ah) is not supported.
func wholeRegister(name string) string {
	if rest, ok := strings.CutPrefix(name, "r"); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
		return strings.TrimRight(name, "dwb")
	}
	switch {
	case len(name) == 3 && (name[0] == 'r' || name[0] == 'e'):
		return name[1:]
	case len(name) == 2 && name[1] == 'l':
		return name[:1] + "x"
	case len(name) == 3 && name[2] == 'l':
		return name[:2]
	}
	return name
}
