package ftrace

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"probe/runtime/machine/live/tracefs"
)

// NewDecoder reads the layout of pages and of the tracer's records.
func NewDecoder(fs *tracefs.FS) (*Decoder, error) {
	d := &Decoder{returns: map[uint16]record{}}
	text, err := os.ReadFile(fs.Path("events", "header_page"))
	if err != nil {
		return nil, fmt.Errorf("read the layout of trace pages: %w", err)
	}
	page, err := tracefs.ParseFormat(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fs.Path("events", "header_page"), err)
	}
	if err := d.setPage(page); err != nil {
		return nil, fmt.Errorf("%s: %w", fs.Path("events", "header_page"), err)
	}
	for _, name := range []string{"funcgraph_entry", "funcgraph_exit"} {
		f, err := fs.ReadFormat("ftrace", name)
		if err != nil {
			return nil, err
		}
		if err := d.setRecord(f); err != nil {
			return nil, fmt.Errorf("%s: %w", fs.Path("events", "ftrace", name, "format"), err)
		}
	}
	return d, nil
}

// setPage takes the layout of a page: a time stamp, a commit word, data.
func (d *Decoder) setPage(f *tracefs.Format) error {
	stamp, ok1 := f.Field("timestamp")
	commit, ok2 := f.Field("commit")
	data, ok3 := f.Field("data")
	switch {
	case !ok1 || !ok2 || !ok3:
		return fmt.Errorf("no timestamp, commit or data")
	case stamp.Offset != 0 || stamp.Size != 8 || commit.Offset != 8 || commit.Size != 8 || data.Offset < 16:
		return fmt.Errorf("the layout of trace pages is not that of a 64-bit kernel")
	}
	d.header = int(data.Offset)
	return nil
}

// heads lists the fields that every record begins with; all 64-bit kernels have
// the same.
var heads = map[string]field{
	"common_type": {0, 2}, "common_flags": {2, 1}, "common_pid": {headTID / 8, 4},
}

// setRecord takes the layout of one type of record.
func (d *Decoder) setRecord(f *tracefs.Format) error {
	known := 0
	for _, c := range f.Common {
		if at, ok := heads[c.Name]; ok && at == (field{int(c.Offset), int(c.Size)}) {
			known++
		}
	}
	if known != len(heads) {
		return fmt.Errorf("event %s does not begin with its number, flags and thread", f.Name)
	}
	r := record{id: uint16(f.ID)}
	// at returns the offset of a field if its size is one of sizes.
	at := func(name string, sizes ...int64) (offset int, ok bool) {
		x, ok := f.Field(name)
		if !ok || !slices.Contains(sizes, int64(x.Size)) {
			return 0, false
		}
		r.size = max(r.size, int(x.Offset)+int(x.Size))
		return int(x.Offset), true
	}
	var named, nested, valued, called, returned bool
	// The address is in func for function_graph, in __probe_func for
	// kretprobes, and in __probe_ip for fprobes and entries.
	for _, name := range []string{"func", "__probe_func", "__probe_ip"} {
		if r.fn, named = at(name, 8); named {
			break
		}
	}
	if f.ID <= 0 || f.ID > 0xffff || !named {
		return fmt.Errorf("event %s has no number or function", f.Name)
	}
	r.depth, nested = at("depth", 2, 4, 8)
	r.value, valued = at("ret", 8)
	r.times[0], called = at("calltime", 8)
	r.times[1], returned = at("rettime", 8)
	r.timed = called && returned
	switch {
	case f.Name == "funcgraph_entry" && nested:
		if args, ok := f.Field("args"); ok && args.Array && args.Size == 0 {
			r.args = int(args.Offset)
		}
		d.entry = r
	case f.Name == "funcgraph_exit" && nested:
		d.exit = r
	case !strings.HasPrefix(f.Name, "funcgraph_") && valued:
		d.returns[r.id] = r
	default:
		return fmt.Errorf("event %s has neither depth nor return value", f.Name)
	}
	return nil
}
