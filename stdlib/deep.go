package stdlib

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"

	"probe/stdlib/fgraph"
)

// deep are the structs whose members graphs with args=deep show. Supporting
// another struct only takes a row here.
var deep = []fgraph.Deep{
	{Struct: "flowi4", Members: []string{"saddr", "daddr", "__fl_common.flowic_proto", "uli.ports.sport", "uli.ports.dport"}, Text: flow},
	{Struct: "flowi6", Members: []string{"saddr", "daddr", "__fl_common.flowic_proto", "uli.ports.sport", "uli.ports.dport"}, Text: flow},
	{Struct: "iphdr", Members: []string{"saddr", "daddr"}, Text: flow},
	{Struct: "ipv6hdr", Members: []string{"saddr", "daddr"}, Text: flow},
	{Struct: "in6_addr", Members: []string{"in6_u"}, Text: func(m fgraph.Members) string { return address(m["in6_u"]) }},
	{Struct: "in_addr", Members: []string{"s_addr"}, Text: func(m fgraph.Members) string { return address(m["s_addr"]) }},
	{Struct: "sockaddr_in", Members: []string{"sin_addr.s_addr", "sin_port"}, Text: func(m fgraph.Members) string {
		return endpoint(m["sin_addr.s_addr"], port(m["sin_port"]))
	}},
	{Struct: "sockaddr_in6", Members: []string{"sin6_addr", "sin6_port"}, Text: func(m fgraph.Members) string {
		return endpoint(m["sin6_addr"], port(m["sin6_port"]))
	}},
	{Struct: "sock", Text: socket, Members: []string{
		"__sk_common.skc_family", "__sk_common.skc_num", "__sk_common.skc_dport", "__sk_common.skc_rcv_saddr", "__sk_common.skc_daddr",
		"__sk_common.skc_v6_rcv_saddr", "__sk_common.skc_v6_daddr",
	}},
	{Struct: "net_device", Members: []string{"name"}, Text: func(m fgraph.Members) string { return text(m["name"]) }},
	{Struct: "net", Members: []string{"ns.inum"}, Text: func(m fgraph.Members) string { return number(m, "netns ", "ns.inum") }},
	{Struct: "sk_buff", Members: []string{"len"}, Text: func(m fgraph.Members) string { return number(m, "len ", "len") }},
	{Struct: "fib_table", Members: []string{"tb_id"}, Text: func(m fgraph.Members) string {
		if name, ok := tables[m.Uint("tb_id")]; ok {
			return name
		}
		return number(m, "table ", "tb_id")
	}},
	{Struct: "task_struct", Members: []string{"comm", "pid"}, Text: func(m fgraph.Members) string {
		return fmt.Sprintf("%s[%d]", text(m["comm"]), m.Uint("pid"))
	}},
}

// Deep returns the table of structs whose members graphs with args=deep show.
func Deep() []fgraph.Deep { return deep }

// tables are the names of the predefined routing tables (enum rt_class_t).
var tables = map[uint64]string{253: "default", 254: "main", 255: "local"}

// flow formats the source and destination of packets. Protocols without ports
// use the port words for other data, so only those with ports are listed.
func flow(m fgraph.Members) string {
	from, to := address(m["saddr"]), address(m["daddr"])
	switch m.Uint("__fl_common.flowic_proto") {
	case 6, 17, 33, 132, 136: // TCP, UDP, DCCP, SCTP, UDP-Lite
		from, to = endpoint(m["saddr"], port(m["uli.ports.sport"])), endpoint(m["daddr"], port(m["uli.ports.dport"]))
	}
	return "{" + from + " → " + to + "}"
}

// socket formats the two ends of a socket of the internet families.
func socket(m fgraph.Members) string {
	const c = "__sk_common.skc_"
	local, remote := m.Uint(c+"num"), port(m[c+"dport"])
	switch family := m.Uint(c + "family"); family {
	case 0:
		return ""
	case 2:
		return endpoint(m[c+"rcv_saddr"], local) + " → " + endpoint(m[c+"daddr"], remote)
	case 10:
		return endpoint(m[c+"v6_rcv_saddr"], local) + " → " + endpoint(m[c+"v6_daddr"], remote)
	default:
		if name, ok := families[family]; ok {
			return "{" + name + "}"
		}
		return "{family " + strconv.FormatUint(family, 10) + "}"
	}
}

var families = map[uint64]string{1: "unix", 16: "netlink", 17: "packet", 40: "vsock", 44: "xdp"}

// address formats an address of 4 or 16 bytes in network order.
func address(b []byte) string {
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		return "?"
	}
	return a.String()
}

// port decodes a 16-bit number in network order.
func port(b []byte) uint64 {
	if len(b) != 2 {
		return 0
	}
	return uint64(b[0])<<8 | uint64(b[1])
}

// endpoint formats an address with a port. A port of 0 is omitted.
func endpoint(addr []byte, port uint64) string {
	a, ok := netip.AddrFromSlice(addr)
	switch {
	case !ok:
		return "?"
	case port == 0:
		return a.String()
	}
	return netip.AddrPortFrom(a, uint16(port)).String()
}

// text returns a string that ends at a zero byte or with the member.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	quoted := strconv.QuoteToGraphic(string(b)) // names can contain any bytes
	return quoted[1 : len(quoted)-1]
}

func number(m fgraph.Members, what, member string) string {
	if m[member] == nil {
		return ""
	}
	return "{" + what + strconv.FormatUint(m.Uint(member), 10) + "}"
}
