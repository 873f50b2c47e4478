package value

import (
	"strings"
	"testing"

	"probe/lang/types"
)

func TestAppendStack(t *testing.T) {
	const read, inlined, lost = uint64(0xffffffff81000010), uint64(0xffffffff81000020), ^uint64(0)
	kernel := func(mode types.StackMode, frames ...any) Value {
		return stack(false, mode, len(frames), frames...)
	}
	user := func(mode types.StackMode, frames ...any) Value {
		return stack(true, mode, len(frames), frames...)
	}
	id := strings.Repeat("\xab", 19) + "\x01"

	tests := []struct {
		name string
		v    Value
		want string
	}{
		{"V-STACK kernel", kernel(types.StackBpftrace, read, 16), "\n        vfs_read+16\n        0x10\n"},
		{"V-STACK debug info", kernel(types.StackBpftrace, inlined),
			"\n        [inlined] inner@fs/read.c:5\n        ksys_read+32@fs/read.c:9\n"},
		{"V-STACK user", user(types.StackBpftrace, 0x4010, 0x5000, 0x6000), "\n        main+4\n        0x5000\n        0x6000\n"},
		{"V-STACK empty", kernel(types.StackBpftrace), "\n"},
		{"V-STACK count beyond the limit", stack(false, types.StackRaw, 99, 1, 2, 3, 4, 5), "\n1\n2\n3\n4\n"},
		{"V-STACK not kept", Value{T: types.StackType(false, types.StackRaw, 4), B: le(uint64(1)<<40, 3)}, "\n        <stack not kept>\n"},
		{"V-STACK kept in part", stack(false, types.StackRaw, 3, 1, 2), "\n        <stack not kept>\n"},
		{"V-STACK no bytes", Value{T: types.StackType(true, types.StackRaw, 4)}, "\n"},
		{"V-STACKPERF kernel", kernel(types.StackPerf, read, 16), "\n\tffffffff81000010 vfs_read+16\n\t10 0x10\n"},
		{"V-STACKPERF inlined", kernel(types.StackPerf, inlined),
			"\n\tffffffff81000020 inner (inlined)\n\tffffffff81000020 ksys_read+32\n"},
		{"V-STACKPERF user", user(types.StackPerf, 0x4010, 0x5000, 0x6000),
			"\n\t4010 main+4 (/bin/x)\n\t5000 0x5000 (/bin/x)\n\t6000 0x6000 ([unknown])\n"},
		{"V-STACKRAW", kernel(types.StackRaw, read, 16), "\nffffffff81000010\n10\n"},
		{"V-STACKBID", stack(true, types.StackBuildID, 2, uint32(1), id, 0x1234, uint32(2), strings.Repeat("\x00", 20), 0x7f00),
			"\n" + strings.Repeat("ab", 19) + "01 0x1234\n0x7f00\n"},
		{"V-STACKFAIL", user(types.StackBpftrace, 0x4010, lost, 0x4010), "\n        main+4\n        <unwind failure>\n"},
		{"V-STACKFAIL perf", user(types.StackPerf, lost), "\n        <unwind failure>\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := text(tt.v, machine{}); got != tt.want {
				t.Errorf("Text = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestStackLen(t *testing.T) {
	if n := (Value{T: types.StackType(true, types.StackBpftrace, 9), B: le(uint32(1), uint32(2), uint64(77), 3)}).StackLen(); n != 3 {
		t.Errorf("StackLen of a user stack = %d, want 3", n)
	}
	if n := num(types.Int64, 3).StackLen(); n != 0 {
		t.Errorf("StackLen of an integer = %d, want 0", n)
	}
}
