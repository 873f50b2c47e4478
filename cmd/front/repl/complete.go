package repl

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"probe/lang/check"
	"probe/lang/hir"
	"probe/lang/syntax"
	"probe/runtime/engine"
)

// words lists the keywords of the language.
var words = []string{
	"break", "continue", "else", "false", "for", "if", "import", "let", "macro",
	"offsetof(", "return", "sizeof(", "struct", "true", "typeof(", "union", "unroll",
	"while", "enum", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
}

// complete returns the line editor's completer: the text before the completed
// word, the ways to complete it, the text behind.
func (r *repl) complete(line string, pos int) (head string, list []string, tail string) {
	runes := []rune(line)
	head, tail = string(runes[:pos]), string(runes[pos:])
	defer func() {
		// A bug in the checker must not end the session because of a TAB; it
		// will show when the input is run.
		if recover() != nil {
			list = nil
		}
	}()
	at, list := r.completions(head)
	return head[:at], list, tail
}

// Complete completes the end of a script as the prompt does: the words that can
// stand from at on. It waits until all names have been read, because a shell runs a new
// process for each Tab. It uses only Machine, Check and Import of cfg.
func Complete(cfg Config, text string) (at int, list []string) {
	r := newRepl(cfg)
	r.names.patient = true
	defer func() {
		if recover() != nil { // as in complete
			at, list = len(text), nil
		}
	}()
	return r.completeCode(text)
}

// completions completes the end of a line: the words that can stand from at on.
func (r *repl) completions(line string) (at int, list []string) {
	if r.asking == "" && isCommand(line) {
		return r.completeCommand(line)
	}
	before := r.asking
	if before != "" {
		before += "\n"
	}
	text := before + line
	start, list := r.completeCode(text)
	if start < len(before) {
		return len(line), nil
	}
	return start - len(before), list
}

// pattern returns a function that compiles a regular expression when it is
// first called: most runs of the program have no prompt.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

var (
	importing = pattern(`\bimport\s+"([\w./]*)$`)
	declaring = pattern(`\blet\s+@\w*\s*=\s*(\w*)$`)
)

// completeCode completes the end of an input.
func (r *repl) completeCode(text string) (start int, list []string) {
	start = wordStart(text)
	word := text[start:]
	if m := importing().FindStringSubmatchIndex(text); m != nil {
		return m[2], starting(engine.Modules(), text[m[2]:])
	}
	if m := declaring().FindStringSubmatchIndex(text); m != nil {
		return m[2], starting(mapKinds(), text[m[2]:])
	}
	if m := configuring().FindStringSubmatchIndex(text); m != nil {
		body := m[2]
		if i := strings.LastIndexAny(text[body:], ";,"); i >= 0 {
			body += i + 1
		}
		if at, list := completeConfig(text[body:]); at >= 0 {
			return body + at, list
		}
		return start, nil
	}
	p := placeOf(text)
	switch {
	case p.kind == inText:
		return start, nil
	case p.kind == inHeader:
		return r.completeTarget(text, p)
	}
	before := text[:start]
	trimmed := strings.TrimRight(before, " \t")
	switch {
	case strings.HasSuffix(before, "@"):
		return start, starting(r.mapNames(text[:start]), word)
	case strings.HasSuffix(before, "$"):
		return start, starting(r.varNames(text[:start]), word)
	case strings.HasSuffix(trimmed, "->"), strings.HasSuffix(trimmed, ".") && !strings.HasSuffix(trimmed, ".."):
		end := len(trimmed) - 1
		if trimmed[end] == '>' {
			end--
		}
		if end > 0 && trimmed[end] == '.' && isNumber(trimmed[operandStart(trimmed[:end]):end]) {
			return start, nil
		}
		return start, starting(r.members(text, p, operandStart(trimmed[:end]), end), word)
	}
	if kind := lastWord(trimmed); len(trimmed) < len(before) && (kind == "struct" || kind == "union" || kind == "enum") {
		return start, r.typeNames(kind, word)
	}
	list = starting(r.codeWords(), word)
	if !p.item && strings.TrimSpace(before) == "" {
		// The input may also become a clause.
		list = append(list, starting(r.kindWords(), word)...)
	}
	return start, sorted(list)
}

// mapKinds returns the kinds of maps that can be declared, each with the
// parenthesis before its size.
func mapKinds() []string {
	var out []string
	for _, k := range check.MapKinds() {
		out = append(out, k+"(")
	}
	return out
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func lastWord(s string) string { return s[wordStart(s):] }

// starting returns the candidates that start with a prefix, sorted.
func starting(candidates []string, prefix string) []string {
	var out []string
	for _, c := range candidates {
		if strings.HasPrefix(c, prefix) {
			out = append(out, c)
		}
	}
	return sorted(out)
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// codeWords returns the words that can begin an operand or a statement.
func (r *repl) codeWords() []string {
	out := append(slices.Clone(words), check.Words()...)
	for name, sig := range r.builtins {
		if sig.Missing {
			continue
		}
		if !sig.Bare {
			name += "("
		}
		out = append(out, name)
	}
	for name := range r.macros() {
		out = append(out, name+"(")
	}
	return out
}

// macros returns the macros that inputs see by their names: those that were
// typed and those of imported modules.
func (r *repl) macros() map[string]*syntax.Macro {
	out := map[string]*syntax.Macro{}
	seen := map[string]bool{}
	var add func(items []syntax.Item)
	add = func(items []syntax.Item) {
		for _, it := range items {
			switch it := it.(type) {
			case *syntax.Macro:
				out[it.Name] = it
			case *syntax.Import:
				if it.Path == nil || seen[it.Path.Value] {
					continue
				}
				seen[it.Path.Value] = true
				find := r.cfg.Import
				if find == nil {
					find = engine.Import
				}
				src, err := find(it.Span().File, it.Path.Value)
				if err != nil {
					continue // the import itself was reported
				}
				f, _ := syntax.Parse(src)
				add(f.Items)
			}
		}
	}
	add(r.defs)
	return out
}

// kindWords returns the probe types, with a ':' where a target follows.
func (r *repl) kindWords() []string {
	var out []string
	for _, k := range r.view.Probes().Kinds() {
		if k.Mode != hir.Trace {
			continue // there are no tests and benchmarks at the prompt
		}
		name := k.Name
		if strings.Contains(k.Usage, ":") {
			name += ":"
		}
		out = append(out, name)
	}
	for _, d := range r.defs {
		if n, ok := d.(*syntax.NamedProbe); ok {
			out = append(out, n.Name)
		}
	}
	return out
}

// kind finds a probe type by its name or alias; nil if there is none.
func (r *repl) kind(word string) *hir.ProbeKind {
	return hir.FindKind(r.view.Probes().Kinds(), word)
}

// completeTarget completes an attach point.
func (r *repl) completeTarget(text string, p place) (start int, list []string) {
	ap := text[p.word:]
	word, rest, has := strings.Cut(ap, ":")
	if !has {
		if i := strings.LastIndexByte(text[:p.word], '|'); i >= 0 && strings.TrimSpace(text[i+1:p.word]) == "" {
			// Another function after the bar in call:a|b.
			first := text[strings.LastIndexAny(text[:i], " \t\n,")+1 : i]
			if kind, _, ok := strings.Cut(first, ":"); ok {
				if k := r.kind(kind); k != nil {
					return p.word, r.names.starting(k, ap)
				}
			}
		}
		return p.word, starting(r.kindWords(), ap)
	}
	kind := r.kind(word)
	start = p.word + len(word) + 1
	if kind == nil {
		return start, nil
	}
	if i := strings.IndexByte(rest, ':'); i >= 0 {
		if at, list := completeOption(kind, rest[i:]); at >= 0 {
			return start + i + at, list
		}
	}
	switch kind.Target {
	case hir.TargetProgram:
		return start, r.programTargets(kind.Name, rest)
	case hir.TargetEither:
		if strings.HasPrefix(rest, "/") {
			return start, r.programTargets("uprobe", rest)
		}
	case hir.TargetPeriod:
		return start, starting([]string{"hz:", "s:", "ms:", "us:"}, rest)
	}
	return start, r.names.starting(kind, rest)
}

// programTargets completes the path of a program, and then its symbols.
func (r *repl) programTargets(kind, rest string) []string {
	path, symbol, has := strings.Cut(rest, ":")
	if has {
		var out []string
		for _, name := range r.names.matching(kind, path+":"+symbol+"*") {
			if strings.HasPrefix(name, path+":"+symbol) {
				out = append(out, name)
			}
		}
		return out
	}
	dir, base := filepath.Split(path)
	if dir == "" {
		return inPath(base)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), base) {
			continue
		}
		info, err := os.Stat(dir + e.Name())
		switch {
		case err != nil:
		case info.IsDir():
			out = append(out, dir+e.Name()+"/")
		case info.Mode().IsRegular():
			out = append(out, dir+e.Name()+":")
		}
	}
	return sorted(out)
}

// typeNames returns the kernel's structs, unions or enums that start with a
// prefix.
func (r *repl) typeNames(kind, prefix string) []string {
	out := starting(r.view.Types().Names(kind), prefix)
	for _, d := range r.defs {
		if c, ok := d.(*syntax.CDef); ok {
			if k, name, ok := strings.Cut(definitionKey(c), " "); ok && k == kind && strings.HasPrefix(name, prefix) {
				out = append(out, name)
			}
		}
	}
	return sorted(out)
}

var (
	mapWord = pattern(`@(\w+)`)
	varWord = pattern(`\$([A-Za-z_]\w*)`)
)

// mapNames returns the names of existing maps and of those that the input
// mentions.
func (r *repl) mapNames(text string) []string {
	out := mentioned(mapWord(), text)
	for _, name := range slices.Sorted(maps.Keys(r.maps)) {
		if !strings.HasPrefix(name, engine.Hidden) {
			out = append(out, name)
		}
	}
	return out
}

// varNames returns the names of the scratch variables of the input and of
// earlier ones.
func (r *repl) varNames(text string) []string {
	out := mentioned(varWord(), text)
	if !placeOf(text).item {
		for name := range r.maps {
			if v, ok := strings.CutPrefix(name, engine.Hidden); ok {
				out = append(out, v)
			}
		}
	}
	return out
}

func mentioned(word *regexp.Regexp, text string) []string {
	var out []string
	for _, m := range word.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}
