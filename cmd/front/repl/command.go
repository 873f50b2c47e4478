package repl

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/runtime/engine"
	"probe/runtime/event"
)

// command is one of the session's own commands.
type command struct {
	name, usage, doc string
	// complete lists what can follow the name; nil for nothing.
	complete func(r *repl, word string) []string
	run      func(r *repl, ctx context.Context, arg string) *diag.Diagnostic
}

// commands is the table of commands, in the order in which help shows them.
// init fills it because :help reads it, which would be an initialization cycle.
var commands []*command

func init() {
	commands = []*command{
		{"help", ":help [NAME]", "explain a command, a probe type, a function or value, or the code of a message",
			(*repl).helpNames, (*repl).help},
		{"list", ":list", "list the clauses that run, how often they ran, what they took, and what was lost", nil, (*repl).list},
		{"stop", ":stop N|all", "detach a clause; its maps stay", (*repl).clauseNumbers, (*repl).stop},
		{"edit", ":edit [N]", "change a clause in $EDITOR and attach it again; without a number, write a new input", (*repl).clauseNumbers, (*repl).edit},
		{"load", ":load FILE", "run a script, or a ready one by its name, as one input", (*repl).fileArgs, (*repl).load},
		{"save", ":save FILE", "write the definitions and the clauses that run as a script", (*repl).fileArgs, (*repl).save},
		{"set", ":set [NAME=VALUE]", "set a configuration variable for later inputs, or show what is set", nil, (*repl).set},
		{"maps", ":maps", "list the maps and scratch variables with their types", nil, (*repl).listMaps},
		{"print", ":print [@MAP]", "print a map, or all of them", (*repl).mapArgs, (*repl).print},
		{"clear", ":clear @MAP", "delete all keys of a map", (*repl).mapArgs, (*repl).clear},
		{"drop", ":drop @MAP", "give up a map with its type, so that its name is free again", (*repl).mapArgs, (*repl).drop},
		{"type", ":type EXPRESSION", "show the type of an expression, or the size of a type", nil, (*repl).typeOf},
		{"struct", ":struct NAME [nested]", "show the members of a struct, union or enum with offsets and sizes", (*repl).structArgs, (*repl).showStruct},
		{"proto", ":proto FUNC", "show the parameters of a function of the kernel, or the fields of a probe", (*repl).protoArgs, (*repl).showProto},
		{"deep", ":deep EXPRESSION", "run an input, and show the structs that the members of its value point to", nil, (*repl).showDeep},
		{"x", ":x EXPRESSION", "run an input and show numbers in hexadecimal", nil, (*repl).showHex},
		{"wait", ":wait [DURATION]", "wait for a time, or until no clause runs any more or Ctrl-C", nil, (*repl).wait},
		{"history", ":history [TEXT]", "show earlier inputs, or those that contain a text", nil, (*repl).showHistory},
		{"quit", ":quit", "detach everything, print the maps, and leave (Ctrl-D)", nil, (*repl).leave},
	}
}

// bare maps words that people type for commands to the commands. None of them
// is a complete script.
var bare = map[string]string{"help": "help", "?": "help", "quit": "quit", "exit": "quit"}

// isCommand reports whether an input is a command and not one of the language.
func isCommand(text string) bool {
	text = strings.TrimSpace(text)
	return strings.HasPrefix(text, ":") || bare[text] != ""
}

// command carries out a command.
func (r *repl) command(ctx context.Context, text string) {
	text = strings.TrimSpace(text)
	if line, ok := strings.CutPrefix(text, ":!"); ok {
		if d := r.runCommand(line); d != nil {
			r.complain(d)
		}
		return
	}
	name, arg, _ := strings.Cut(strings.TrimPrefix(text, ":"), " ")
	if b := bare[text]; b != "" {
		name = b
	}
	c, d := findCommand(name)
	if c != nil {
		d = c.run(r, ctx, strings.TrimSpace(arg))
	}
	if d != nil {
		r.complain(d)
	}
}

// findCommand returns the command with a name, or with a prefix that no other
// command has.
func findCommand(name string) (*command, *diag.Diagnostic) {
	var found []*command
	var names []string
	for _, c := range commands {
		if c.name == name {
			return c, nil
		}
		if name != "" && strings.HasPrefix(c.name, name) {
			found = append(found, c)
		}
		names = append(names, c.name)
	}
	if len(found) == 1 {
		return found[0], nil
	}
	d := mistake("no command is named `:%s`", name)
	switch near, ok := diag.Nearest(name, names); {
	case len(found) > 1:
		d.Message = fmt.Sprintf("`:%s` may be `:%s` or `:%s`", name, found[0].name, found[1].name)
	case ok:
		d.WithHelp("a command with a similar name exists: `:%s`", near)
	default:
		d.WithHelp("`:help` lists the commands")
	}
	return nil, d
}

// mistake returns a message about a command.
func mistake(format string, args ...any) *diag.Diagnostic {
	return &diag.Diagnostic{Severity: diag.Error, Message: fmt.Sprintf(format, args...)}
}

// completeCommand completes a command and its argument.
func (r *repl) completeCommand(line string) (at int, list []string) {
	lead := len(line) - len(strings.TrimLeft(line, " \t"))
	name, arg, has := strings.Cut(line[lead:], " ")
	if !has {
		var out []string
		for _, c := range commands {
			out = append(out, ":"+c.name)
		}
		return lead, starting(out, name)
	}
	c, _ := findCommand(strings.TrimPrefix(name, ":"))
	at = len(line) - len(strings.TrimLeft(arg, " \t"))
	switch {
	case c == nil:
		return len(line), nil
	case c.name == "type", c.name == "x", c.name == "deep":
		start, list := r.completeCode(line[at:])
		return at + start, list
	case c.name == "set":
		if start, list := completeConfig(line[at:]); start >= 0 {
			for i, l := range list {
				list[i] = strings.Replace(l, " = ", "=", 1)
			}
			return at + start, list
		}
		return len(line), nil
	case c.complete == nil:
		return len(line), nil
	}
	return at, starting(c.complete(r, line[at:]), line[at:])
}

func (r *repl) clauseNumbers(string) []string {
	out := []string{"all"}
	for _, c := range r.clauses {
		out = append(out, strconv.Itoa(c.n))
	}
	return out
}

func (r *repl) mapArgs(string) []string {
	var out []string
	for name := range r.maps {
		if !strings.HasPrefix(name, engine.Hidden) {
			out = append(out, "@"+name)
		}
	}
	return out
}

// list shows the clauses.
func (r *repl) list(context.Context, string) *diag.Diagnostic {
	if len(r.clauses) == 0 {
		fmt.Fprintln(r.out, "no clause runs")
	}
	for _, c := range r.clauses {
		did := figures(r.tracer.Figures(c.h), time.Since(c.started))
		// In one piece: other clauses print meanwhile.
		fmt.Fprintf(r.out, "[%d] %s, %s: %s\n    %s\n", c.n, count(c.h.Probes(), "probe"), age(time.Since(c.started)), oneLine(c.text), did)
	}
	return nil
}

// figures says what a clause did in a time: how often it ran, what that took,
// and what was lost.
func figures(f engine.Figures, since time.Duration) string {
	var out string
	switch {
	case !f.Measured:
		out = "runs are not measured"
	case f.Runs == 0:
		out = "has not run"
	default:
		share := 100 * f.Time.Seconds() / max(since.Seconds(), 1e-3)
		out = fmt.Sprintf("ran %s, %d ns each, %.2g %% of a CPU", times(f.Runs), uint64(f.Time.Nanoseconds())/f.Runs, share)
	}
	if f.Lost > 0 {
		out += fmt.Sprintf("; %s lost", count(int(f.Lost), "event"))
	}
	return out
}

// times formats how often something happened.
func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// age formats a duration: 5s, 2m10s, 3h5m.
func age(d time.Duration) string {
	d = d.Truncate(time.Second)
	if d >= time.Hour {
		d = d.Truncate(time.Minute)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	return s
}

// stop detaches a clause, or all of them.
func (r *repl) stop(_ context.Context, arg string) *diag.Diagnostic {
	if arg == "all" {
		for _, c := range r.clauses {
			r.tracer.Remove(c.h)
			r.took(c.h)
		}
		r.clauses = nil
		return nil
	}
	n, err := strconv.Atoi(arg)
	if err != nil {
		return mistake("`:stop` needs the number of a clause").WithHelp("`:list` shows them; `:stop all` stops all")
	}
	i := slices.IndexFunc(r.clauses, func(c *clause) bool { return c.n == n })
	if i < 0 {
		return mistake("no clause with the number %d runs", n).WithHelp("`:list` shows them")
	}
	r.tracer.Remove(r.clauses[i].h)
	r.took(r.clauses[i].h)
	r.clauses = slices.Delete(r.clauses, i, i+1)
	return nil
}

// mapNamed returns the map that an argument names.
func (r *repl) mapNamed(arg string) (*liveMap, *diag.Diagnostic) {
	name := strings.TrimPrefix(arg, "@")
	m := r.maps[name]
	if m != nil && !strings.HasPrefix(name, engine.Hidden) {
		return m, nil
	}
	if arg == "" {
		return nil, mistake("which map?").WithHelp("`:maps` lists them")
	}
	d := mistake("no map is named @%s", name)
	var names []string
	for n := range r.maps {
		names = append(names, n)
	}
	if near, ok := diag.Nearest(name, names); ok {
		d.WithHelp("a map with a similar name exists: `@%s`", near)
	}
	return nil, d
}

// listMaps shows maps and variables with their types.
func (r *repl) listMaps(context.Context, string) *diag.Diagnostic {
	list := slices.SortedFunc(maps.Values(r.maps), func(a, b *liveMap) int { return cmp.Compare(a.hir.Name, b.hir.Name) })
	for _, m := range list {
		name, hidden := strings.CutPrefix(m.hir.Name, engine.Hidden)
		switch {
		case hidden:
			fmt.Fprintf(r.out, "$%s: %s\n", name, m.hir.Value)
		case m.hir.Key == nil:
			fmt.Fprintf(r.out, "@%s: %s\n", name, m.hir.Value)
		default:
			data, err := r.tracer.Data(m.obj)
			if err != nil {
				return mistake("%v", err)
			}
			fmt.Fprintf(r.out, "@%s[%s]: %s, %s of at most %d\n", name, m.hir.Key, m.hir.Value, count(len(data.Entries), "key"), m.hir.Entries)
		}
	}
	if len(list) == 0 {
		fmt.Fprintln(r.out, "there are no maps")
	}
	return nil
}

// print prints a map or all.
func (r *repl) print(_ context.Context, arg string) *diag.Diagnostic {
	list := []*liveMap{}
	if arg != "" {
		m, d := r.mapNamed(arg)
		if d != nil {
			return d
		}
		list = append(list, m)
	} else {
		for _, name := range slices.Sorted(maps.Keys(r.maps)) {
			if !strings.HasPrefix(name, engine.Hidden) {
				list = append(list, r.maps[name])
			}
		}
	}
	for _, m := range list {
		data, err := r.tracer.Data(m.obj)
		if err != nil {
			return mistake("%v", err)
		}
		r.printer.Take(event.NewMap(data, 0, 0, r.resolver))
	}
	return nil
}

// clear deletes all keys of a map.
func (r *repl) clear(_ context.Context, arg string) *diag.Diagnostic {
	m, d := r.mapNamed(arg)
	if d != nil {
		return d
	}
	if err := r.tracer.Clear(m.obj); err != nil {
		return mistake("%v", err)
	}
	return nil
}

// drop forgets a map. A clause that uses it would go on with the old one under
// the same name, so it has to be stopped first.
func (r *repl) drop(_ context.Context, arg string) *diag.Diagnostic {
	m, d := r.mapNamed(arg)
	if d != nil {
		return d
	}
	for _, c := range r.clauses {
		for _, used := range c.script.Object.Maps {
			if used.Spec == m.obj.Spec {
				return mistake("@%s is used by clause %d", m.hir.Name, c.n).WithHelp("`:stop %d` stops it", c.n)
			}
		}
	}
	r.tracer.Forget(m.obj)
	delete(r.maps, m.hir.Name)
	r.defs = slices.DeleteFunc(r.defs, func(it syntax.Item) bool {
		d, ok := it.(*syntax.MapDecl)
		return ok && d.Name == m.hir.Name
	})
	return nil
}

// typeOf shows a type.
func (r *repl) typeOf(_ context.Context, arg string) *diag.Diagnostic {
	if arg == "" {
		return mistake("`:type` needs an expression").WithHelp("for example: `:type curtask`")
	}
	if text := r.typeText(arg); text != "" {
		fmt.Fprintln(r.out, text)
		return nil
	}
	src := source.New(inputName, arg)
	x, list := syntax.ParseExpr(src)
	if list.HasErrors() {
		r.wrong(list)
		return nil
	}
	if m, ok := x.(*syntax.Map); ok && m.Keys == nil && r.maps[m.Name] != nil {
		live := r.maps[m.Name].hir
		if live.Key != nil {
			fmt.Fprintf(r.out, "%s[%s]\n", live.Value, live.Key)
		} else {
			fmt.Fprintln(r.out, live.Value)
		}
		return nil
	}
	in := &stmtsInput{r: r, src: src, block: &syntax.Block{At: syntax.At{At: x.Span()}, Value: x}}
	in.keepVars()
	p, list := in.check(in.block.Value)
	if p == nil {
		r.wrong(list)
		return nil
	}
	if e := lastEval(p.Program); e != nil {
		fmt.Fprintln(r.out, e.X.Type())
	}
	return nil
}

// wait pauses while clauses run. It is for sessions whose input is piped in.
func (r *repl) wait(ctx context.Context, arg string) *diag.Diagnostic {
	if arg != "" {
		d, err := time.ParseDuration(arg)
		if n, numErr := strconv.ParseUint(arg, 10, 31); numErr == nil {
			d, err = time.Duration(n)*time.Second, nil
		}
		if err != nil || d < 0 {
			return mistake("%q is not a duration such as 10s or 1m30s", arg)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	const look = 50 * time.Millisecond
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		r.reap()
		if arg == "" && len(r.clauses) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// showHistory shows earlier inputs.
func (r *repl) showHistory(_ context.Context, arg string) *diag.Diagnostic {
	for _, h := range r.historic {
		if strings.Contains(h, arg) {
			fmt.Fprintln(r.out, h)
		}
	}
	return nil
}

// leave ends the session.
func (r *repl) leave(context.Context, string) *diag.Diagnostic {
	r.quit = true
	return nil
}
