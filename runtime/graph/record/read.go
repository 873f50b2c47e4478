package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/klauspost/compress/zstd"

	"probe/runtime/graph"
	"probe/runtime/trust"
)

// Load reads a whole file, compressed or not. The error is that of opening the
// file, or wraps ErrFormat. Damage after the header is no error:
// Recording.Damage reports it.
func Load(path string) (*Recording, error) {
	f, err := trust.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read a recording: %w", err)
	}
	defer f.Close()
	r, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// Read is Load for a stream.
func Read(from io.Reader) (*Recording, error) { return read(from, MaxMemory) }

// read is Read with a limit on the memory of the result, in bytes.
func read(from io.Reader, limit int) (*Recording, error) {
	buf := bufio.NewReaderSize(from, 256<<10)
	packed := false
	if magic, _ := buf.Peek(4); bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		unpack, err := zstd.NewReader(buf, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		defer unpack.Close()
		packed = true
		buf = bufio.NewReaderSize(unpack, 256<<10)
	}
	p := &parser{rec: &Recording{}, limit: limit}
	var long []byte
	for n := 1; ; n++ {
		line, err := readLine(buf, &long, n == 1)
		if err == io.EOF && len(line) == 0 {
			p.stop(n, nil)
			break
		}
		if err != nil && err != io.EOF {
			p.stop(n, err)
			break
		}
		if err == io.EOF {
			p.stop(n, errors.New("the line is cut off"))
			break
		}
		if err := p.take(line, n); err != nil {
			p.stop(n, err)
			break
		}
	}
	if p.rec.Header.Version == 0 {
		if p.rec.Damage != nil {
			if packed && p.rec.Damage.Line == 1 {
				return nil, fmt.Errorf("%w, or one that is damaged from its start: %w", ErrFormat, p.rec.Damage.Err)
			}
			return nil, fmt.Errorf("%w: %w", ErrFormat, p.rec.Damage.Err)
		}
		return nil, ErrFormat
	}
	return p.rec, nil
}

// readLine returns the next line without its end. The last line may have no
// end; the error is then io.EOF. The first line may be as long as an event.
func readLine(buf *bufio.Reader, long *[]byte, first bool) ([]byte, error) {
	line, err := buf.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		limit := maxSmallLine
		if first || bytes.HasPrefix(line, []byte(`{"event"`)) {
			limit = maxLine
		}
		*long = (*long)[:0]
		for {
			if len(*long)+len(line) > limit {
				return nil, fmt.Errorf("the line is too long: at most %d MB are read", limit>>20)
			}
			*long = append(*long, line...)
			if err != bufio.ErrBufferFull {
				break
			}
			line, err = buf.ReadSlice('\n')
		}
		line = *long
	}
	return bytes.TrimSuffix(line, []byte("\n")), err
}

// parser builds a Recording from lines.
type parser struct {
	rec *Recording
	// used is the memory that the recording takes, as it is counted, and limit the
	// most that it may.
	used, limit int

	open *graph.Tree // a tree that continues in the next line
	id   int         // of open
	line line
	ids  map[int32]int32 // functions of the file by their numbers
	// trees maps the numbers of trees in the file to their indices.
	trees map[int]int
}

// line is a line of the file. Exactly one of the keys is set.
type line struct {
	Header *Header   `json:"probe_graph"`
	Func   *funcLine `json:"func"`
	Tree   *treeLine `json:"tree"`
	More   *treeLine `json:"more"`
	Event  *Output   `json:"event"`
	End    *End      `json:"end"`
}

// take parses one line.
func (p *parser) take(text []byte, n int) error {
	// Reuse the memory of the last line's lists.
	l := line{Tree: p.line.Tree, More: p.line.More}
	for _, t := range []*treeLine{l.Tree, l.More} {
		if t != nil {
			*t = treeLine{Calls: rows{t.Calls.numbers[:0], t.Calls.ends[:0]}, Args: rows{t.Args.numbers[:0], t.Args.ends[:0]}, ID: -1}
		}
	}
	if quick := l; quick.quick(text) {
		l = quick
	} else {
		for _, t := range []*treeLine{l.Tree, l.More} {
			if t != nil { // discard what the failed attempt has left
				*t = treeLine{ID: -1}
			}
		}
		if err := json.Unmarshal(text, &l); err != nil {
			return err
		}
	}
	p.line = l
	switch {
	case n == 1:
		if l.Header == nil || l.Header.Version <= 0 {
			return errors.New("no header")
		}
		if l.Header.Version > Version {
			return fmt.Errorf("its version is %d; this probe reads up to %d", l.Header.Version, Version)
		}
		if err := p.spend(len(text) + entryCost*len(l.Header.Functions)); err != nil {
			return err
		}
		p.rec.Header, p.ids, p.trees = *l.Header, map[int32]int32{}, map[int]int{}
	case p.rec.End != nil:
		return errors.New("a line after the end")
	case l.More != nil && len(l.More.Calls.ends) > 0:
		if p.open == nil || l.More.ID != p.id {
			return errors.New("calls of a tree that did not begin")
		}
		return p.calls(l.More)
	case p.open != nil:
		return errors.New("a tree is cut off")
	case l.Func != nil:
		return p.function(l.Func)
	case l.Tree != nil && len(l.Tree.Calls.ends) > 0:
		t := l.Tree
		if err := errors.Join(checkName("a thread", t.Comm), p.spend(treeCost+len(t.Comm))); err != nil {
			return err
		}
		p.open, p.id = &graph.Tree{
			Thread: graph.Thread{TID: t.TID, PID: t.PID, Comm: t.Comm}, Lost: t.Lost,
			Folded: graph.Folded{Interruptions: t.Interruptions, Calls: t.FoldedCalls, Time: t.FoldedTime, Skipped: t.Skipped},
			Calls:  make([]graph.Call, 0, len(t.Calls.ends)),
		}, t.ID
		return p.calls(t)
	case l.Event != nil:
		return p.event(l.Event)
	case l.End != nil:
		p.rec.End = l.End
	default:
		return errors.New("a line of no known kind")
	}
	return nil
}

// function adds a function.
func (p *parser) function(l *funcLine) error {
	if _, twice := p.ids[l.ID]; twice || l.Name == "" || l.ID < 0 {
		return fmt.Errorf("function %d has no name, or came before", l.ID)
	}
	if err := errors.Join(checkName("a function", l.Name), checkName("a module", l.Module)); err != nil {
		return err
	}
	cost := funcCost + len(l.Name) + len(l.Module) + l.Notation.cost()
	if len(l.Params) > maxParams {
		return fmt.Errorf("function %s has %d parameters; at most %d are read", l.Name, len(l.Params), maxParams)
	}
	for _, q := range l.Params {
		if err := checkName("a parameter", q.Name); err != nil {
			return err
		}
		cost += paramCost + len(q.Name) + q.Notation.cost()
	}
	if err := p.spend(cost); err != nil {
		return err
	}
	f := graph.Func{Name: l.Name, Module: l.Module, Result: graph.ResultNamed(l.Result), Notation: l.Notation.notation()}
	if l.Addr != "" {
		addr, err := strconv.ParseUint(l.Addr, 16, 64)
		if err != nil {
			return fmt.Errorf("function %s: address %q", l.Name, l.Addr)
		}
		f.Addr = addr
	}
	for _, q := range l.Params {
		f.Params = append(f.Params, graph.Param{Name: q.Name, Type: graph.ResultNamed(q.Type), Notation: q.Notation.notation()})
	}
	// Static functions with one name at several addresses remain separate
	// functions.
	p.ids[l.ID] = int32(len(p.rec.Funcs.List))
	p.rec.Funcs.List = append(p.rec.Funcs.List, f)
	return nil
}

// calls adds the calls of a line to the open tree, and the tree to the
// recording when it is whole.
func (p *parser) calls(l *treeLine) error {
	t := p.open
	first := len(t.Calls)
	start := l.Start
	if first > 0 {
		start = t.Calls[0].T0
	}
	if first+len(l.Calls.ends) > MaxTreeCalls {
		return fmt.Errorf("tree %d has more than %d calls", p.id, MaxTreeCalls)
	}
	if err := p.spend(callCost*len(l.Calls.ends) + 8*len(l.Args.numbers)); err != nil {
		return err
	}
	if need := first + len(l.Calls.ends); need > cap(t.Calls) {
		t.Calls = slices.Grow(t.Calls, max(need, 2*first)-first) // doubling: doubling: append would copy a large tree some ten times
	}
	for i := range l.Calls.ends {
		if err := p.call(t, l.Calls.row(i), start); err != nil {
			t.Calls = t.Calls[:first+i]
			return fmt.Errorf("call %d of tree %d: %w", first+i, p.id, err)
		}
	}
	for i := range l.Args.ends {
		row := l.Args.row(i)
		if len(row) == 0 || len(row) > maxParams+1 || row[0] < 0 || first+int(row[0]) >= len(t.Calls) {
			return fmt.Errorf("arguments of no call in tree %d", p.id)
		}
		c := &t.Calls[first+int(row[0])]
		c.Args, c.NArgs = int32(len(t.Args)), uint8(len(row)-1)
		for _, a := range row[1:] {
			t.Args = append(t.Args, uint64(a))
		}
	}
	if err := p.values(l, first); err != nil {
		return err
	}
	if !l.More {
		p.finish()
	}
	return nil
}

// call adds one call. Its parent follows from its depth, since calls are in the
// order of their entry.
func (p *parser) call(t *graph.Tree, row []int64, start int64) error {
	if len(row) <= callFlags || len(row) > callRet+1 {
		return fmt.Errorf("%d numbers", len(row))
	}
	c := graph.Call{
		Fn: -1, Parent: -1, T0: start + row[callStart], Flags: graph.Flags(row[callFlags]) & knownFlags,
		CPU: uint16(row[callCPU]), Depth: uint16(row[callDepth]),
	}
	depth := row[callDepth]
	switch n := len(t.Calls); {
	case row[callDuration] < 0 || depth < 0 || row[callCPU] < 0 || row[callCPU] > 1<<16-1:
		return errors.New("a number out of range")
	case depth > MaxDepth:
		return fmt.Errorf("it is at depth %d; at most %d are read", depth, MaxDepth)
	case (n == 0) != (depth == 0) || n > 0 && depth > int64(t.Calls[n-1].Depth)+1:
		return fmt.Errorf("depth %d", depth)
	}
	c.T1 = c.T0 + row[callDuration]
	if row[callFn] >= 0 {
		fn, ok := p.ids[int32(row[callFn])]
		if !ok {
			return fmt.Errorf("function %d is not known", row[callFn])
		}
		c.Fn = fn
	}
	if c.Flags&(graph.HasRet|graph.Gap) != 0 {
		if len(row) <= callRet {
			return errors.New("no return value")
		}
		c.Ret = uint64(row[callRet])
	}
	if n := len(t.Calls); n > 0 {
		c.Parent = int32(n - 1)
		for t.Calls[c.Parent].Depth >= c.Depth {
			c.Parent = t.Calls[c.Parent].Parent
		}
	}
	t.Calls = append(t.Calls, c)
	return nil
}

// finish completes the open tree.
func (p *parser) finish() {
	t := p.open
	p.open = nil
	if len(t.Calls) == 0 {
		return
	}
	// Go backwards: the end of each call is then known when its parent needs
	// it.
	for i := len(t.Calls) - 1; i >= 0; i-- {
		c := &t.Calls[i]
		c.End = max(c.End, int32(i)+1)
		if c.Parent >= 0 {
			q := &t.Calls[c.Parent]
			q.End = max(q.End, c.End)
		}
	}
	p.trees[p.id] = len(p.rec.Trees)
	p.rec.Trees = append(p.rec.Trees, t)
}

// stop ends the reading at a line. An incomplete tree is kept, with a gap in
// place of the rest.
func (p *parser) stop(n int, err error) {
	if t := p.open; t != nil && len(t.Calls) > 0 {
		t.Lost++
		last := t.Calls[len(t.Calls)-1].T1
		t.Calls = append(t.Calls, graph.Call{Fn: -1, Parent: 0, Depth: 1, T0: last, T1: last, CPU: t.Calls[0].CPU, Flags: graph.Gap})
		p.finish()
	}
	if err == nil && p.rec.End == nil {
		err = errNoEnd
	}
	if err != nil {
		p.rec.Damage = &DamageError{Line: n, Err: err}
	}
}
