package ftrace

import (
	"fmt"
	"os"
	"strings"

	"probe/runtime/tracefs"
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

// setRecord takes the layout of one type of record.
func (d *Decoder) setRecord(f *tracefs.Format) error {
	at := func(name string) field {
		x, ok := f.Field(name)
		if !ok {
			return field{}
		}
		return field{int(x.Offset), int(x.Size)}
	}
	for _, c := range f.Common {
		switch c.Name {
		case "common_pid":
			d.pid = field{int(c.Offset), int(c.Size)}
		case "common_flags":
			d.flags = field{int(c.Offset), int(c.Size)}
		}
	}
	r := record{
		id: uint16(f.ID), fn: at("func"), depth: at("depth"),
		call: at("calltime"), ret: at("rettime"), value: at("ret"),
	}
	if r.fn.size == 0 {
		r.fn = at("__probe_func") // events of kretprobes
	}
	if r.fn.size == 0 {
		r.fn = at("__probe_ip") // of fprobes and of function entries
	}
	if f.ID <= 0 || f.ID > 0xffff || d.pid.size != 4 || r.fn.size != 8 {
		return fmt.Errorf("event %s has no number, thread or function", f.Name)
	}
	for _, x := range []field{r.fn, r.depth, r.call, r.ret, r.value} {
		r.size = max(r.size, x.offset+x.size)
	}
	switch {
	case f.Name == "funcgraph_entry" && r.depth.size > 0:
		if args, ok := f.Field("args"); ok && args.Array && args.Size == 0 {
			r.args = int(args.Offset)
		}
		d.entry = r
	case f.Name == "funcgraph_exit" && r.depth.size > 0:
		d.exit = r
	case !strings.HasPrefix(f.Name, "funcgraph_") && r.value.size > 0:
		d.returns[r.id] = r
	default:
		return fmt.Errorf("event %s has neither depth nor return value", f.Name)
	}
	return nil
}
