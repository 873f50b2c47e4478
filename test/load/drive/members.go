package main

import (
	"fmt"
	"strings"

	"probe/lang/types"
	"probe/test/load"
)

// inScript is how many members one script reads.
const inScript = 16

// members does a job for each script that a job with a Struct stands for.
func (d *driver) members(j load.Job) load.Result {
	r := load.Result{Name: j.Name}
	t, ok := d.m.kernel.Named("struct", j.Struct)
	if !ok {
		r.Error = "there is no struct " + j.Struct
		return r
	}
	var all []string
	reads(&all, t, j.Expr+"->", 2)
	for len(all) > 0 {
		n := min(inScript, len(all))
		text := strings.ReplaceAll(j.Text, "READS", strings.Join(all[:n], " "))
		all = all[n:]
		one := d.do(load.Job{Name: j.Name, Text: text})
		for i := range one.Programs {
			if p := &one.Programs[i]; p.Refused != "" {
				p.Refused += "\n" + text
			}
		}
		r.Programs = append(r.Programs, one.Programs...)
		if one.Error != "" {
			r.Error, r.Code = one.Error+"\n"+text, one.Code
			return r
		}
	}
	return r
}

// reads appends a statement for each member of t that has a name, and goes into
// inner structs, and as deep as depth through pointers.
func reads(out *[]string, t *types.Type, prefix string, depth int) {
	if t.Kind != types.Record {
		return
	}
	fields := t.Struct.Fields()
	for i := range fields {
		fd := &fields[i]
		if fd.Name == "" || strings.ContainsAny(fd.Name, " .$") {
			continue
		}
		read(out, fd.Type, prefix+fd.Name, depth)
	}
}

func read(out *[]string, t *types.Type, expr string, depth int) {
	switch t.Kind {
	case types.Int, types.Enum, types.Bool:
		*out = append(*out, fmt.Sprintf("@ += (uint64)%s;", expr))
	case types.Pointer:
		*out = append(*out, fmt.Sprintf("@ += (uint64)%s;", expr))
		if t.IsPtrToRecord() && t.Space != types.User && depth > 0 {
			var some []string
			reads(&some, t.Elem, expr+"->", 0)
			*out = append(*out, some[:min(len(some), 2)]...)
		}
	case types.String:
		*out = append(*out, fmt.Sprintf("print(%s);", expr))
	case types.Array:
		if t.Len > 0 {
			read(out, t.Elem, fmt.Sprintf("%s[%d]", expr, t.Len-1), depth)
		}
	case types.Record:
		if depth > 0 {
			reads(out, t, expr+".", depth-1)
		}
	}
}
