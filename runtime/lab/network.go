package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A network is a set of namespaces and the links between them. Its methods say
// what they did to trace, in the words of ip(8) and sysctl(8), so that a reader
// can do the same by hand.
type network struct {
	name   string // claimed by claimName; the namespaces are called name-cli and so on
	dir    string // files that live as long as the network
	trace  func(format string, args ...any)
	spaces []*namespace
}

// A namespace is one network namespace of the lab.
type namespace struct {
	name   string // as ip-netns(8) knows it
	fd     int
	handle *netlink.Handle // sends its requests inside this namespace
	inode  uint64
	trace  func(format string, args ...any)
	links  []string // made in here, in order
}

// newNetwork claims a name and makes the namespaces asked for, with the
// loopback link up and the settings that matter at the kernel's defaults. On
// error nothing is left behind.
func newNetwork(trace func(string, ...any), ends ...string) (n *network, err error) {
	name, dir, err := claimName()
	if err != nil {
		return nil, err
	}
	n = &network{name: name, dir: dir, trace: trace}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	for _, end := range ends {
		if err := n.addNamespace(end); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// addNamespace makes one namespace, named after the network and end.
func (n *network) addNamespace(end string) error {
	name := n.name + "-" + end
	fd, err := createNetns(name)
	if err != nil {
		return err
	}
	// From here on close removes the namespace, whatever fails below.
	ns := &namespace{name: name, fd: fd, trace: n.trace}
	n.spaces = append(n.spaces, ns)
	n.trace("ip netns add %s", name)

	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return fmt.Errorf("look at the network namespace %s: %w", name, err)
	}
	ns.inode = stat.Ino
	if ns.handle, err = netlink.NewHandleAt(netns.NsHandle(fd), unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open a netlink socket in %s: %w", name, err)
	}
	if err := ns.setDefaults(); err != nil {
		return err
	}
	return ns.up("lo")
}

// namespace returns the namespace of the given end ("cli").
func (n *network) namespace(end string) *namespace {
	for _, ns := range n.spaces {
		if ns.name == n.name+"-"+end {
			return ns
		}
	}
	panic("lab: the network has no namespace " + end)
}

// close removes all links and namespaces. It is safe on a half-built network
// and goes on after errors.
func (n *network) close() error {
	var errs []error
	for _, ns := range n.spaces {
		// Removing the links by hand does not wait for the kernel's own
		// clean-up of a namespace, which a socket in a late TCP state can hold
		// up.
		if ns.handle != nil {
			for _, name := range ns.links {
				link, err := ns.handle.LinkByName(name)
				if err != nil {
					continue // removed with its peer
				}
				if err := ns.handle.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
					errs = append(errs, fmt.Errorf("delete the link %s in %s: %w", name, ns.name, err))
				}
			}
			ns.handle.Close()
		}
		unix.Close(ns.fd)
		if err := deleteNetns(ns.name); err != nil {
			errs = append(errs, err)
			continue
		}
		n.trace("ip netns del %s", ns.name)
	}
	n.spaces = nil
	if err := os.RemoveAll(n.dir); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// do runs f in a thread that is inside the namespace.
func (ns *namespace) do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(ns.fd, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the network namespace %s: %w", ns.name, err)
		}
		return f()
	})
}

// sysctl writes a setting of the namespace, given in the dotted form of
// sysctl(8). No link name in a lab holds a dot.
func (ns *namespace) sysctl(key, value string) error {
	if err := ns.writeSysctl(key, value); err != nil {
		return err
	}
	ns.trace("ip netns exec %s sysctl -w %s=%s", ns.name, key, value)
	return nil
}

// writeSysctl is sysctl without a line in the trace.
func (ns *namespace) writeSysctl(key, value string) error {
	path := filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
	err := ns.do(func() error { return os.WriteFile(path, []byte(value), 0) })
	if errors.Is(err, unix.EROFS) {
		return &HostError{
			Op: fmt.Sprintf("set %s to %s in %s", key, value, ns.name), Err: err,
			Help: "/proc/sys must be writable: in a container, start it with --privileged",
		}
	}
	if err != nil {
		return fmt.Errorf("set %s to %s in %s: %w", key, value, ns.name, err)
	}
	return nil
}

// setDefaults writes the kernel's own defaults for what decides whether traffic
// goes on after a fault. IPv4 settings of a new namespace are copies of the
// host's (inet_init_net in net/ipv4/devinet.c), and many hosts change these.
// Links created later start with the values of "default"; for most settings the
// kernel uses the larger of "all" and the link's own value, or either of them
// if it is set.
func (ns *namespace) setDefaults() error {
	families := []struct {
		family   string
		settings []string
	}{
		{"ipv4", []string{"rp_filter", "arp_ignore", "arp_announce", "arp_filter", "ignore_routes_with_linkdown"}},
		{"ipv6", []string{"disable_ipv6", "keep_addr_on_down", "ignore_routes_with_linkdown"}},
	}
	for _, f := range families {
		if _, err := os.Stat("/proc/sys/net/" + f.family); err != nil && f.family == "ipv6" {
			continue // a kernel without IPv6
		}
		for _, name := range f.settings {
			for _, scope := range []string{"all", "default"} {
				if err := ns.writeSysctl("net."+f.family+".conf."+scope+"."+name, "0"); err != nil {
					return err
				}
			}
		}
		ns.trace("ip netns exec %s sysctl -w net.%s.conf.{all,default}.{%s}=0", ns.name, f.family, strings.Join(f.settings, ","))
	}
	return nil
}

// addLink creates a link, and loads the module of its kind if necessary.
func (ns *namespace) addLink(link netlink.Link) error {
	kind, name := link.Type(), link.Attrs().Name
	err := ns.handle.LinkAdd(link)
	if errors.Is(err, unix.EOPNOTSUPP) && loadModule(kind) == nil {
		err = ns.handle.LinkAdd(link)
	}
	if err != nil {
		return linkError(kind, name, err)
	}
	ns.links = append(ns.links, name)
	return nil
}

// addBridge creates a bridge in ns and sets it up. Spanning tree stays off, so
// a new port forwards at once.
func (ns *namespace) addBridge(name string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	if err := ns.addLink(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		return err
	}
	ns.trace("ip -n %s link add %s type bridge", ns.name, name)
	return ns.up(name)
}

// addPort creates a veth pair between ns and peer and puts ns's end into a
// bridge. Both ends are down.
func (ns *namespace) addPort(name, bridge string, peer *namespace, peerName string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	err := ns.addLink(&netlink.Veth{
		LinkAttrs: attrs, PeerName: peerName, PeerNamespace: netlink.NsFd(peer.fd),
		PeerTxQLen: -1, // the driver's default, not 0
	})
	if err != nil {
		return err
	}
	ns.trace("ip -n %s link add %s type veth peer name %s netns %s", ns.name, name, peerName, peer.name)
	port, err := ns.link(name)
	if err != nil {
		return err
	}
	master, err := ns.link(bridge)
	if err != nil {
		return err
	}
	if err := ns.handle.LinkSetMaster(port, master); err != nil {
		return fmt.Errorf("put %s into the bridge %s in %s: %w", name, bridge, ns.name, err)
	}
	ns.trace("ip -n %s link set %s master %s", ns.name, name, bridge)
	return nil
}

// link finds a link of the namespace.
func (ns *namespace) link(name string) (netlink.Link, error) {
	link, err := ns.handle.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("find the link %s in %s: %w", name, ns.name, err)
	}
	return link, nil
}

// up sets a link up.
func (ns *namespace) up(name string) error { return ns.setLink(name, "up", ns.handle.LinkSetUp) }

// down sets a link down.
func (ns *namespace) down(name string) error { return ns.setLink(name, "down", ns.handle.LinkSetDown) }

func (ns *namespace) setLink(name, state string, set func(netlink.Link) error) error {
	link, err := ns.link(name)
	if err != nil {
		return err
	}
	if err := set(link); err != nil {
		return fmt.Errorf("set the link %s in %s %s: %w", name, ns.name, state, err)
	}
	ns.trace("ip -n %s link set %s %s", ns.name, name, state)
	return nil
}

// addAddr adds an address to a link.
func (ns *namespace) addAddr(name string, prefix netip.Prefix) error {
	link, err := ns.link(name)
	if err != nil {
		return err
	}
	addr := &netlink.Addr{IPNet: ipNet(prefix)}
	nodad := ""
	if prefix.Addr().Is6() {
		// Without IFA_F_NODAD the address is tentative, and unusable, for a
		// second, while duplicate address detection runs.
		addr.Flags, nodad = unix.IFA_F_NODAD, " nodad"
	}
	if err := ns.handle.AddrAdd(link, addr); err != nil {
		return fmt.Errorf("give %s in %s the address %s: %w", name, ns.name, prefix, err)
	}
	ns.trace("ip -n %s addr add %s dev %s%s", ns.name, prefix, name, nodad)
	return nil
}

// delAddr removes an address from a link.
func (ns *namespace) delAddr(name string, prefix netip.Prefix) error {
	link, err := ns.link(name)
	if err != nil {
		return err
	}
	if err := ns.handle.AddrDel(link, &netlink.Addr{IPNet: ipNet(prefix)}); err != nil {
		return fmt.Errorf("take the address %s from %s in %s: %w", prefix, name, ns.name, err)
	}
	ns.trace("ip -n %s addr del %s dev %s", ns.name, prefix, name)
	return nil
}

// flushAddrs removes all addresses of one family from a link.
func (ns *namespace) flushAddrs(name string, family int) error {
	link, err := ns.link(name)
	if err != nil {
		return err
	}
	addrs, err := ns.handle.AddrList(link, family)
	if err != nil {
		return fmt.Errorf("list the addresses of %s in %s: %w", name, ns.name, err)
	}
	for _, addr := range addrs {
		if err := ns.handle.AddrDel(link, &addr); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("take the address %s from %s in %s: %w", addr.IPNet, name, ns.name, err)
		}
	}
	version := "-4"
	if family == netlink.FAMILY_V6 {
		version = "-6"
	}
	ns.trace("ip -n %s %s addr flush dev %s", ns.name, version, name)
	return nil
}

// hasAddr reports whether a link holds an address.
func (ns *namespace) hasAddr(name string, want netip.Addr) (bool, error) {
	link, err := ns.link(name)
	if err != nil {
		return false, err
	}
	addrs, err := ns.handle.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return false, fmt.Errorf("list the addresses of %s in %s: %w", name, ns.name, err)
	}
	for _, addr := range addrs {
		if got, ok := netip.AddrFromSlice(addr.IP); ok && got.Unmap() == want {
			return true, nil
		}
	}
	return false, nil
}

// waitLink waits until a link is in the wanted state. It returns an error if
// the link is not in that state after limit.
func (ns *namespace) waitLink(ctx context.Context, name, state string, limit time.Duration, ok func(*netlink.LinkAttrs) bool) error {
	deadline := time.Now().Add(limit)
	for {
		link, err := ns.link(name)
		if err != nil {
			return err
		}
		if ok(link.Attrs()) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("wait for the link %s in %s to be %s: it is %s, flags %s, after %v",
				name, ns.name, state, link.Attrs().OperState, link.Attrs().Flags, limit)
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// linkReady reports whether the link is up and the kernel's link watcher has
// seen its carrier.
func linkReady(a *netlink.LinkAttrs) bool { return a.OperState == netlink.OperUp }

// linkAdminDown reports whether the link was set down by an administrator.
func linkAdminDown(a *netlink.LinkAttrs) bool { return a.Flags&net.FlagUp == 0 }

// linkNoCarrier reports whether the link is up but its other end is not, and
// the kernel's link watcher has told the routing tables (which is when the
// operational state changes).
func linkNoCarrier(a *netlink.LinkAttrs) bool {
	return a.Flags&net.FlagUp != 0 && (a.OperState == netlink.OperDown || a.OperState == netlink.OperLowerLayerDown)
}

// ipNet turns a prefix into the older type that netlink takes, host bits kept.
func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
