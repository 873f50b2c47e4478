package value

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"

	"probe/lang/types"
)

// The kernel's struct bpf_stack_build_id (include/uapi/linux/bpf.h).
const (
	buildIDWords = 4
	buildIDValid = 1 // status BPF_STACK_BUILD_ID_VALID
)

// stackAt returns the offset of a stack's id, which its length follows. ok is
// false if the type is not a stack.
func stackAt(t *types.Type) (off int, ok bool) {
	switch {
	case t == nil:
		return 0, false
	case t.Kind == types.UStack:
		return 8, true
	}
	return 0, t.Kind == types.KStack
}

// StackLen returns the number of frames of a captured stack.
func (v Value) StackLen() int {
	off, ok := stackAt(v.T)
	if !ok {
		return 0
	}
	return int(min(load(v.B, off+8, 8), uint64(max(v.T.Limit, 0))))
}

// appendStack writes a newline and one line for each frame (V-STACK rows).
func appendStack(dst []byte, v Value, r Resolver) []byte {
	user := v.T.Kind == types.UStack
	off, _ := stackAt(v.T)
	n, per := v.StackLen(), v.T.FrameWords()
	dst = append(dst, '\n')
	var words []uint64
	if n > 0 {
		words = r.Stack(load(v.B, off, 8), n*per)
	}
	if len(words) < n*per {
		return append(dst, "        <stack not kept>\n"...)
	}
	pid, probe := uint32(load(v.B, 0, 4)), uint32(load(v.B, 4, 4))
	for i := range n {
		if v.T.Mode == types.StackBuildID {
			dst = append(appendBuildID(dst, words[i*per:][:per]), '\n')
			continue
		}
		addr := words[i]
		if addr == math.MaxUint64 {
			return append(dst, "        <unwind failure>\n"...)
		}
		if v.T.Mode == types.StackRaw {
			dst = append(strconv.AppendUint(dst, visibleAddr(addr, r), 16), '\n')
			continue
		}
		var frames []Frame
		if user {
			frames = r.UStackFrame(addr, pid, probe, i > 0)
		} else {
			frames = r.KStackFrame(addr)
		}
		if v.T.Mode == types.StackPerf {
			dst = appendPerfFrames(dst, visibleAddr(addr, r), frames, user)
		} else {
			dst = appendFrames(dst, visibleAddr(addr, r), frames)
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

// appendPerfFrames writes the form of perf script. An address without a symbol
// is repeated in the symbol column, so that every line has the same columns.
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
func appendBuildID(dst []byte, words []uint64) []byte {
	var b [8 * buildIDWords]byte
	for i, w := range words {
		binary.LittleEndian.PutUint64(b[8*i:], w)
	}
	if uint32(words[0]) != buildIDValid {
		return appendAddr(dst, words[3])
	}
	dst = hex.AppendEncode(dst, b[4:24])
	return appendAddr(append(dst, ' '), words[3])
}
