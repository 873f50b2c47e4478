package repl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/lang/syntax"
	"probe/lang/types"
	"probe/runtime/engine"
	"probe/runtime/event"
	"probe/runtime/machine"
	"probe/runtime/sink"
	"probe/runtime/watchdog"
)

// Config holds what an interactive session needs from its caller.
type Config struct {
	// Machine is the machine that inputs are checked against and run on.
	Machine machine.Machine
	// Check holds the options for checking all inputs. The session sets its
	// Maps itself.
	Check engine.CheckOptions
	// Import finds imported files; nil is engine.Import.
	Import engine.Importer
	// Open opens a script that :load names; nil opens files.
	Open func(name string) (*source.File, error)
	// Start is a script that is run first; nil for none.
	Start *source.File
	// MayRun returns why commands and editors must not be started; nil allows
	// them.
	MayRun func() error
	// AllErrors also shows failing reads and lookups (-k).
	AllErrors bool
	// Prelude is a text of definitions that all inputs see, as if typed first.
	Prelude string
	// Banner is printed at the start of a session on a terminal.
	Banner string

	// In is the input if it is not a terminal, or one that cannot move the
	// cursor. Otherwise the line editor reads the standard input of the
	// process.
	In       io.Reader
	Out, Err io.Writer
	Color    bool
}

// The prompts. The line editor takes no colours here.
const (
	prompt = "probe> "
	more   = "  ...> "
)

// repl is one interactive session.
type repl struct {
	cfg      Config
	view     machine.View
	builtins map[string]*types.Signature
	resolver *engine.Resolver
	out, err io.Writer
	printer  event.Sink
	flush    func() // ends an unfinished line of output
	reader   reader
	hints    *hints // nil without the line editor
	person   bool   // the input is a terminal, so prompts are shown
	history  *history
	historic []string // the inputs, the oldest first
	tracer   tracer
	names    *names

	defs    []syntax.Item
	maps    map[string]*liveMap
	strings []string // interned strings of the objects so far
	clauses []*clause
	last    int // number of the last clause
	failed  bool
	saved   map[string]bool // names of files that were loaded or written
	quit    bool
	code    int
	asking  string // the lines of an input that goes on
	more    bool   // it goes on because it is being pasted

	form atomic.Pointer[form] // of the values of the input that runs; nil between inputs

	mu     sync.Mutex
	exited map[handle]int // clauses that called exit(), with its status
}

// clause is an input that runs in the background.
type clause struct {
	n       int
	text    string
	h       handle
	script  *engine.Compiled
	started time.Time
}

// Run reads and carries out inputs until the input ends, a signal comes or the
// user leaves; then it detaches everything and prints the maps. The status is
// that of exit(); without a terminal it is 1 when an input was wrong.
func Run(ctx context.Context, cfg Config) (int, error) {
	return run(ctx, cfg, startSession)
}

// newRepl returns a session without a tracer and without a source of inputs.
func newRepl(cfg Config) *repl {
	r := &repl{
		cfg: cfg, view: cfg.Machine.View(machine.Query{PID: cfg.Check.PID, Comm: cfg.Check.Comm}), builtins: engine.Signatures(),
		maps: map[string]*liveMap{}, exited: map[handle]int{}, history: &history{}, saved: map[string]bool{},
	}
	r.names = newNames(func(pattern string, yield func(string) bool) error {
		return cfg.Machine.List(pattern, func(l machine.Listed) bool { return yield(l.Name) })
	})
	return r
}

func run(ctx context.Context, cfg Config, start starter) (int, error) {
	r := newRepl(cfg)
	edit := cfg.In == io.Reader(os.Stdin) && canEdit()
	s := newScreen(cfg.Out)
	r.out, r.err, r.flush = s, cfg.Err, s.Flush
	if f, ok := cfg.Err.(*os.File); edit && ok && isTerminal(f) {
		r.err = s
	}
	var err error
	r.resolver = engine.NewResolver(cfg.Machine)
	r.printer, err = sink.New("text", sink.Config{
		Out: r.out, Err: r.err, Buffer: sink.Unbuffered, Quiet: true, Color: cfg.Color,
	})
	if err != nil {
		return 0, err
	}
	r.printer = &objects{Sink: r.printer, r: r}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	opts := engine.SessionOptions{Sink: r.printer, Resolver: r.resolver, AllErrors: cfg.AllErrors, Report: r.report, PID: cfg.Check.PID}
	r.tracer, err = start(cfg, opts, func(h handle, code int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.exited[h] = code
	})
	if err != nil {
		return 0, err
	}
	defer r.tracer.Close()
	if err := r.prelude(); err != nil {
		return 0, err
	}
	if err := r.open(s, edit); err != nil {
		return 0, err
	}
	r.loop(ctx)
	r.reader.Done()
	r.flush()
	r.tracer.End()
	if err := r.printer.Close(); err != nil {
		return 0, fmt.Errorf("write the output: %w", err)
	}
	r.flush()
	if r.code == 0 && r.failed && !r.person {
		return 1, nil
	}
	return r.code, nil
}

// preludeName is the name of Config.Prelude in messages.
const preludeName = "prelude"

// prelude defines the items of Config.Prelude.
func (r *repl) prelude() error {
	src := source.New(preludeName, r.cfg.Prelude)
	f, list := syntax.Parse(src)
	if err := list.Err(); err != nil {
		return fmt.Errorf("read the prelude: %w", err)
	}
	r.define(f.Items)
	return nil
}

// open sets up the source of lines.
func (r *repl) open(s *screen, edit bool) error {
	if !edit {
		p := &plain{in: &lineReader{r: r.cfg.In}}
		if f, ok := r.cfg.In.(*os.File); ok && isTerminal(f) {
			r.person, p.prompt = true, r.cfg.Out
		}
		r.reader = p
	} else {
		r.person = true
		r.history.name = historyFile(os.Getenv)
		old, err := r.history.load()
		if err != nil {
			fmt.Fprintln(r.err, "warning:", err)
		}
		r.historic = old
		s.hints, s.columns = &hints{color: r.cfg.Color, builtins: r.builtins, kinds: r.view.Probes().Kinds()}, r.columns
		r.hints = s.hints
		if r.reader, err = newEditor(s, r.tab, old); err != nil {
			return err
		}
		r.names.warm()
	}
	if r.person && r.cfg.Banner != "" {
		fmt.Fprintln(r.out, r.cfg.Banner)
	}
	return nil
}

// loop reads lines and carries out inputs.
func (r *repl) loop(ctx context.Context) {
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, syscall.SIGINT)
	defer signal.Stop(interrupt)
	if r.cfg.Start != nil {
		r.loadScript(ctx, r.cfg.Start)
		r.flush()
	}
	lines := r.lines()
	for !r.quit {
		r.reap()
		p := prompt
		if r.asking != "" || r.more {
			p = more
		}
		r.beginHints()
		line, err := lines.next(ctx, p, interrupt)
		pasted := errors.Is(err, errPasted)
		switch {
		case pasted:
		case errors.Is(err, errInterrupted) && r.person:
			r.asking, r.more = "", false
			continue
		case err == io.EOF && r.asking != "" && !r.person:
			r.input(ctx, r.asking, interrupt) // shows the error for the incomplete input
			return
		case errors.Is(err, errInterrupted), errors.Is(err, io.EOF):
			return
		case err != nil:
			if ctx.Err() == nil {
				r.complain(&diag.Diagnostic{Severity: diag.Error, Message: err.Error()})
			}
			return
		}
		text := line
		if r.asking != "" {
			text = r.asking + "\n" + line
		}
		if pasted || !isCommand(text) && syntax.Incomplete(text) {
			r.asking, r.more = text, pasted
			continue
		}
		r.asking, r.more = "", false
		if strings.TrimSpace(text) == "" {
			continue
		}
		r.remember(text)
		r.input(ctx, text, interrupt)
	}
}

// beginHints tells what the next line is a part of.
func (r *repl) beginHints() {
	if r.hints == nil {
		return
	}
	macros := map[string]string{}
	for name, m := range r.macros() {
		macros[name] = macroHead(m)
	}
	r.hints.begin(r.asking, macros, r.historic)
}

// input runs one input. Ctrl-C interrupts it.
func (r *repl) input(ctx context.Context, text string, interrupt <-chan os.Signal) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case <-interrupt: // it was meant for the previous input
	default:
	}
	done := make(chan struct{})
	go func() {
		defer watchdog.Report()
		select {
		case <-interrupt:
			cancel()
		case <-done:
		}
	}()
	defer close(done)
	defer r.flush()
	defer func() {
		if fault := recover(); fault != nil {
			d := &diag.Diagnostic{Severity: diag.Error, Code: "internal", Message: fmt.Sprintf("probe failed on this input: %v", fault)}
			d.WithNote("%s", debug.Stack()).WithHelp("this is a fault of probe: please report it with the input; the session goes on")
			r.complain(d)
		}
	}()
	if isCommand(text) {
		r.command(ctx, text)
		return
	}
	r.eval(ctx, text)
}

// remember adds an input to the history.
func (r *repl) remember(text string) {
	text, ok := keepable(text)
	if !ok {
		return
	}
	r.historic = append(r.historic, text)
	r.reader.Remember(text)
	if err := r.history.add(text); err != nil {
		fmt.Fprintln(r.err, "warning:", err)
		r.history.name = "" // report the failure only once
	}
}

// reap removes the clauses that have called exit() from the list.
func (r *repl) reap() {
	kept := r.clauses[:0]
	for _, c := range r.clauses {
		r.mu.Lock()
		code, gone := r.exited[c.h]
		delete(r.exited, c.h)
		r.mu.Unlock()
		if !gone {
			kept = append(kept, c)
			continue
		}
		r.tracer.Remove(c.h)
		note := ""
		if code != 0 {
			note = fmt.Sprintf(" with status %d", code)
		}
		fmt.Fprintf(r.err, "[%d] ended by exit()%s\n", c.n, note)
	}
	r.clauses = kept
}

// complain shows one message.
func (r *repl) complain(d *diag.Diagnostic) {
	if d.Severity == diag.Error {
		r.failed = true
	}
	r.report(d)
}

// report shows a message; it is called from several goroutines.
func (r *repl) report(d *diag.Diagnostic) {
	r.show(diag.List{All: []*diag.Diagnostic{d}})
}

func (r *repl) show(list diag.List) {
	if len(list.All) == 0 {
		return
	}
	_ = diag.Render(r.err, &list, diag.Options{Color: r.cfg.Color})
}

// lines reads lines in a goroutine, so that a call of next can stop waiting.
type lines struct {
	r       reader
	pending chan answer
	edits   bool
}

type answer struct {
	line string
	err  error
}

func (r *repl) lines() *lines {
	_, edits := r.reader.(*editor)
	return &lines{r: r.reader, edits: edits}
}

// next waits for a line. If it stops waiting, the read goes on, and the next
// call waits for its result. With the line editor Ctrl-C is a key and not a
// signal.
func (l *lines) next(ctx context.Context, prompt string, interrupt <-chan os.Signal) (string, error) {
	if l.pending == nil {
		ch := make(chan answer, 1)
		go func() {
			defer watchdog.Report()
			line, err := l.r.ReadLine(prompt)
			ch <- answer{line, err}
		}()
		l.pending = ch
	} else if p, ok := l.r.(*plain); ok && p.prompt != nil {
		fmt.Fprint(p.prompt, "\n"+prompt)
	}
	if l.edits {
		interrupt = nil
	}
	select {
	case a := <-l.pending:
		l.pending = nil
		return a.line, a.err
	case <-interrupt:
		return "", errInterrupted
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
