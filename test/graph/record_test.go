package graph

import (
	"testing"

	"probe/internal/guest"
)

// keepPrelude adds to scriptPrelude: keep FILE WHAT records a script while WHAT
// happens. The output of the run is in /tmp/out afterwards.
const keepPrelude = scriptPrelude + `
keep() {
	: >/tmp/err
	probe record -o $1 -e 'config = { fgraph = "bpf" }
		fgraph:ip_route_output_flow:` + below + ` /comm == "ping"/ {
			printf("%s: %s\n", comm, is_err(retval) ? "lost" : "found"); print(graph); @n[graph] = count(); }' >/tmp/out 2>/tmp/err & p=$!
	await grep -q '^Attached' /tmp/err
	$2
}
end() { kill -$1 $p; s=0; wait $p || s=$?; echo "status $s"; }
`

// A script is recorded, shown again, exported, and compared with one of another
// outcome.
func TestScriptRecording(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, keepPrelude+`cd /tmp; rm -f a.jsonl b.jsonl.zst
			keep a.jsonl lose; end INT; grep ^kept err
			probe show a.jsonl >shown
			# Only the lines above and below a tree are more than what was printed.
			grep -v '^[0-9:.]* ping\[[0-9]*\] cpu [0-9]$' shown | grep -v '^$' >x; grep -v '^$' out >y; cmp x y && echo "shown as printed"
			cat shown
			keep b.jsonl.zst work; end INT
			probe show b.jsonl.zst >shown; grep -c '^ping: found$' shown
			echo "packed: $(head -c 4 b.jsonl.zst | od -An -tx1)"
			probe export --format folded a.jsonl
			s=0; probe diff a.jsonl b.jsonl.zst || s=$?; echo "differ $s"
			s=0; probe diff a.jsonl a.jsonl || s=$?; echo "same $s"`)
		match(t, out, []string{
			`^status 0$`, `^kept [1-9]\d* trees? and \d+ events? in a\.jsonl$`, `^shown as printed$`,
			`(?s)^ping: lost\n\d\d:\d\d:\d\d\.\d{6} ping\[\d+\] cpu \d\n ip_route_output_flow +\d+\.\d [um]s  = -ENETUNREACH\n └─ `,
			`(?s)^@n\[\n ip_route_output_flow\n.*\]: [1-9]`,
			`^packed:  28 b5 2f fd$`,
			`^ip_route_output_flow;ip_route_output_key_hash_rcu;fib_table_lookup \d+$`,
			`^  first difference in result: `, `^differ 1$`, `^same 0$`,
		}, "incomplete", "warning", "damaged")
	})
}

// A run that is killed leaves a file that is good up to there.
func TestScriptRecordingKilled(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, keepPrelude+`cd /tmp
			for f in a.jsonl a.jsonl.zst; do
				keep $f lose; await kept $f; end KILL; probe show $f 2>&1
			done`)
		match(t, out, []string{
			`(?s)^ping: lost$.*^ ip_route_output_flow .*^ping: lost$.*^ ip_route_output_flow `,
			`^warning: a\.jsonl: the recording is damaged from line \d+ on: its end is missing; [1-9]\d* trees? before that$`,
			`^warning: a\.jsonl\.zst: the recording is damaged from line \d+ on: .*; [1-9]\d* trees? before that$`,
		})
	})
}
