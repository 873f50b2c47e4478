package stdlib

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"probe/stdlib/fgraph"
)

// le returns the bytes of a number, net those of an address.
func le(n uint64, size int) []byte {
	return binary.LittleEndian.AppendUint64(nil, n)[:size]
}

func net(addr string) []byte { return netip.MustParseAddr(addr).AsSlice() }

// Each row of the table has a test.
func TestDeep(t *testing.T) {
	const c, proto, sport, dport = "__sk_common.skc_", "__fl_common.flowic_proto", "uli.ports.sport", "uli.ports.dport"
	tested := map[string]bool{}
	for _, tt := range []struct {
		name string
		m    fgraph.Members
		want string
	}{
		{"flowi4", fgraph.Members{"saddr": net("100.1.1.11"), "daddr": net("100.1.1.21"), proto: {1}, sport: {8, 0}, dport: {0, 0}}, "{100.1.1.11 → 100.1.1.21}"},
		{"flowi4", fgraph.Members{"saddr": net("10.0.0.2"), "daddr": net("10.0.0.1"), proto: {6}, sport: {0x10, 0x92}, dport: {0, 80}}, "{10.0.0.2:4242 → 10.0.0.1:80}"},
		{"flowi4", fgraph.Members{"daddr": net("10.0.0.1"), proto: {17}, dport: {0, 53}}, "{? → 10.0.0.1:53}"},
		{"flowi6", fgraph.Members{"saddr": net("::"), "daddr": net("2001:db8::1"), proto: {17}, sport: {0, 0}, dport: {0, 53}}, "{:: → [2001:db8::1]:53}"},
		{"iphdr", fgraph.Members{"saddr": net("10.0.0.2"), "daddr": net("10.0.0.1")}, "{10.0.0.2 → 10.0.0.1}"},
		{"ipv6hdr", fgraph.Members{"saddr": net("fe80::1"), "daddr": net("ff02::2")}, "{fe80::1 → ff02::2}"},
		{"in6_addr", fgraph.Members{"in6_u": net("fe80::1")}, "fe80::1"},
		{"in_addr", fgraph.Members{"s_addr": net("10.0.0.1")}, "10.0.0.1"},
		{"sockaddr_in", fgraph.Members{"sin_addr.s_addr": net("10.0.0.1"), "sin_port": {0, 80}}, "10.0.0.1:80"},
		{"sockaddr_in6", fgraph.Members{"sin6_addr": net("::1"), "sin6_port": {0, 0}}, "::1"},
		{"sock", fgraph.Members{c + "family": le(2, 2), c + "num": le(4242, 2), c + "dport": {0, 80}, c + "rcv_saddr": net("10.0.0.2"), c + "daddr": net("10.0.0.1")}, "10.0.0.2:4242 → 10.0.0.1:80"},
		{"sock", fgraph.Members{c + "family": le(10, 2), c + "num": le(22, 2), c + "v6_rcv_saddr": net("::"), c + "v6_daddr": net("::")}, "[::]:22 → ::"},
		{"sock", fgraph.Members{c + "family": le(10, 2), c + "num": le(22, 2)}, "? → ?"}, // a kernel without IPv6
		{"sock", fgraph.Members{c + "family": le(16, 2)}, "{netlink}"},
		{"sock", fgraph.Members{c + "family": le(29, 2)}, "{family 29}"},
		{"sock", fgraph.Members{c + "family": le(0, 2)}, ""},
		{"net_device", fgraph.Members{"name": []byte("veth0\x00garbage")}, "veth0"},
		{"net_device", fgraph.Members{"name": []byte("a\nb\"c\x00")}, `a\nb\"c`},
		{"net", fgraph.Members{"ns.inum": le(4026532001, 4)}, "{netns 4026532001}"},
		{"net", fgraph.Members{}, ""},
		{"sk_buff", fgraph.Members{"len": le(1500, 4)}, "{len 1500}"},
		{"fib_table", fgraph.Members{"tb_id": le(254, 4)}, "main"},
		{"fib_table", fgraph.Members{"tb_id": le(100, 4)}, "{table 100}"},
		{"task_struct", fgraph.Members{"comm": []byte("ping\x00"), "pid": le(7, 4)}, "ping[7]"},
	} {
		tested[tt.name] = true
		for _, row := range Deep() {
			if row.Struct != tt.name {
				continue
			}
			if got := row.Text(tt.m); got != tt.want {
				t.Errorf("%s %q = %q, want %q", tt.name, tt.m, got, tt.want)
			}
			for path := range tt.m {
				found := false
				for _, p := range row.Members {
					found = found || p == path
				}
				if !found {
					t.Errorf("the row of %s does not read %s", tt.name, path)
				}
			}
		}
	}
	for _, row := range Deep() {
		if !tested[row.Struct] {
			t.Errorf("the row of %s has no test", row.Struct)
		}
		// What a kernel lacks must not stop it.
		row.Text(fgraph.Members{})
	}
}
