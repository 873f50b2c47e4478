package graph

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"probe/internal/guest"
)

// scriptPrelude adds to prelude: trace SCRIPT [OPTIONS] starts a script in the
// background and waits until it is attached.
const scriptPrelude = `
trace() {
	: >/tmp/out; : >/tmp/err; printf '%s\n' "$1" >/tmp/s.pr; shift
	probe run "$@" /tmp/s.pr >/tmp/out 2>/tmp/err & p=$!
	i=0
	until grep -q '^Attached\|"attached_probes"' /tmp/out /tmp/err; do
		kill -0 $p 2>/dev/null && [ $i -lt 600 ] || { cat /tmp/out /tmp/err; exit 1; }
		sleep 0.2; i=$((i+1))
	done
}
stop() { kill -INT $p; s=0; wait $p || s=$?; echo "status $s"; cat /tmp/out /tmp/err; }
`

// below are the functions of a route lookup that both sources record. They are
// few: where kprobes cannot be attached in one go, each takes two trampolines,
// and these a tenth of a second.
const below = `only=fib_table_lookup,fib_get_table,fib_lookup_*,ip_route_output_*,__ip_dev_find,xfrm_lookup_*`

func fgraph(source, probe, body string) string {
	return fmt.Sprintf("trace 'config = { fgraph = %s }\n%s %s'", source, probe, body)
}

// numbers are what differs between two calls: durations, pointers, and in
// front of results the columns.
var numbers = regexp.MustCompile(` +\d+\.\d [um]?s +`)

// trees returns the printed trees without times and results.
func trees(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if strings.Contains(line, "─") || strings.HasPrefix(line, " ip_route_output_flow") {
			line, _, _ = strings.Cut(line, "  = ")
			b.WriteString(strings.TrimRight(numbers.ReplaceAllString(strings.TrimRight(line, "\n")+" ", ""), " ") + "\n")
		}
	}
	return b.String()
}

// The same script on the same event prints the same tree from both sources.
func TestScriptSources(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		var got [2]string
		for i, source := range []string{"ftrace", "bpf"} {
			out := same(t, g, scriptPrelude+fgraph(source, "fgraph:ip_route_output_flow:"+below, `/comm == "ping" && is_err(retval)/ {
					printf("%s %s\n", comm, errname(retval)); print(graph); }`)+"\nlose; work; stop")
			match(t, out, []string{
				`^status 0$`, `^ping -ENETUNREACH$`,
				`^ ip_route_output_flow +\d+\.\d [um]s  = -ENETUNREACH$`,
				`^ └─ ip_route_output_key_hash_rcu `,
				`^    ├─ __ip_dev_find `,
				`^    └─ fib_table_lookup `,
			}, "xfrm_lookup", "incomplete", "warning", "rcu_read", "kprobe_", "rethook", "bpf_")
			got[i] = trees(out)
		}
		if got[0] != got[1] {
			t.Errorf("ftrace has\n%s\neBPF has\n%s", got[0], got[1])
		}
	})
}

// few are functions that all mechanisms reach, without patterns that match more.
const few = `only=fib_table_lookup,fib_lookup_good_nhc,ip_route_output_key*,__ip_dev_find,xfrm_lookup_*`

// The same event gives the same tree, whichever way programs reach the functions.
func TestScriptMechanisms(t *testing.T) {
	type mechanism struct{ config, without, why string }
	each(t, func(t *testing.T, g *guest.Guest) {
		list := []mechanism{
			{"", "kprobe_multi,fsession_multi", `below it \d+ functions by (fexit|kretprobe)$`},
			{"attach = fentry", "raw_tracepoint", `below it \d+ functions by fexit$`},
		}
		if g.Kernel.Name != "5.10" { // a program that many share asks for the address
			list = append(list, mechanism{"attach = kprobe", "raw_tracepoint", `below it one kprobe for each of \d+ functions: .+; one kretprobe for each of `})
		}
		if g.Kernel.Name == "6.12" || g.Kernel.Name == "7.2" {
			list = append(list,
				mechanism{"", "raw_tracepoint", `below it kprobe\.session: one program for entry and return of \d+ functions$`},
				mechanism{"", "fsession_multi,kprobe_session", `below it kprobe\.multi: one link for \d+ functions; kretprobe\.multi: one link for \d+ functions$`})
		}
		if g.Kernel.Name == "7.2" {
			list = append(list, mechanism{"", "kprobe_session", `below it fsession\.multi: one program for entry and return of \d+ functions$`})
		}
		first := ""
		for _, m := range list {
			out := same(t, g, scriptPrelude+fmt.Sprintf("trace 'config = { fgraph = bpf; %s } fgraph:ip_route_output_flow:args=on:%s", m.config, few)+
				` /comm == "ping" && is_err(retval)/ { print(graph); }' -v --no-feature `+m.without+"\nlose; stop")
			match(t, out, []string{
				`^status 0$`, m.why,
				`^ ip_route_output_flow\(net=init_net, flp4=0xff\w+, sk=0xff\w+\) +\S+ [um]s  = -ENETUNREACH$`,
				`─ __ip_dev_find\(net=init_net, addr=10\.1\.1\.1, devref=false\) +\S+ (?:us|ms)  = 0xff\w+$`,
				`─ fib_table_lookup\(.+\) +\S+ (?:us|ms)  = (-EAGAIN|1|-ENETUNREACH)$`,
			}, "incomplete", "warning", "not attached")
			got := pointers.ReplaceAllString(trees(out), "P")
			if first == "" {
				first = got
			}
			if got != first {
				t.Errorf("%s without %s has\n%s\nthe first has\n%s", m.config, m.without, got, first)
			}
		}
	})
}

// pointers differ from run to run.
var pointers = regexp.MustCompile(`0x[0-9a-f]+`)

// What of a predicate is known at the entry leaves out other calls there, and the
// rest is as it was.
func TestScriptPredicate(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		const pred = `/comm == "ping" && pid > 1 && uid == 0 && args.sk != 0 && is_err(retval)/`
		for _, attach := range []string{"", "attach = kprobe"} {
			out := same(t, g, scriptPrelude+fmt.Sprintf("trace 'config = { fgraph = bpf; %s }\n", attach)+
				"fgraph:ip_route_output_flow:"+few+" "+pred+` { print(graph); @g = count(); }
				ret:ip_route_output_flow `+pred+` { @r = count(); @d = max(duration); }
				ret:ip_route_output_flow /comm == "nobody" && duration > 0/ { @n = count(); }
				ret:ip_route_output_flow /is_err(retval) && comm == "ping"/ { @all = count(); }'
				lose; work; stop`)
			match(t, out, []string{
				`^status 0$`, `^ ip_route_output_flow +\S+ [um]s  = -ENETUNREACH$`, `─ fib_table_lookup `,
				`^@all: 1$`, `^@g: 1$`, `^@r: 1$`, `^@d: [1-9]\d*$`,
			}, "@n", "missed", "warning", "incomplete")
		}
	})
}

// Results and arguments of the functions below come with programs, and are
// shown by their types.
func TestScriptValues(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, scriptPrelude+fgraph("bpf", "fgraph:ip_route_output_flow:args=on:"+below, `/comm == "ping" && is_err(retval)/ { print(graph); }`)+"\nlose; stop")
		match(t, out, []string{
			`^ ip_route_output_flow\(net=init_net, flp4=0xff\w+, sk=0xff\w+\) +\d+\.\d [um]s  = -ENETUNREACH$`,
			`─ ip_route_output_key_hash_rcu\(net=init_net, .+, skb=NULL\) +\S+ (?:us|ms)  = -ENETUNREACH$`,
			`─ __ip_dev_find\(net=init_net, addr=10\.1\.1\.1, devref=false\) +\S+ (?:us|ms)  = 0xff\w+$`,
			`─ fib_table_lookup\(.+\) +\S+ (?:us|ms)  = (-EAGAIN|1|-ENETUNREACH)$`,
		}, "incomplete", "warning")
		out = same(t, g, scriptPrelude+fgraph("bpf", "fgraph:loopback_xmit:args=on:only=netif_rx*", `/comm == "ping"/ { print(graph); }`)+"\nwork; stop")
		match(t, out, []string{`^ loopback_xmit\(skb=0xff\w+, dev=0xff\w+\) +\S+ (?:us|ms)  = NETDEV_TX_OK$`}, "incomplete")
		if g.Kernel.Name != "7.2" {
			return // the tracer records no arguments
		}
		out = same(t, g, `start ip_route_output_flow --args --failed -n 1 -o /tmp/r.jsonl --for 60s `+quick+`; work; lose; finish; probe show /tmp/r.jsonl`)
		match(t, out, []string{
			`^ ip_route_output_flow\(net=init_net, flp4=0xff\w+, sk=0xff\w+\) `,
			`─ __ip_dev_find\(net=init_net, addr=10\.1\.1\.1, devref=false\) `,
		}, "incomplete")
	})
}

// What arguments point to: of all functions with programs, of the root with the
// tracer.
func TestScriptDeep(t *testing.T) {
	const flow, sock = `\{10\.1\.1\.1 → 192\.0\.2\.1\}`, `10\.1\.1\.1:\d+ → 0\.0\.0\.0`
	each(t, func(t *testing.T, g *guest.Guest) {
		for source, want := range map[string][]string{
			"bpf": {
				`─ ip_route_output_key_hash_rcu\(net=init_net, fl4=` + flow + `, res=0xff\w+, skb=NULL\) `,
				`─ fib_table_lookup\(tb=(main|local), flp=` + flow + `, res=0xff\w+, fib_flags=1\) `,
				`args=deep: functions that take structs`,
			},
			"ftrace": {`─ fib_table_lookup(\(.+\))? `, `args=deep: the tracer cannot follow pointers`},
		} {
			out := same(t, g, scriptPrelude+fgraph(source, "fgraph:ip_route_output_flow:args=deep:"+below, `/comm == "ping" && is_err(retval)/ { print(graph); }`)+" -v\nlose; stop")
			match(t, out, append(want, `^ ip_route_output_flow\(net=init_net, flp4=`+flow+`, sk=`+sock+`\) +\d+\.\d [um]s  = -ENETUNREACH$`), "incomplete", "warning")
		}
		out := same(t, g, scriptPrelude+fgraph("bpf", "fgraph:loopback_xmit:args=deep:only=netif_rx*", `/comm == "ping"/ { print(graph); }`)+"\nwork; stop")
		match(t, out, []string{`^ loopback_xmit\(skb=\{len 98\}, dev=lo\) +\S+ (?:us|ms)  = NETDEV_TX_OK$`}, "incomplete")
	})
}

// As a key of a map a graph is its shape.
func TestScriptShapes(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		for _, source := range []string{"ftrace", "bpf"} {
			out := same(t, g, scriptPrelude+fgraph(source, "fgraph:ip_route_output_flow:"+below, `/comm == "ping"/ {
					@n[graph] = count(); @t[is_err(retval), graph] = stats(duration); @h[graph] = hist(duration); }`)+
				"\nlose; lose; lose; stop")
			match(t, out, []string{
				`^status 0$`, `^@n\[$`, `^    └─ fib_table_lookup\]: 3$`, `^@t\[true,$`,
				`^    └─ fib_table_lookup\]: \{ \.count = 3, \.average = \d+, \.total = \d+ \}$`,
				`^    └─ fib_table_lookup\]:$`,
			}, "incomplete", "no graph", "warning")
		}
	})
}

// A call whose block does not come to use graph leaves nothing behind.
func TestScriptUnused(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		for _, source := range []string{"ftrace", "bpf"} {
			out := same(t, g, scriptPrelude+fgraph(source, "fgraph:ip_route_output_flow:"+below, `/comm == "ping"/ {
					@ = count(); if (retval == 12345) { print(graph); } }`)+"\nlose; stop")
			match(t, out, []string{`^status 0$`, `^@: [1-9]\d*$`}, "─", "warning")
		}
	})
}

// Two probes, one inside of the other, and one that filters for itself.
func TestScriptTwo(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		for _, source := range []string{"ftrace", "bpf"} {
			out := same(t, g, scriptPrelude+fgraph(source, "fgraph:ip_route_output_flow:depth=1:"+below, `/comm == "ping" && is_err(retval)/ { print(graph); }
				fgraph:__ip_dev_find:only=inet_lookup_ifaddr*,inet_addr_hash*,fib_table_lookup,fib_lookup_good_nhc /comm == "ping"/ { @dev[graph] = count(); }`)+"\nlose; stop")
			match(t, out, []string{`^status 0$`, `^ └─ ip_route_output_key_hash_rcu `, `^ __ip_dev_find`, `^@dev\[$`}, "─ fib_table_lookup .*us", "warning")
		}
	})
}

// Graphs are objects in JSON.
func TestScriptJSON(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, scriptPrelude+fgraph("bpf", "fgraph:ip_route_output_flow:"+below, `/comm == "ping" && is_err(retval)/ { print((comm, graph)); }`)+
			` -f json
			lose; stop`)
		match(t, out, []string{`"data": \["ping",\{"function": "ip_route_output_flow", "duration_ns": \d+, "return": "-ENETUNREACH", "calls": \[\{"function": "ip_route_output_key_hash_rcu"`})
	})
}

// A script that is killed together with its watchdog leaves settings behind, and
// the next one puts them back.
func TestScriptKilled(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		script := fgraph("ftrace", "fgraph:ip_route_output_flow:"+below, `{ print(graph); }`)
		out := same(t, g, scriptPrelude+script+`
			w=$(dog); kill -STOP $w; kill -9 $p $w; wait $p 2>/dev/null || true
			echo "left: $(cat $T/set_graph_function)"
			`+script+`
			stop`)
		match(t, out, []string{`^left: ip_route_output_flow$`, `^status 0$`, `restored the tracing settings that process \d+ had left`})
	})
}

// The terminal goes away while the tracer is on.
func TestScriptHangup(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, scriptPrelude+fgraph("ftrace", "fgraph:ip_route_output_flow:"+below, `{ print(graph); }`)+`
			kill -HUP $p; s=0; wait $p || s=$?; echo "status $s"`)
		match(t, out, []string{`^status 0$`})
	})
}

// The ready script.
func TestRouteGraph(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		out := same(t, g, scriptPrelude+`
			: >/tmp/err; probe run --comm ping route_graph -- --failed >/tmp/out 2>/tmp/err & p=$!
			await grep -q '^Attached' /tmp/err
			work; lose; stop`)
		match(t, out, []string{
			`^status 0$`,
			`^[\d:.]+ ping\[\d+\] 10\.1\.1\.1 -> 192\.0\.2\.1  failed: -ENETUNREACH, \d+ us$`,
			`^ ip_route_output_flow +\S+ (?:us|ms)  = -ENETUNREACH$`,
			`^ └─ ip_route_output_key_hash_rcu `,
		}, "over lo", "xfrm_lookup", "warning")
	})
}

// A function of a module, and a pattern of functions that call each other.
func TestScriptModule(t *testing.T) {
	each(t, func(t *testing.T, g *guest.Guest) {
		for _, source := range []string{"ftrace", "bpf"} {
			out := same(t, g, scriptPrelude+fgraph(source, "fgraph:dummy_xmit:only=consume_skb,skb_release_data", `{ @[graph] = count(); }
				fgraph:ip_route_output_*:only=fib_table_lookup /comm == "ping"/ { @w[probe, graph] = count(); }`)+`
				ip link add d0 type dummy; ip addr add 10.9.9.1/24 dev d0; ip link set d0 up
				ip neigh add 10.9.9.2 lladdr 02:00:00:00:00:01 dev d0
				ping -c 1 -W 0.1 10.9.9.2 >/dev/null || true
				stop; ip link del d0`)
			match(t, out, []string{
				`^status 0$`, `^@\[\n dummy_xmit \[dummy\]\n └─ (consume_skb|skb_release_data)`,
				`^@w\[fgraph:ip_route_output_flow,\n ip_route_output_flow\n └─ fib_table_lookup\]: `,
				`^@w\[fgraph:ip_route_output_key_hash_rcu,\n ip_route_output_key_hash_rcu\n └─ fib_table_lookup\]: `,
			}, "no graph", "incomplete")
		}
	})
}
