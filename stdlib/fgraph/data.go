package fgraph

import (
	"probe/compiler/ir"
	"probe/lang/hir"
)

// eventData is the data of an event after its head.
type eventData struct {
	words []ir.Value
	// deep are arguments whose structs are read, after the words of the
	// arguments.
	deep []deepWords
}

type deepWords struct {
	ptr ir.Value
	arg *DeepArg
}

// count returns the number of words.
func (d *eventData) count() int {
	n := len(d.words)
	for _, x := range d.deep {
		n += 1 + x.arg.Words
	}
	return n
}

// eventData finds the arguments of an entry, or the result of a return.
func (f *coder) eventData(site *hir.Site, deep DeepArgs, kind int64) *eventData {
	d := &eventData{}
	if kind == kindExit {
		if site.Ret != nil && site.Ret.Type.IsScalar() {
			d.words = append(d.words, f.Number(f.Argument(site.Ret, f.pr.At)))
		}
		return d
	}
	if !f.plan.Args {
		return d
	}
	args := Args(site)
	for i := range args {
		w := f.Number(f.Argument(&args[i], f.pr.At))
		d.words = append(d.words, w)
		if a := deep.At(i); a != nil {
			d.deep = append(d.deep, deepWords{w, a})
		}
	}
	return d
}

// store writes the words to the event's memory from off on. A struct that
// cannot be read is not counted as an error of the script; its status word
// records it.
func (d *eventData) store(f *coder, at ir.Value, off int) {
	for i, w := range d.words {
		f.B().Store(at, off+8*i, 8, w)
	}
	off += 8 * len(d.words)
	for _, x := range d.deep {
		status := f.konst(0)
		for _, r := range x.arg.Reads {
			to := f.B().BinI(ir.OpAdd, at, int64(off+8+r.At))
			status = f.B().Bin(ir.OpOr, status, f.B().Call(ir.HelperReadKernel, to, f.konst(int64(r.Size)), f.B().BinI(ir.OpAdd, x.ptr, int64(r.Off))))
		}
		f.B().Store(at, off, 8, status)
		off += 8 * (1 + x.arg.Words)
	}
}
