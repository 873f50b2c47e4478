package scripts

// cases are what is done to the network, and what a script has to say about
// it. Patterns of want must match its output, those of absent must not; newer
// is for kernels with drop reasons, old for 5.10, which has none.
var cases = []struct {
	name, script    string
	before, provoke string
	want            []string
	newer, old      []string
	absent          []string
}{
	{
		name: "route_churn", script: "route_churn",
		provoke: `
			ip -n cli route add 10.9.0.0/16 via 10.1.0.2
			ip -n cli route add blackhole 10.8.0.0/16
			ip -n cli route add prohibit 10.7.0.0/16 table 100
			ip -n cli route add 10.9.0.0/16 via 10.1.0.2 2>/dev/null # refused: it exists
			ip -n cli -6 route add fd09::/64 via fd01::2
			ip -n cli -6 route add unreachable fd08::/64
			ip -n cli rule add from 10.1.0.7 table 100
			ip -n cli rule add from 10.1.0.8 prohibit
			ip -n cli addr add 10.5.0.1/24 dev eth0
			ip -n cli addr del 10.5.0.1/24 dev eth0
			ip -n cli route flush cache
			ip -n cli route flush table 100
			ip -n cli link set eth0 down
			ip -n cli rule del from 10.1.0.7 table 100`,
		want: []string{
			`(?m)^[\d:.]{15} ip +\d+ +bash +\d+ +\d+ +\+ route 10\.9\.0\.0/16 via 10\.1\.0\.2 dev eth0 table MAIN$`,
			`ip +\d+ +bash .* \+ route 10\.8\.0\.0/16 BLACKHOLE table MAIN\n`,
			`\+ route 10\.7\.0\.0/16 PROHIBIT table 100\n`,
			`\+ route fd09::/64 via fd01::2 dev eth0 table MAIN\n`,
			`\+ route fd08::/64 dev lo UNREACHABLE table MAIN\n`,
			`\+ rule IPv4 to table 100\n`,
			`\+ rule IPv4 PROHIBIT\n`,
			`\+ address 10\.5\.0\.1/24 on eth0\n`,
			`\+ route 10\.5\.0\.1/32 dev eth0 LOCAL table LOCAL\n`,
			`- address 10\.5\.0\.1/24 on eth0\n`,
			`- route 10\.5\.0\.0/24 dev eth0 UNICAST table MAIN\n`,
			`~ cached routes forgotten by request \(net\.ipv4\.route\.flush\)\n`,
			`- route 10\.7\.0\.0/16 PROHIBIT table 100\n`,
			`ip +\d+ .* ~ device eth0 was taken down\n(.*\n)*.*~ IPv4 routes over eth0 are out of use \(\d+\)\n(.*\n)*.*- flush: 2 routes out of use removed from table MAIN\n`,
			`- route fd09::/64 via fd01::2 dev eth0 table MAIN\n`,
			`- address fd01::1/64 on eth0\n`,
			`- rule IPv4 to table 100\n`,
			`(?m)^@changes\[ip, bash, rules added\]: 2$`,
			`(?m)^@changes\[ip, bash, tables flushed\]: 2$`,
			`(?m)^@changes\[ip, bash, addresses added\]: 1$`,
			`(?m)^@changes\[ip, bash, cached IPv4 routes invalidated\]: \d+$`,
		},
		absent: []string{`\+ route 10\.9\.0\.0/16[^\n]*\n(.*\n)*[^\n]*\+ route 10\.9\.0\.0/16`},
	},
	{
		name: "route_latency", script: "route_latency",
		before: `
			ip -n cli route add unreachable 10.3.0.0/16
			ip -n cli route add prohibit 10.4.0.0/16
			ip -n cli route add blackhole 10.6.0.0/16`,
		provoke: `
			for i in 1 2 3; do connect cli 10.1.0.2 80; done; connect cli fd01::2 80
			for a in 10.3.0.1 10.4.0.1 10.6.0.1 10.2.0.1 fd77::1; do connect cli $a 80; done`,
		want: []string{
			`(?m)^@failed_ns\[IPv4, -EHOSTUNREACH, bash\]: \{ \.count = 1, \.average = \d{4,}, \.total = \d+ \}$`,
			`(?m)^@failed_ns\[IPv4, -EACCES, bash\]: \{ \.count = 1,`,
			`(?m)^@failed_ns\[IPv4, -EINVAL, bash\]: \{ \.count = 1,`,
			`(?m)^@failed_ns\[IPv4, -ENETUNREACH, bash\]: \{ \.count = 1,`,
			`(?m)^@failed_ns\[IPv6, -ENETUNREACH, bash\]: \{ \.count = \d,`,
			`(?m)^@found_ns\[IPv4\]:\n\[\d+[KM]?, \d+[KM]?\) +[1-9]`,
			`(?m)^@found_ns\[IPv6\]:\n\[\d+[KM]?, \d+[KM]?\) +[1-9]`,
			`(?m)^@lookups\[IPv4, bash\]: \d\d$`,
		},
		absent: []string{`@slow_ns`},
	},
	{
		name: "slow lookups", script: "route_latency -- --slow=0",
		before:  `ip -n cli route add unreachable 10.3.0.0/16`,
		provoke: `connect cli 10.1.0.2 80; connect cli 10.3.0.1 80; connect cli fd01::2 80`,
		want: []string{
			`(?m)^[\d:.]{15} bash\[\d+\] IPv4 lookup 10\.1\.0\.1 -> 10\.1\.0\.2 took \d+ us: over eth0$`,
			`(?m)^[\d:.]{15} bash\[\d+\] IPv4 lookup 0\.0\.0\.0 -> 10\.3\.0\.1 took \d+ us: -EHOSTUNREACH$`,
			`IPv6 lookup fd01::1 -> fd01::2 took \d+ us: over eth0`,
		},
	},
	{
		name: "neigh_fail", script: "neigh_fail",
		before: `
			ip -n srv addr add 10.1.0.50/24 dev eth0; at cli ping -c 1 -W 2 10.1.0.50 >/dev/null
			ip -n srv addr del 10.1.0.50/24 dev eth0; ip -n cli neigh change 10.1.0.50 dev eth0 nud stale`,
		provoke: `
			at cli ping -c 3 -i 0.2 -W 5 10.1.0.99 >/dev/null & a=$!
			at cli ping -c 2 -i 0.2 -W 5 fd01::99 >/dev/null & b=$!
			at cli ping -c 2 10.1.0.2 >/dev/null
			at cli ping -c 1 -W 1 10.1.0.50 >/dev/null
			wait $a $b; await 'eth0 +10.1.0.50'`,
		want: []string{
			`(?m)^[\d:.]{15} eth0 +10\.1\.0\.99 +incomplete -> failed +3 in +[23]\d\d\d ms +3 +3 ping\[\d+\]$`,
			`(?m)^[\d:.]{15} eth0 +fd01::99 +incomplete -> failed +3 in +[23]\d\d\d ms +2 +2 ping\[\d+\]$`,
			`(?m)^[\d:.]{15} eth0 +10\.1\.0\.50 +probe +-> failed +3 in +\d{4} ms +1 +0 ping\[\d+\]$`,
			`(?m)^@dropped_waiting\[eth0, 10\.1\.0\.99\]: 3$`,
			`(?m)^@failures\[eth0, fd01::99\]: 1$`,
		},
		absent: []string{`10\.1\.0\.2[^0-9]`, `@asked`, `@who`},
	},
	{
		name: "tcp_no_route connect", script: "tcp_no_route",
		before: `
			ip -n cli route add unreachable 10.3.0.0/16
			ip -n cli route add prohibit 10.4.0.0/16
			ip -n cli route add blackhole 10.6.0.0/16
			ip -n cli route add prohibit 10.5.0.0/16 table 100`,
		provoke: `
			connect cli 10.1.0.2 80 # refused by the other side: a route is there
			for a in 10.3.0.1 10.4.0.1 10.6.0.1 10.2.0.1 fd77::1 10.1.0.99; do connect cli $a 80; done
			ip -n cli rule add to 10.5.0.0/16 table 100
			connect cli 10.5.0.1 80; connect cli 10.1.0.2 80; connect cli 10.1.0.2 80`,
		want: []string{
			`(?m)^[\d:.]{15} bash +\d+ +connect\(\) to 10\.3\.0\.1:80 failed: -EHOSTUNREACH: table MAIN has an unreachable route for it$`,
			`connect\(\) to 10\.4\.0\.1:80 failed: -EACCES: table MAIN has a prohibit route for it\n`,
			`connect\(\) to 10\.6\.0\.1:80 failed: -EINVAL: table MAIN has a blackhole route for it\n`,
			`connect\(\) to 10\.2\.0\.1:80 failed: -ENETUNREACH: no table has a route to it, MAIN was asked last\n`,
			`connect\(\) to \[fd77::1\]:80 failed: -ENETUNREACH: no table has a route to it`,
			`connect\(\) to 10\.5\.0\.1:80 failed: -EACCES: table 100 has a prohibit route for it\n`,
			`10\.1\.0\.1:\d+ -> 10\.1\.0\.99:80  given up: the program gets -EHOSTUNREACH; it was SYN_SENT\n`,
			`(?m)^@failed_connects\[bash, -EHOSTUNREACH, 10\.3\.0\.1, 80\]: 1$`,
			`which program owns a connection that a timer works for`,
		},
		newer:  []string{`10\.1\.0\.1:\d+ -> 10\.1\.0\.99:80  a packet of it was dropped in neigh_invalidate: NEIGH_FAILED\n`},
		old:    []string{`10\.1\.0\.1:\d+ -> 10\.1\.0\.99:80  a packet of it was dropped in neigh_invalidate: this kernel does not say why\n`},
		absent: []string{`10\.1\.0\.2[^0-9]`, `no device has`, `@round`, `@last`, `@said`, `@trouble`, `@missing`},
	},
	{
		name: "tcp_no_route established", script: "tcp_no_route",
		before: `
			ip -n srv addr add 10.77.0.1/32 dev lo; ip -n srv addr add 10.78.0.1/32 dev lo
			ip -n srv addr add 10.79.0.1/32 dev lo
			for n in 77 78 79; do ip -n cli route add 10.$n.0.0/24 via 10.1.0.2; done
			ip -n cli addr add 10.1.0.9/24 dev eth0; ip -n cli route add 10.80.0.0/24 via 10.1.0.2 src 10.1.0.9
			ip -n srv addr add 10.80.0.1/32 dev lo
			ip -n srv addr add 10.81.0.1/32 dev lo; ip -n cli route add 10.81.0.0/24 via 10.1.0.2
			ip -n srv addr add fd82::1/128 dev lo; ip -n cli route add fd82::/64 via fd01::2`,
		provoke: `
			talk 10.77.0.1 77; talk 10.78.0.1 78; talk 10.79.0.1 79; talk 10.80.0.1 80
			talk ::ffff:10.81.0.1 81; talk fd82::1 82
			ip -n cli route del 10.81.0.0/24; ip -n cli route del fd82::/64
			await '10.81.0.1:81 .*no table'; await 'fd82::1.:82 .*no table'
			ip -n cli route del 10.77.0.0/24
			await '10.77.0.1:77 .*no table'
			ip -n cli route replace unreachable 10.78.0.0/24
			await '10.78.0.1:78 .*unreachable'
			ip -n cli addr del 10.1.0.9/24 dev eth0
			await '10.80.0.1:80 .*no device'
			sleep 1`,
		want: []string{
			`10\.1\.0\.1:\d+ -> 10\.77\.0\.1:77  no table has a route to it\n`,
			`10\.1\.0\.1:\d+ -> 10\.78\.0\.1:78  table MAIN has an unreachable route for it\n`,
			`10\.1\.0\.1:\d+ -> 10\.81\.0\.1:81  no table has a route to it\n`,
			`\[fd01::1\]:\d+ -> \[fd82::1\]:82  no table has a route to it\n`,
			`10\.1\.0\.9:\d+ -> 10\.80\.0\.1:80  no route, and no table was asked: no device has 10\.1\.0\.9 any more\n`,
			`(?m)^@findings\[no route, 10\.1\.0\.1, \d+, 10\.77\.0\.1, 77\]: [1-9]\d*$`,
			`(?m)^@findings\[refused by a route, 10\.1\.0\.1, \d+, 10\.78\.0\.1, 78\]: [1-9]\d*$`,
		},
		absent: []string{
			`10\.79\.0\.1`, `connect\(\) to`,
			`(?s)10\.77\.0\.1:77  no table.*10\.77\.0\.1:77  no table`, // said once
		},
	},
	{
		name: "tcp_no_route carrier", script: "tcp_no_route",
		provoke: `
			talk 10.1.0.2 99
			ip -n srv link set eth0 down
			await 'no carrier'`,
		want: []string{`10\.1\.0\.1:\d+ -> 10\.1\.0\.2:99  retransmits over eth0, which has no carrier: its route is used all the same\n`},
	},
	{
		name: "drops", script: "drops",
		before: `
			at cli sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1
			ip -n cli route add unreachable 10.3.0.0/16
			ip -n srv route add 10.2.0.0/16 via 10.1.0.1; ip -n srv route add 10.3.0.0/16 via 10.1.0.1
			ip -n srv addr add 10.66.0.1/32 dev lo`,
		provoke: `
			connect cli 10.1.0.99 80
			at srv ping -c 2 -i 0.2 -W 1 10.2.0.1 >/dev/null; at srv ping -c 1 -W 1 10.3.0.1 >/dev/null
			at srv ping -c 1 -W 1 -I 10.66.0.1 10.1.0.1 >/dev/null
			at srv bash -c 'echo hi >/dev/udp/10.1.0.1/777'
			at srv bash -c 'echo hi >/dev/udp/fd01::1/777'
			at srv ping -c 2 -i 0.2 10.1.0.1 >/dev/null`,
		newer: []string{
			`(?m)^[\d:.]{15} NEIGH_FAILED +neigh_invalidate +eth0 +TCP 10\.1\.0\.1:\d+ -> 10\.1\.0\.99:80$`,
			`IP_INNOROUTES +ip_error +eth0 +ICMP 10\.1\.0\.2 -> 10\.2\.0\.1\n`,
			`NOT_SPECIFIED +ip_error +eth0 +ICMP 10\.1\.0\.2 -> 10\.3\.0\.1\n`,
			`IP_RPFILTER +ip_rcv_finish_core\S* +eth0 +ICMP 10\.66\.0\.1 -> 10\.1\.0\.1\n`,
			`NO_SOCKET +\S+ +eth0 +UDP 10\.1\.0\.2:\d+ -> 10\.1\.0\.1:777\n`,
			`NO_SOCKET +\S+ +eth0 +UDP \[fd01::2\]:\d+ -> \[fd01::1\]:777\n`,
			`(?m)^@drops\[IP_RPFILTER, ip_rcv_finish_core\S*, ICMP, 10\.66\.0\.1, 0, 10\.1\.0\.1, 0\]: 1$`,
			`(?m)^@drops\[IP_INNOROUTES, ip_error, ICMP, 10\.1\.0\.2, 0, 10\.2\.0\.1, 0\]: 2$`,
		},
		old: []string{
			`This kernel does not say why it drops a packet`,
			`(?m)^[\d:.]{15} - +neigh_invalidate +eth0 +TCP 10\.1\.0\.1:\d+ -> 10\.1\.0\.99:80$`,
			`- +ip_error +eth0 +ICMP 10\.1\.0\.2 -> 10\.2\.0\.1\n`,
			`- +ip_rcv_finish_core\S* +eth0 +ICMP 10\.66\.0\.1 -> 10\.1\.0\.1\n`,
			`- +__udp4_lib_rcv +eth0 +UDP 10\.1\.0\.2:\d+ -> 10\.1\.0\.1:777\n`,
			`(?m)^@drops\[-, ip_error, ICMP, 10\.1\.0\.2, 0, 10\.2\.0\.1, 0\]: 2$`,
		},
		// Delivered packets are not dropped.
		absent: []string{`ICMP 10\.1\.0\.2 -> 10\.1\.0\.1\n`, `@seen`, `@lines`},
	},
	{
		name: needsNft, script: "drops",
		before: `
			at cli nft -f - <<-N
				table ip t { chain c { type filter hook input priority 0; tcp dport 999 ct state new drop; }; }
			N`,
		provoke: `connect srv 10.1.0.1 999 & await ':999$'; connect srv 10.1.0.1 998`,
		newer:   []string{`NETFILTER_DROP +\S+ +eth0 +TCP 10\.1\.0\.2:\d+ -> 10\.1\.0\.1:999\n`},
		old:     []string{`- +nf_hook_slow +eth0 +TCP 10\.1\.0\.2:\d+ -> 10\.1\.0\.1:999\n`},
		absent:  []string{`NETFILTER_DROP [^\n]*:998`, `nf_hook_slow [^\n]*:998`},
	},
}
