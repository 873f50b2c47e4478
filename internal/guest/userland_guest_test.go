package guest_test

import (
	"strings"
	"testing"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// TestPrograms runs each program that cases rely on, whether it comes from the
// host or from a package.
func TestPrograms(t *testing.T) {
	s := guesttest.Setup{
		Modules:  guest.NetworkModules(),
		Programs: append(guest.NetworkPrograms(), "ifup", "ifdown"),
		NoProbe:  true,
	}
	guesttest.RunWith(t, s, func(t *testing.T, g *guest.Guest) {
		if got := guesttest.Command(t, g, "ip", "-V"); !strings.Contains(got, "iproute2") {
			t.Errorf("ip -V says %q", got)
		}
		// The shell must not use a lesser command of the same name.
		if got := guesttest.Sh(t, g, "ip -V; PATH=/nowhere; ip -V 2>/dev/null || echo none"); !strings.Contains(got, "iproute2") || !strings.Contains(got, "none") {
			t.Errorf("in the shell, ip -V says %q", got)
		}
		guesttest.Sh(t, g, `
			ss -tan | grep -q State
			tc qdisc add dev lo root netem delay 1ms
			ping -c 1 -W 5 127.0.0.1 | grep -q ' 0% packet loss'
			tc qdisc del dev lo root
			ip netns add n1
			ip netns exec n1 ip link set lo up
			ip netns del n1`)
		guesttest.Sh(t, g, `
			mkdir -p /etc/network /run/network
			printf 'iface d9 inet static\n address 192.0.2.1/24\n' > /etc/network/interfaces
			ip link add d9 type dummy
			ifup d9
			ip -4 -o addr show d9 | grep -q 192.0.2.1/24
			ifdown d9
			test -z "$(ip -4 -o addr show d9)"
			ip link del d9`)
	})
}
