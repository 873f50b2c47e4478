package lab

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
)

// serverPort is where the server listens, in a namespace of its own.
const serverPort = 7000

// faultLimit is how long a fault may take until the kernel's state shows it.
// The kernel's link watcher (net/core/link_watch.c) may hold an event back for
// a second.
const faultLimit = 5 * time.Second

// routeLoss returns a client with two NICs in one subnet that loses the one its
// connection goes through, in four ways:
//
//	cli eth0 100.1.1.11/24 ── sw c0 ┐
//	cli eth1 100.1.1.12/24 ── sw c1 ┼ bridge ── sw s0 ── srv eth0 100.1.1.21/24
//
// The client is bound to 100.1.1.11. In B and D its traffic goes on over eth1,
// thanks to the weak host model of Linux's IPv4: an address belongs to the
// machine, so it outlives the link (B), is answered for on either NIC, and the
// ARP request that the client sends from it on eth1 tells the server where it
// lives now.
//
// Over IPv6 (fd00:1:1::11 and so on) traffic stops in all four. The kernel
// drops the addresses of a link that is set down (addrconf_ifdown in
// net/ipv6/addrconf.c), so B becomes A. Neither A nor B fail in the route
// lookup, which asks for no source address of this machine
// (ip6_route_output_flags in net/ipv6/route.c): the data leaves over eth1 and
// arrives, as in D. But the server's answers do not: neighbour discovery
// answers only for addresses of the link that was asked (ndisc_recv_ns in
// net/ipv6/ndisc.c), so the server goes on to send to the NIC that is gone.
// What arrives is what TCP repeats, at ever longer intervals.
func routeLoss() Scenario {
	return Scenario{
		Name:  "route-loss",
		Title: "a TCP client with two NICs in one subnet loses the one it uses",
		ends:  []string{"cli", "srv", "sw"},
		build: buildRouteLoss,
		Cases: []Case{
			{
				Name: "A", Title: "ifdown", What: "address removed, then link down",
				fault: ifdownFault,
			},
			{
				Name: "B", Title: "link-down", What: "link set down, which leaves an IPv4 address in place",
				fault:   linkDownFault,
				goesOn4: true,
			},
			{
				Name: "C", Title: "carrier-loss", What: "carrier lost, ignore_routes_with_linkdown=0",
				prepare: func(s *site) error { return ignoreLinkdown(s, "0") },
				fault:   carrierFault,
			},
			{
				Name: "D", Title: "carrier-loss-ignored", What: "carrier lost, ignore_routes_with_linkdown=1",
				prepare: func(s *site) error { return ignoreLinkdown(s, "1") },
				fault:   carrierFault,
				goesOn4: true,
			},
		},
	}
}

// buildRouteLoss makes the network.
func buildRouteLoss(ctx context.Context, n *network, ipv6 bool) (*site, error) {
	addrs := [3]string{"100.1.1.11/24", "100.1.1.12/24", "100.1.1.21/24"}
	if ipv6 {
		addrs = [3]string{"fd00:1:1::11/64", "fd00:1:1::12/64", "fd00:1:1::21/64"}
	}
	cli, srv, sw := n.namespace("cli"), n.namespace("srv"), n.namespace("sw")
	if err := sw.addBridge("br0"); err != nil {
		return nil, err
	}
	wires := []struct {
		port string
		end  *namespace
		nic  string
		addr string
	}{
		{"c0", cli, "eth0", addrs[0]},
		{"c1", cli, "eth1", addrs[1]},
		{"s0", srv, "eth0", addrs[2]},
	}
	for _, w := range wires {
		if err := sw.addPort(w.port, "br0", w.end, w.nic); err != nil {
			return nil, err
		}
		if err := w.end.addAddr(w.nic, netip.MustParsePrefix(w.addr)); err != nil {
			return nil, err
		}
		if err := errors.Join(sw.up(w.port), w.end.up(w.nic)); err != nil {
			return nil, err
		}
	}
	for _, w := range wires {
		if err := w.end.waitLink(ctx, w.nic, "ready", faultLimit, linkReady); err != nil {
			return nil, err
		}
	}
	return &site{
		net: n, ipv6: ipv6,
		client: place{ns: cli, link: "eth0", addr: netip.MustParsePrefix(addrs[0])},
		server: place{ns: srv, link: "eth0", addr: netip.MustParsePrefix(addrs[2]), port: serverPort},
	}, nil
}

// ignoreLinkdown sets whether routes over a link without carrier are skipped.
func ignoreLinkdown(s *site, value string) error {
	family := "ipv4"
	if s.ipv6 {
		family = "ipv6"
	}
	for _, scope := range []string{"all", s.client.link} {
		if err := s.client.ns.sysctl("net."+family+".conf."+scope+".ignore_routes_with_linkdown", value); err != nil {
			return err
		}
	}
	return nil
}

// linkDownFault sets the client's NIC down, as "ip link set eth0 down" does.
func linkDownFault(ctx context.Context, s *site) (string, error) {
	ns, link := s.client.ns, s.client.link
	if err := ns.down(link); err != nil {
		return "", err
	}
	return "ip link set " + link + " down, through netlink", ns.waitLink(ctx, link, "down", faultLimit, linkAdminDown)
}

// carrierFault removes the carrier of the client's NIC by setting the switch's
// end of the wire down.
func carrierFault(ctx context.Context, s *site) (string, error) {
	if err := s.net.namespace("sw").down("c0"); err != nil {
		return "", err
	}
	return "the port c0 of the switch set down, through netlink",
		s.client.ns.waitLink(ctx, s.client.link, "without carrier", faultLimit, linkNoCarrier)
}

// ifdownFault takes the client's NIC out of service with ifdown(8) where
// Debian's ifupdown is installed, and in the same steps where it is not.
func ifdownFault(ctx context.Context, s *site) (string, error) {
	method, err := runIfdown(ctx, s)
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if method, err = ifdownByNetlink(s, err); err != nil {
			return "", err
		}
	}
	if err := ifdownDone(s); err != nil {
		return "", err
	}
	return method, nil
}

// ifdownByNetlink does what ifdown does for a static address. The reason says
// why ifdown did not do it.
func ifdownByNetlink(s *site, reason error) (string, error) {
	ns, link := s.client.ns, s.client.link
	family, flag := netlink.FAMILY_V4, "-4"
	if s.ipv6 {
		family, flag = netlink.FAMILY_V6, "-6"
	}
	held, err := ns.hasAddr(link, s.client.addr.Addr())
	if err != nil {
		return "", err
	}
	if held { // not if an ifdown failed half-way
		if err := ns.delAddr(link, s.client.addr); err != nil {
			return "", err
		}
	}
	if err := ns.flushAddrs(link, family); err != nil {
		return "", err
	}
	if err := ns.down(link); err != nil {
		return "", err
	}
	return "ip addr del " + s.client.addr.String() + ", ip " + flag + " addr flush, ip link set " + link +
		" down, through netlink: " + reason.Error(), nil
}

// ifdownDone returns an error unless the address is gone and the link is down.
func ifdownDone(s *site) error {
	ns, name := s.client.ns, s.client.link
	held, err := ns.hasAddr(name, s.client.addr.Addr())
	if err != nil {
		return err
	}
	if held {
		return errors.New("ifdown left the address " + s.client.addr.String() + " on " + name)
	}
	link, err := ns.link(name)
	if err != nil {
		return err
	}
	if !linkAdminDown(link.Attrs()) {
		return errors.New("ifdown left the link " + name + " up")
	}
	return nil
}
