package syntax

import (
	"strings"

	"probe/lang/source"
)

// Bounds on what one C section includes. Headers can include each other and
// themselves.
const (
	maxIncludes = 50      // headers inside each other
	maxIncluded = 8 << 20 // bytes in all
)

// CInput is what a C section is read with. The zero CInput reads no headers.
type CInput struct {
	// Predefined are object-like macros that are there from the start.
	Predefined map[string]string
	// Include is asked for the text of the header of each live #include; nil
	// where its definitions come from elsewhere, or where it is missing and
	// that has been reported.
	Include func(*CInclude) *source.File
	// Constant finds constants that no text defines: those of headers that are
	// known without being read.
	Constant func(name string) (value uint64, unsigned, ok bool)
}

// constant returns the value of a constant that no text defines.
func (in CInput) constant(name string) (cValue, bool) {
	if in.Constant == nil {
		return cValue{}, false
	}
	bits, unsigned, ok := in.Constant(name)
	return cValue{bits, unsigned}, ok
}

// defined reports whether #ifdef holds for a name.
func (pp *preproc) defined(name string) bool {
	if _, ok := pp.sec.Defines[name]; ok {
		return true
	}
	_, ok := pp.in.constant(name)
	return ok
}

// include records an #include line, and reads the header if it is to be read.
func (pp *preproc) include(line source.Span, rest []cTok, word cTok) {
	inc := &CInclude{At: At{line}, Live: pp.live()}
	if !pp.includePath(inc, word) {
		if inc.Live {
			pp.bad(line, "expected a file name in `< >` or quotes after `#include`")
		}
		return
	}
	if len(rest) > 0 {
		inc.At.At.End = rest[len(rest)-1].at.End
	}
	pp.sec.Includes = append(pp.sec.Includes, inc)
	if !inc.Live || pp.in.Include == nil {
		return
	}
	f := pp.in.Include(inc)
	if f == nil || pp.once[f.Name] || pp.full {
		return
	}
	pp.included += len(f.Text)
	if pp.nested >= maxIncludes || pp.included > maxIncluded {
		pp.full = true
		pp.diags.Errorf("c-preprocessor", inc.At.At, "the headers of the C section include too much").
			WithNote("the bounds are %d headers inside each other and %d bytes in all", maxIncludes, maxIncluded).
			WithHelp("a header that includes itself needs `#pragma once` or a guard with `#ifndef`")
		return
	}
	pp.from[f] = inc.At.At
	if reportBinary(f, pp.diags) {
		return
	}
	outer := pp.outer
	pp.outer = len(pp.branches)
	pp.nested++
	pp.text(f, 0, len(f.Text))
	pp.nested--
	if n := len(pp.branches); n > pp.outer {
		pp.diags.Errorf("c-conditional", pp.branches[n-1].at, "this conditional is never closed").
			WithRow("L-PRE-03").
			WithHelp("close it with `#endif` in the same file")
		pp.branches = pp.branches[:pp.outer]
	}
	pp.outer = outer
}

// includePath takes the name of the header out of an #include line.
func (pp *preproc) includePath(inc *CInclude, word cTok) bool {
	text := strings.TrimSpace(inc.At.At.File.Text[word.at.End:inc.At.At.End])
	closing := byte(0)
	if text != "" {
		closing = map[byte]byte{'<': '>', '"': '"'}[text[0]]
	}
	if closing == 0 {
		return false
	}
	end := strings.IndexByte(text[1:], closing)
	if end <= 0 {
		return false
	}
	inc.Path, inc.System = text[1:1+end], closing == '>'
	return true
}

// showIncludes adds to messages about headers the #include lines that led
// there.
func (pp *preproc) showIncludes() {
	for _, d := range pp.diags.All {
		f := d.Span.File
		for range maxIncludes {
			at, ok := pp.from[f]
			if !ok {
				break
			}
			d.At(at, "included from here")
			f = at.File
		}
	}
}
