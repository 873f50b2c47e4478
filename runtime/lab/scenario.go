package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
)

// A Scenario is one lab: a network, and the faults that can be provoked in it.
// Adding a lab is a file with its build and fault functions, and a row in
// [Scenarios].
type Scenario struct {
	Name  string // as on the command line: "route-loss"
	Title string // one line, no full stop
	Cases []Case

	// ends names the namespaces of the network.
	ends []string
	// build creates the links and addresses and returns the places of the two
	// sides.
	build func(ctx context.Context, n *network, ipv6 bool) (*site, error)
}

// A Case is one fault of a scenario.
type Case struct {
	Name  string // "A"
	Title string // "ifdown", which selects the case as well
	What  string // "address removed, then link down"

	// prepare sets up what the fault needs; it may be nil.
	prepare func(s *site) error
	// fault provokes the fault, verifies that it is in effect, and returns a
	// description of the method used.
	fault func(ctx context.Context, s *site) (method string, err error)
	// goesOn4 and goesOn6 say whether the server still gets data afterwards,
	// over IPv4 and over IPv6.
	goesOn4, goesOn6 bool
}

// goesOn reports whether the server still gets data after the fault.
func (c Case) goesOn(ipv6 bool) bool {
	if ipv6 {
		return c.goesOn6
	}
	return c.goesOn4
}

// A site is a network that was built, with the places of the client and the
// server in it.
type site struct {
	net            *network
	ipv6           bool
	client, server place
}

// A place is one side's namespace, link and address.
type place struct {
	ns   *namespace
	link string
	addr netip.Prefix
	port uint16 // 0 lets the kernel choose
}

// Scenarios returns all labs.
func Scenarios() []Scenario {
	return []Scenario{
		routeLoss(),
	}
}

// FindScenario returns the scenario of that name; the empty name means the
// first one.
func FindScenario(name string) (Scenario, error) {
	all := Scenarios()
	if name == "" {
		return all[0], nil
	}
	var names []string
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Scenario{}, fmt.Errorf("no lab named %q (there is %s)", name, strings.Join(names, ", "))
}

// Case returns the case of that name or title, in upper or lower case.
func (s Scenario) Case(name string) (Case, error) {
	var names []string
	for _, c := range s.Cases {
		if strings.EqualFold(c.Name, name) || strings.EqualFold(c.Title, name) {
			return c, nil
		}
		names = append(names, fmt.Sprintf("%s (%s)", c.Name, c.Title))
	}
	return Case{}, fmt.Errorf("the lab %s has no case %q (there are %s)", s.Name, name, strings.Join(names, ", "))
}
