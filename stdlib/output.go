package stdlib

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/lang/value"
)

// output has functions whose output user space prints when it drains the
// record.
func output() []*builtin.Func {
	return []*builtin.Func{
		{Sig: noReplay("files of this machine say nothing about the recorded one", formatSig("cat", "F-CAT", "Prints the start of a file whose name is formatted.")), UserHalf: &builtin.UserHalf{Handle: cat, Asks: builtin.ShowFile}},
		{Sig: formatSig("errorf", "F-ERRORF", "Prints an error with the place in the script."), UserHalf: &builtin.UserHalf{Handle: message("error")}},
		{Sig: &types.Signature{Name: "join", Row: "F-JOIN", Usage: `join(argv, ["separator"])`, Format: -1, Async: true, Doc: "Prints the strings of a null-terminated array of pointers.",
			Params: []types.Param{param("argv", types.PtrParam), opt(param("separator", types.LitString))}}, UserHalf: &builtin.UserHalf{Handle: join, Prepare: prepareJoin}},
		{Sig: &types.Signature{Name: "print", Row: "F-PRINT", Usage: "print(value) or print(@map, [top], [div])", Format: -1, Async: true, ShowsMap: true, Doc: "Prints a value or a whole map.",
			Params: []types.Param{param("value", types.MapElemParam), opt(param("top", types.LitInt)), opt(param("div", types.LitInt))}, Infer: printArgs}, UserHalf: &builtin.UserHalf{Handle: handlePrint}},
		{Sig: formatSig("printf", "F-PRINTF", "Prints formatted text."), InIter: true, UserHalf: &builtin.UserHalf{Handle: func(env builtin.Env, r *builtin.Record) error {
			env.Printf(r.Format, r.Args)
			return nil
		}}},
		{Sig: noReplay("commands would run on this machine, at another time", unsafe(formatSig("system", "F-SYSTEM", "Runs a shell command and prints its output."))), UserHalf: &builtin.UserHalf{Handle: system, Asks: builtin.RunCommand}},
		{Sig: formatSig("warnf", "F-WARNF", "Prints a warning with the place in the script."), UserHalf: &builtin.UserHalf{Handle: message("warning")}},
		{Sig: debugfSig(), Lower: lowerDebugf},
		later("skboutput", "F-SKBOUTPUT"),
	}
}

func unsafe(s *types.Signature) *types.Signature { s.Unsafe = true; return s }

func formatSig(name, row, doc string) *types.Signature {
	return &types.Signature{Name: name, Row: row, Usage: name + `("format", …)`, Doc: doc, Async: true, Variadic: true, Format: 0,
		Params: []types.Param{param("format", types.LitString), opt(param("argument", types.AnyParam))}}
}

// printArgs checks that top and div are only given with a map.
func printArgs(c *types.Call) (*types.Type, *types.Problem) {
	a := c.Args[0]
	if a.Map == nil && len(c.Args) > 1 {
		return nil, worded(problem("bad-argument", 1, "print() of a value takes no further arguments (top and div are for maps)"), fmt.Sprintf("Non-map print() only takes 1 argument, %d found", len(c.Args)))
	}
	for i := 1; i < len(c.Args); i++ {
		if n, ok := litInt(c, i); ok && n < 0 {
			return nil, problem("bad-argument", i, "print() expects a positive number here")
		}
	}
	return types.VoidType, nil
}

func handlePrint(env builtin.Env, r *builtin.Record) error {
	if r.Call.Map >= 0 {
		arg := func(i int) int64 {
			if i < len(r.Call.Consts) && r.Call.Consts[i] != nil {
				return int64(r.Call.Consts[i].Int)
			}
			return 0
		}
		env.PrintMap(r.Call.Map, arg(1), arg(2))
		return nil
	}
	if len(r.Args) > 0 {
		env.Value(r.Args[0])
		return nil
	}
	env.Value(value.OfConst(r.Call.Consts[0]))
	return nil
}

func message(severity string) func(builtin.Env, *builtin.Record) error {
	return func(env builtin.Env, r *builtin.Record) error {
		env.Message(severity, r.Call.At, r.Format, r.Args)
		return nil
	}
}

// cat prints up to max_cat_bytes of a file.
func cat(env builtin.Env, r *builtin.Record) error {
	name := string(env.Format(r.Format, r.Args))
	f, err := env.Open(name)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		reason := err.Error()
		return fmt.Errorf("failed to open file '%s' (%s)", name, strings.ToUpper(reason[:1])+reason[1:])
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, env.Config("max_cat_bytes")))
	if err != nil {
		return fmt.Errorf("read file '%s': %w", name, err)
	}
	env.Text("cat", data)
	return nil
}

// system runs a command. A failure is reported, and the output is shown too,
// since it has the reason.
func system(env builtin.Env, r *builtin.Record) error {
	text := string(env.Format(r.Format, r.Args))
	ctx, done, ok := env.Command([]byte(text))
	if !ok {
		return nil
	}
	defer done()
	cmd := exec.CommandContext(ctx, "sh", "-c", text)
	cmd.WaitDelay = 100 * time.Millisecond // for what the command has started
	out, err := cmd.CombinedOutput()
	if err == nil || len(out) > 0 {
		env.Text("syscall", out)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("command exited with code %d", exit.ExitCode())
	}
	return err
}

// The limits of join: number of strings, and bytes of each (A-LIM-06).
const (
	joinMax  = 16
	joinSize = 1024
)

// prepareJoin reads the strings into one object: 16 strings of 1024 bytes. A
// missing or empty one ends the list.
func prepareJoin(l builtin.Lowerer, c *hir.Call) []builtin.Operand {
	b := l.B()
	t := types.ArrayOf(types.StringType(joinSize), joinMax)
	argv := l.Scalar(c.Args[0])
	space := addressSpace(l, c.Args[0].Type())
	p := l.Scratch(t.Size, "join")
	ptr := l.Scratch(8, "arg")
	done := b.NewBlock("joined")
	for i := range joinMax {
		b.Store(p.Base, p.Off+i*joinSize, 1, b.Const(0))
		l.Read(ptr, b.Const(8), b.BinI(ir.OpAdd, argv, int64(8*i)), space, c.At)
		a := b.Load(ptr.Base, ptr.Off, 8)
		next := b.NewBlock("string")
		b.If(ir.NE, 8, a, b.Const(0), next, done)
		b.UseSealed(next)
		l.ReadStr(p.At(i*joinSize), b.Const(joinSize), a, space, c.At)
	}
	b.Jump(done)
	b.UseSealed(done)
	return []builtin.Operand{{T: t, Mem: &p}}
}

func join(env builtin.Env, r *builtin.Record) error {
	sep := " "
	if len(r.Call.Consts) > 1 && r.Call.Consts[1] != nil {
		sep = r.Call.Consts[1].Str
	}
	var words [][]byte
	for i := range joinMax {
		lo := min(i*joinSize, len(r.Args[0].B))
		s := r.Args[0].B[lo:min(lo+joinSize, len(r.Args[0].B))]
		n := 0
		for n < len(s) && s[n] != 0 {
			n++
		}
		if n == 0 {
			break
		}
		words = append(words, s[:n])
	}
	env.Join(words, sep)
	return nil
}
