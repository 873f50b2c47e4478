package check_test

import (
	"fmt"
	"strings"
	"testing"

	"probe/lang/check"
)

const oneLiner = `kprobe:vfs_read { @[comm] = count(); }`

// twentyLines is a script as people write them.
const twentyLines = `
tracepoint:syscalls:sys_enter_open, tracepoint:syscalls:sys_enter_openat /pid != 0/ {
	@filename[tid] = args.filename;
	@start[tid] = nsecs;
}
tracepoint:syscalls:sys_exit_open, tracepoint:syscalls:sys_exit_openat /@filename[tid]/ {
	$ret = args.ret;
	$fd = $ret >= 0 ? $ret : -1;
	$errno = $ret >= 0 ? 0 : -$ret;
	$us = (nsecs - @start[tid]) / 1000;
	if ($us > 1000) {
		@slow[comm, str(@filename[tid])] = count();
	} else {
		@us = hist($us);
	}
	printf("%-6d %-16s %4d %3d %s\n", pid, comm, $fd, $errno, str(@filename[tid]));
	delete(@filename, tid);
	delete(@start, tid);
}
interval:s:10 { time("%H:%M:%S\n"); print(@us); clear(@us); }
end { clear(@filename); clear(@start); }
`

// thousandLines is twentyLines with 50 names for its maps.
func thousandLines() string {
	var sb strings.Builder
	for i := range 50 {
		s := strings.NewReplacer("@filename", fmt.Sprintf("@filename%d", i), "@start", fmt.Sprintf("@start%d", i),
			"@us", fmt.Sprintf("@us%d", i), "@slow", fmt.Sprintf("@slow%d", i)).Replace(twentyLines)
		sb.WriteString(s)
	}
	return sb.String()
}

func BenchmarkCheck(b *testing.B) {
	for _, bc := range []struct{ name, script string }{
		{"one-liner", oneLiner}, {"20-lines", twentyLines}, {"1000-lines", thousandLines()},
	} {
		b.Run("script="+bc.name, func(b *testing.B) {
			in, ds := newInput(b, bc.script)
			if ds.HasErrors() {
				b.Fatal(render(ds))
			}
			b.ReportAllocs()
			for b.Loop() {
				if p, _, ds := check.Check(in); p == nil {
					b.Fatal(render(ds))
				}
			}
		})
	}
}

// BenchmarkInfo measures what a tool waits for after each change of a script.
func BenchmarkInfo(b *testing.B) {
	for _, bc := range []struct{ name, script string }{
		{"20-lines", twentyLines}, {"1000-lines", thousandLines()},
	} {
		b.Run("script="+bc.name, func(b *testing.B) {
			in, ds := newInput(b, bc.script)
			if ds.HasErrors() {
				b.Fatal(render(ds))
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, info, _ := check.Check(in); len(info.Defs()) == 0 {
					b.Fatal("nothing is known")
				}
			}
		})
	}
}
