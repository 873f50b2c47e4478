package graph

import (
	"testing"

	"probe/internal/guest"
)

// A script is recorded. Where there is no kernel to ask, neither /proc nor /sys,
// the same script prints the same over
// the file, another one what it wants to know.
func TestReplay(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, keepPrelude+`cd /tmp; rm -rf r.jsonl.zst jail; mkdir jail
			: >err; cat >r.pr <<'X'
config = { fgraph = "bpf" }
begin { printf("begin\n"); }
fgraph:ip_route_output_flow:args=on:`+below+` /comm == "ping"/ {
	printf("%s %d: %e, key at %p\n", comm, tid, retval, args.flp4);
	print(graph); print((args.net, probe, is_err(retval)));
	@shapes[graph] = count(); @long = hist(duration / 1000000000); @results[errname(retval)] = sum(1);
}
end { printf("end\n"); }
X
			probe record -o r.jsonl.zst r.pr >out 2>err & p=$!
			i=0
			until grep -q '^Attached' err; do
				kill -0 $p 2>/dev/null && [ $i -lt 900 ] || { cat err; exit 1; }
				sleep 0.1; i=$((i+1))
			done
			lose; work; end INT; grep ^kept err
			cp r.jsonl.zst r.pr /bin/probe jail/
			chroot jail /probe run --strict --replay r.jsonl.zst r.pr >again 2>err; cat err
			diff out again && echo "printed again"
			probe run --replay r.jsonl.zst -e 'ret:fib_table_lookup { @[comm, errname(retval)] = count(); } kprobe:vfs_read { }' 2>&1`)
		match(t, out, []string{
			`^status 0$`, `^kept [1-9]\d* trees and \d+ events in r\.jsonl\.zst$`, `^printed again$`,
			`^@\[ping, (0|-EAGAIN|-ENETUNREACH)\]: \d+$`, `^warning\[not-in-recording\]: kprobe: probes cannot run over a recording$`,
		}, "incomplete", "error", "not complete")
	})
}
