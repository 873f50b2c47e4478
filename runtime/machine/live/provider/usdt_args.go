package provider

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"probe/compiler/target"
	"probe/lang/hir"
	"probe/lang/types"
)

// usdtArgs places the arguments of a static probe, which its note describes as
// operands of x86-64 assembly: SIZE@OPERAND, separated by blanks, where SIZE is
// negative for signed numbers. An argument whose operand cannot be parsed has
// the reason in place of a location.
func usdtArgs(text string) []hir.Arg {
	var out []hir.Arg
	for i, word := range strings.Fields(text) {
		a := hir.Arg{Name: "arg" + strconv.Itoa(i), Type: types.Uint64}
		loc, err := usdtLoc(word)
		if err != nil {
			a.Unreadable = fmt.Sprintf("its place is %q: %v", word, err)
		}
		a.Loc = loc
		out = append(out, a)
	}
	return out
}

// usdtMem is DISP(BASE,INDEX,SCALE), each part but BASE optional.
var usdtMem = regexp.MustCompile(`^([-+]?(?:0x)?[0-9a-fA-F]*)\((%\w+)(?:,(%\w+)(?:,([1248]))?)?\)$`)

func usdtLoc(word string) (hir.Loc, error) {
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
		return hir.Loc{}, fmt.Errorf("only registers, constants and memory at a register are read")
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

// register returns the place in struct pt_regs of the register that an operand
// names, under the name of any part of it: %rax, %eax, %ax and %al are the same
// register.
func register(operand string) (int, error) {
	offsets, _ := target.AMD64Regs()
	name := strings.TrimPrefix(operand, "%")
	if off, ok := offsets[wholeRegister(name)]; ok {
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
