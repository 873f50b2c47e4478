package value

import (
	"encoding/hex"
	"math"
	"strconv"

	"probe/lang/types"
)

// Sizes of captured stacks (types.KStack, types.UStack) and of the kernel's
// struct bpf_stack_build_id (include/uapi/linux/bpf.h).
const (
	kstackHeader = 8
	ustackHeader = 16
	buildIDFrame = 32

	buildIDValid = 1 // status BPF_STACK_BUILD_ID_VALID
)

// StackLen is the number of frames of a captured stack.
func (v Value) StackLen() int {
	if v.T == nil {
		return 0
	}
	off := 0
	switch v.T.Kind {
	case types.KStack:
	case types.UStack:
		off = 8
	default:
		return 0
	}
	return int(min(load(v.B, off, 8), uint64(max(v.T.Limit, 0))))
}

// appendStack writes a newline and one line for each frame (V-STACK rows).
func appendStack(dst []byte, v Value, r Resolver) []byte {
	user := v.T.Kind == types.UStack
	header, per := kstackHeader, 8
	if user {
		header = ustackHeader
		if v.T.Mode == types.StackBuildID {
			per = buildIDFrame
		}
	}
	pid, probe := uint32(load(v.B, 0, 4)), uint32(load(v.B, 4, 4))
	dst = append(dst, '\n')
	for i := range v.StackLen() {
		off := header + i*per
		if per == buildIDFrame {
			dst = append(appendBuildID(dst, v.B, off), '\n')
			continue
		}
		addr := load(v.B, off, 8)
		if addr == math.MaxUint64 {
			return append(dst, "        <unwind failure>\n"...)
		}
		if v.T.Mode == types.StackRaw {
			dst = append(strconv.AppendUint(dst, addr, 16), '\n')
			continue
		}
		var frames []Frame
		if user {
			frames = r.UStackFrame(addr, pid, probe)
		} else {
			frames = r.KStackFrame(addr)
		}
		if v.T.Mode == types.StackPerf {
			dst = appendPerfFrames(dst, addr, frames, user)
		} else {
			dst = appendFrames(dst, addr, frames)
		}
	}
	return dst
}

func appendFrames(dst []byte, addr uint64, frames []Frame) []byte {
	const indent = "        "
	if len(frames) == 0 {
		return append(appendAddr(append(dst, indent...), addr), '\n')
	}
	for i := range frames {
		f := &frames[i]
		dst = append(dst, indent...)
		switch {
		case f.Inlined:
			dst = append(append(dst, "[inlined] "...), f.Name...)
		case f.Name == "":
			dst = appendAddr(dst, addr)
		default:
			dst = append(append(dst, f.Name...), '+')
			dst = strconv.AppendUint(dst, f.Offset, 10)
		}
		if f.File != "" {
			dst = append(append(append(dst, '@'), f.File...), ':')
			dst = strconv.AppendInt(dst, int64(f.Line), 10)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// appendPerfFrames writes the form of perf script. Unknown addresses repeat in
// the place of the symbol, so that every line has the same columns.
func appendPerfFrames(dst []byte, addr uint64, frames []Frame, user bool) []byte {
	unknown := [1]Frame{}
	if len(frames) == 0 {
		frames = unknown[:]
	}
	for i := range frames {
		f := &frames[i]
		dst = strconv.AppendUint(append(dst, '\t'), addr, 16)
		dst = append(dst, ' ')
		if f.Name == "" {
			dst = appendAddr(dst, addr)
		} else {
			dst = append(dst, f.Name...)
			if !f.Inlined {
				dst = strconv.AppendUint(append(dst, '+'), f.Offset, 10)
			}
		}
		switch {
		case user && f.Name == "" && f.Module == "":
			dst = append(dst, " ([unknown])"...)
		case user && f.Module != "":
			dst = append(append(append(dst, " ("...), f.Module...), ')')
		case f.Inlined:
			dst = append(dst, " (inlined)"...)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// appendBuildID writes one struct bpf_stack_build_id: 4 bytes status, 20 bytes
// build id, 8 bytes file offset or address.
func appendBuildID(dst, b []byte, off int) []byte {
	if uint32(load(b, off, 4)) != buildIDValid {
		return appendAddr(dst, load(b, off+24, 8))
	}
	var id [20]byte
	copy(id[:], cut(b, off+4, 20))
	dst = hex.AppendEncode(dst, id[:])
	return appendAddr(append(dst, ' '), load(b, off+24, 8))
}
