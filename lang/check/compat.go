package check

import (
	"fmt"
	"runtime"
	"strings"

	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
)

// This file has the places and words of bpftrace's messages where they do not
// follow from those of the message itself (diag.Compat).

// withSemicolon returns the place of a statement with the semicolon that ends
// it, which bpftrace counts as a part of jumps and of expressions.
func withSemicolon(at source.Span) source.Span {
	text := at.File.Text
	for i := at.End; i < len(text); i++ {
		switch text[i] {
		case ' ', '\t', '\r', '\n':
			continue
		case ';':
			at.End = i + 1
		}
		break
	}
	return at
}

// withoutSemicolon returns a place without the semicolon at its end.
func withoutSemicolon(at source.Span) source.Span {
	if text := at.Text(); strings.HasSuffix(text, ";") {
		at.End = at.Start + len(strings.TrimRight(text, " \t\n;"))
	}
	return at
}

// exprAt returns the place of an expression: bpftrace marks only the
// parentheses of a cast.
func exprAt(x hir.Expr) source.Span {
	at := x.Span()
	if strings.HasPrefix(at.Text(), "(") {
		switch x.(type) {
		case *hir.Cast, *hir.Int, *hir.Bytes:
			return castHead(at)
		}
	}
	return at
}

// wholeType returns the place of a type, with its keyword and its stars, whose
// name is at a place.
func wholeType(at source.Span) source.Span {
	text := at.File.Text
	before := strings.TrimRight(text[:at.Start], " \t\n")
	for _, word := range []string{"struct", "union"} {
		if strings.HasSuffix(before, word) {
			at.Start = len(before) - len(word)
		}
	}
	for at.End < len(text) && text[at.End] == '*' {
		at.End++
	}
	return at
}

// letHead returns the place of "let $x".
func letHead(s *syntax.Let) source.Span {
	at := s.At.At
	at.End = s.Var.At.At.End
	return at
}

// macroHead returns the place of "macro name".
func macroHead(at, nameAt source.Span) source.Span {
	at.End = nameAt.End
	return at
}

// castHead returns the place of the parentheses of a cast.
func castHead(at source.Span) source.Span {
	depth := 0
	for i, c := range at.Text() {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				at.End = at.Start + i + 1
				return at
			}
		}
	}
	return at
}

// born returns the word for how a variable came to be.
func (v *varCell) born() string {
	if v.let {
		return "declaration"
	}
	return "assignment"
}

// kindWord names the kind of a type, as in "int provided".
func kindWord(t *types.Type) string {
	switch {
	case t.IsInt(), t.Kind == types.Enum:
		return "int"
	case t.Kind == types.String:
		return "string"
	case t.Kind == types.Pointer:
		return "pointer"
	case t.Kind == types.Array:
		return "array"
	case t.IsTuple():
		return "tuple"
	case t.Kind == types.Record && (t.Struct.Flavour == types.CStruct || t.Struct.Flavour == types.CUnion):
		return "c_type"
	case t.Kind == types.Record:
		return "record"
	case t.Kind == types.Buffer:
		return "buffer"
	case t.Kind == types.Inet:
		return "inet"
	}
	word, _, _ := strings.Cut(t.String(), "_bpftrace_") // stacks have their mode and limit in the name
	for _, mode := range []string{"_perf_", "_raw_", "_build_id_"} {
		word, _, _ = strings.Cut(word, mode)
	}
	return word
}

// provided says which kinds of arguments a function takes and which type it
// was given.
func provided(sig *types.Signature, want string, t *types.Type) string {
	switch {
	case sig.Says.Type != "":
		return fill(sig.Says.Type, t.String())
	case sig.Says.Takes != "":
		want = sig.Says.Takes
	case want == "pointer":
		want = "integer or pointer"
	}
	return fmt.Sprintf("%s() only supports %s arguments (%s provided)", sig.Name, want, kindWord(t))
}

// literalWanted says that a function needs a literal.
func literalWanted(sig *types.Signature, p *types.Param, want string, t *types.Type) string {
	if sig.Says.Literal != "" {
		return fill(strings.Replace(sig.Says.Literal, "%t", kindWord(t), 1), p.Name)
	}
	return fmt.Sprintf("%s() expects %s literal (%s provided)", sig.Name, want, kindWord(t))
}

// badWord says that an argument is none of the words that a function takes.
func badWord(sig *types.Signature, e syntax.Expr) string { return fill(sig.Says.Word, e.Span().Text()) }

func fill(text, what string) string { return strings.Replace(text, "%s", what, 1) }

// keyedCall names a call with a key.
func keyedCall(sig *types.Signature) string {
	if sig.Says.Keyed != "" {
		return sig.Says.Keyed
	}
	return sig.Name + "()"
}

// notHere says that a function or value is not available at a site.
func notHere(sig *types.Signature, s *hir.Site) string {
	switch {
	case sig.Says.Typed != "" && s.About().Fields:
		return sig.Says.Typed
	case sig.Says.Probe != "":
		return fill(sig.Says.Probe, s.Type)
	case sig.Bare:
		return fmt.Sprintf("The %s builtin can not be used with '%s' probes", sig.Name, s.Provider)
	}
	return fmt.Sprintf("%s can not be used with \"%s\" probes", sig.Name, s.Provider)
}

// noFieldText says that a type has no such field.
func noFieldText(t *types.Type, name string) string {
	if t.Struct.Flavour == types.RecordLit {
		return fmt.Sprintf("Record does not contain a field named '%s'", name)
	}
	return fmt.Sprintf("Struct/union of type '%s' does not contain a field named '%s'", t, name)
}

// noArgText says that a site has no such argument.
func noArgText(s *hir.Site, name string) string {
	switch {
	case !s.About().Fields:
		return "Can't find function parameter " + name
	case strings.HasPrefix(name, "common_"):
		return "BPF does not support accessing common tracepoint fields"
	}
	return fmt.Sprintf("Struct/union of type 'struct %s_args' does not contain a field named '%s'", s.Name, name)
}

// noRetvalText says that a site has no return value.
func noRetvalText(s *hir.Site) string {
	switch {
	case s.About().Fields:
		return "The retval builtin can only be used with 'kretprobe' and 'uretprobe' and 'fentry' probes (try to use args.ret instead)"
	case s.Prog == hir.ProgTracing && s.About().Return != "":
		return "Can't find a field $retval"
	}
	return "The retval builtin can only be used with 'kretprobe' and 'uretprobe' and 'fentry' probes"
}

// noArgN says that an argument has no register.
func noArgN(name string) string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x86_64"
	}
	return fmt.Sprintf("%s doesn't support %s", arch, name)
}

// badOption says that the i'th argument of getopt is no literal that it takes.
func badOption(i int) string {
	switch i {
	case 0:
		return "First argument to 'getopt' must be a string literal."
	case 1:
		return "Second argument to 'getopt' must be a string literal, integer literal, or a boolean literal."
	}
	return "Function 'getopt' requires the third parameter to be a string literal."
}

// badSetting says that a configuration variable does not take a value.
func badSetting(v *hir.ConfigVar, text string) string {
	switch {
	case v.Name == "license":
		return fmt.Sprintf("Invalid value for license. Found: %s. Valid values: Dual MIT/GPL, Dual BSD/GPL, Dual MPL/GPL, GPL and additional rights, GPL v2, GPL. "+
			"Read more about BPF programs and licensing: https://docs.kernel.org/bpf/bpf_licensing.html#using-bpf-programs-in-the-linux-kernel", text)
	case v.Kind == hir.ConfigInt:
		return fmt.Sprintf("%s: expecting a number, got %s", v.Name, text)
	case v.Kind == hir.ConfigBool:
		return v.Name + ": Invalid bool value: valid values are true, false, 1 or 0."
	case v.Kind == hir.ConfigSwitch:
		return v.Name + ": Invalid value for unstable config: valid values are enable, warn, and error."
	}
	words := map[string]string{"stack_mode": "bpftrace, raw, perf, and build_id", "missing_probes": "ignore, warn, and error",
		"cache_user_symbols": "PER_PID, PER_PROGRAM, and NONE"}[v.Name]
	if words == "" {
		words = strings.Join(v.Words, ", ")
	}
	return fmt.Sprintf("%s: Invalid value for %s: valid values are %s.", v.Name, v.Name, words)
}

// aggText returns the call that makes an aggregation of a type, as messages
// advise it.
func aggText(t *types.Type) string {
	name := strings.TrimSuffix(strings.TrimPrefix(t.String(), "u"), "_t")
	if t.Kind == types.Count {
		return name + "()"
	}
	return name + "(retval)"
}
