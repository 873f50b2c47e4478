// Package lab builds a small network on one machine, lets a client talk to a
// server over it, provokes a named fault, and reports what the two sides saw.
//
// [Run] takes the name of a scenario and of one of its cases ([Scenarios] lists
// them) and returns a [Report]. A tracer joins through the Watch callback of
// [Options]: it is started while traffic flows (or, on request, before there
// are any sockets) and is stopped before client and server end. The package
// does not know what that callback does: it imports neither the compiler nor
// the session that runs a script.
//
// # The network
//
// Each side lives in a network namespace of its own, joined by veth pairs and a
// bridge in a third one. The namespaces have names (probe-lab-PID-cli, -srv and
// -sw under /var/run/netns), so "ip netns exec" works on them while a lab runs.
// Nothing outside of these namespaces is touched, and everything is taken down
// when [Run] returns, for whatever reason it returns. The next run removes what
// a killed one has left: the name says which process it belonged to.
//
// A new namespace inherits the IPv4 settings of the host (see
// net.core.devconf_inherit_init_net). The lab writes the kernel's own defaults
// for the settings that would change an outcome, so a case ends the same way on
// every machine.
//
// The network is made through netlink and not by running ip(8): probe is one
// static binary, and the small guests it is tested in have no iproute2.
//
// # The client and the server
//
// They are separate processes, named lab-client and lab-server, because a
// tracer tells processes apart by pid and comm. Both are the running binary
// again, started inside their namespace with a variable in the environment;
// main must therefore call [MaybeChild] before anything else. They use plain
// blocking system calls on one thread: what a tracer sees is a process that
// sits in read() or write(), not a runtime's poller. Each writes one JSON
// object a line to its parent, and ends when the parent closes its standard
// input or dies.
package lab
