// Package object defines the compiled form of a script as plain data: programs,
// maps, and the schema that the runtime needs to decode their output.
package object

import (
	"encoding/binary"

	"github.com/cilium/ebpf"

	"probe/compiler/builtin"
	"probe/compiler/ir"
	"probe/lang/hir"
	"probe/lang/source"
	"probe/lang/types"
	"probe/lang/value"
)

// Object is a compiled script: plain data, no file descriptor. The same script
// and the same answers about the kernel give the same object.
type Object struct {
	// Spec holds all maps and programs by name. Internal maps are named
	// "p_data", "p_percpu", "p_scratch", "p_ring", StackMap; script maps "m_NAME" (with
	// characters outside [A-Za-z0-9_] replaced); programs "p0", "p1" ….
	Spec     *ebpf.CollectionSpec
	Programs []*Program
	Maps     []*Map // index is hir.Map.Index
	Events   []*RecordLayout
	Errors   []*ErrorSite
	HIR      *hir.Script
	// DataSize and PerCPUStride are the sizes of the internal maps: p_data is
	// DataSize bytes; p_percpu is PerCPUStride bytes for each possible CPU.
	DataSize, PerCPUStride int
	NCPU                   int
	RingSize               int
	// StartOff is the place in p_data where the runtime writes the boot clock
	// in nanoseconds just before the begin probes run (elapsed).
	StartOff int
	// TAIOff is where it writes the TAI clock minus the boot clock.
	TAIOff int
	// StopOff is where it writes 1 when the run ends, so that programs still
	// attached do nothing from then on. It is 0 if no program reads it.
	StopOff int
	// Follow is set when programs look descendants of a process up in FollowMap; nil
	// if none does.
	Follow *Follow
	// Filtered is set when a filter of the command line (-p, --comm) is in the
	// programs.
	Filtered bool
	// Strings are the interned strings by number (strftime formats, filters of
	// cgroup_path, names of sysctl).
	Strings    []string
	StrTrailer string
	// Mangled is set if the names of C++ and Rust functions are shown as they
	// are in the program; Lines is "true" or "false" if the script says whether
	// stacks show lines of the source.
	Mangled bool
	Lines   string
	// MapNames are the names of the maps by the numbers that Program.IR has for
	// them; only with compiler.Config.Interpret.
	MapNames []string
}

// Follow is a process whose descendants are traced as well.
type Follow struct {
	PID int // the process; in the PID namespace of Dev and Ino if these are not 0
	// Dev and Ino are those of the PID namespace of the tracer, 0 in the initial
	// one.
	Dev, Ino uint64
}

// FollowMap is the name of the map with the descendants of a process: one value of
// FollowSize bytes, of which byte N is 1 if process N of the initial PID namespace is
// one. The runtime keeps it, by a program of its own on the forks of all processes.
// FollowSize is PID_MAX_LIMIT, so a process needs no search and no two share a byte.
const (
	FollowMap  = "p_follow"
	FollowSize = 4 << 20
)

// UnwindMap is the name of the map with the table by which dw_ustack() walks the
// stack of a process. Row 0 has the number of the first row of the table, that of its
// rows, 4 bytes of nothing and the process, 4 bytes each. The other rows are those of
// package runtime/machine/live/unwind, where the constants are explained. The runtime
// makes the map as large as it needs.
const (
	UnwindMap = "p_unwind"
	UnwindRow = 16

	UnwindUnknown = 0
	UnwindFromSP  = 1
	UnwindFromBP  = 2
	UnwindAtSP    = 3
	UnwindAtBP    = 4
	UnwindStub    = 5
	UnwindSignal  = 6

	UnwindBPAtBP   = -1 << 31
	UnwindSignalBP = 120
	UnwindSignalSP = 160
	UnwindSignalPC = 168
)

// StackMap is the name of the map with the frames of stacks by id, or the
// prefix of that name if objects share the map.
const StackMap = "p_stacks"

// Role distinguishes the programs of one probe.
type Role uint8

// The roles.
const (
	Main  Role = iota
	Entry      // saves arguments and time for a ret: probe
)

// Program is one BPF program.
type Program struct {
	Name  string // in Spec.Programs
	Role  Role
	Probe *hir.Probe
	Site  *hir.Site // where it is attached: Probe.Site, or its Entry half
	// SampleOff is the offset in p_data of a word n-1: the program looks at one of
	// n events, a power of two, and counts each n times. 0 if it always looks at
	// all.
	SampleOff int
	// Lines maps raw instruction offsets (8-byte slots) to places.
	Lines []source.Span
	Insns int // raw length in 8-byte slots
	// Estimate is the estimated number of instructions that the verifier walks.
	Estimate int
	// Waiting is the estimated number of paths that wait while the verifier
	// walks one.
	Waiting int
	// IR is the program for the interpreter. With it the program has no
	// instructions.
	IR *ir.Prog
}

// StorageKind is the storage of a script map.
type StorageKind uint8

// The storage kinds.
const (
	// StoreGlobal: one value in p_data at Off; a u64 at SetOff is non-zero once
	// it was written.
	StoreGlobal StorageKind = iota
	// StorePerCPU: one aggregation cell (or Buckets counters of 8 bytes) at Off
	// in each CPU's block of p_percpu; a u64 at SetOff of the block is non-zero
	// once this CPU wrote it. SetOff is -1 when the cell itself shows it
	// (count, avg, min, max, histograms: any non-zero byte).
	StorePerCPU
	// StoreHash: a hash map named Spec; values shared by all CPUs.
	StoreHash
	// StorePerCPUHash: a hash map with one value per CPU.
	StorePerCPUHash
)

// Map is one map of the script.
type Map struct {
	Name    string      // without '@'
	Key     *types.Type // nil for scalar maps
	Value   *types.Type
	Storage StorageKind
	Off     int
	SetOff  int
	Buckets int    // multi-bucket aggregations: how many
	Spec    string // name in Object.Spec.Maps
	// BucketInKey: the hash key is the script's key (KeySize bytes, rounded up
	// to 8) followed by an 8-byte bucket number; the value is the bucket's cell.
	BucketInKey bool
	KeySize     int // bytes of the script's key in the hash key
	ValueSize   int // bytes of one cell
	// Front is the table in p_percpu in front of the hash, nil if there is none.
	Front *Front
}

// Front is the layout of a table with cells of some of the keys of a hash, at Off of
// each CPU's block of p_percpu: Slots slots of Size bytes. A slot has a key, of KeySize
// bytes at Key, and its cell at Cell, if the uint32 at Ready is FrontReady. Slots begin
// with 8 bytes that are 0 in a free slot, Ready among them.
type Front struct {
	Off, Slots, Size, Ready, Key, KeySize, Cell int
	// Resets reports whether the map is cleared or zeroed while programs run.
	Resets bool
}

// What the uint32 at Ready of a slot can be, beside 0. Programs and readers pass over a
// slot in any other state than FrontReady.
const (
	FrontReady   = 1
	FrontRetired = 2 // its key has been cleared or zeroed; programs may still be adding to the cell
)

// Cells calls f with the key and the cell of each slot in use of all CPUs. mem is the
// content of p_percpu, stride the size of a CPU's block.
func (t *Front) Cells(mem []byte, stride int, f func(key, cell []byte)) {
	t.Used(mem, stride, func(slot []byte) { f(slot[t.Key:][:t.KeySize], slot[t.Cell:]) })
}

// Used calls f with each slot in use of all CPUs.
func (t *Front) Used(mem []byte, stride int, f func(slot []byte)) {
	if t == nil || stride <= 0 || t.Off+t.Slots*t.Size > stride {
		return
	}
	for at := 0; at+stride <= len(mem); at += stride {
		for i := range t.Slots {
			slot := mem[at+t.Off+i*t.Size:][:t.Size:t.Size]
			if binary.NativeEndian.Uint32(slot[t.Ready:]) == FrontReady {
				f(slot)
			}
		}
	}
}

// RecordLayout describes the records of one call of an asynchronous function. A
// record in the ring buffer starts with a u32, the ID; arguments follow at their
// offsets.
type RecordLayout struct {
	ID     int
	Fn     *builtin.Func
	Call   *builtin.CallInfo
	Format []value.Spec
	Args   []RecordField
	Size   int // bytes of the whole record
	// SpareOff is the place in p_data of a record that the run cannot do without
	// (builtin.UserHalf.Wake) and that had no room in the ring: a word, and
	// SpareHead bytes behind it the record. The word is 0 for none, else 1 + the
	// position in the ring that the record would have had. SpareOff is 0 for
	// records that are counted as lost.
	SpareOff int
}

// SpareHead is the size of the word in front of a spare record.
const SpareHead = 8

// RecordField is one argument in a record.
type RecordField struct {
	Type *types.Type
	Off  int
	// Literal marks an argument written in the script, which is never escaped.
	Literal bool
}

// ErrorSite is one place where a run-time error is counted: a u64 at Off of
// p_data.
type ErrorSite struct {
	Kind   builtin.ErrorKind
	Off    int
	At     source.Span
	Probe  string // full name
	Map    string // for map errors, without '@'
	Helper string // name of the helper that failed, "" if none
	// Coded says that the word after the counter has what the helper returned
	// last: a negative error number in the lower half.
	Coded bool
}
