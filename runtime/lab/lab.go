package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"
)

// Defaults and limits of [Options].
const (
	DefaultBefore = time.Second
	DefaultAfter  = 6 * time.Second
	// MinAfter is the minimum of Options.After: a shorter time cannot
	// distinguish traffic that stopped from traffic that is late.
	MinAfter = 2 * time.Second
)

// sendEvery is the client's pause between two sends.
const sendEvery = 200 * time.Millisecond

// minAge is the minimum age of the connection when the fault is provoked. For a
// second after it learned a link-layer address the kernel does not accept
// another one for the same IP address (LOCKTIME of the ARP table,
// net/ipv4/arp.c): a client that changed to its other NIC so soon would be
// silent for several seconds.
const minAge = 1200 * time.Millisecond

// Options selects a lab and a case, and how to run them. The zero value runs no
// case: Case must be set.
type Options struct {
	Scenario string        // a name of Scenarios; empty for the first one
	Case     string        // a name or title of the scenario's cases
	IPv6     bool          // over IPv6 addresses instead of IPv4 ones
	Before   time.Duration // healthy traffic before the fault, once Watch has returned; 0 for DefaultBefore
	After    time.Duration // time after the fault; 0 for DefaultAfter
	Stdout   io.Writer     // receives a line for each stage; nil for none
	Verbose  bool          // Stdout also receives each step of building the network, as a command that does the same

	// Watch, if not nil, starts the tracing. It is called when traffic flows,
	// and must return when the tracing has started. stop ends it and prints
	// what it found; it is called exactly once if Watch returned no error, even
	// when the lab failed or ctx ended, and before client and server are
	// stopped.
	Watch func(ctx context.Context, l *Lab) (stop func() error, err error)
	// BeforeClient calls Watch before the client and the server start, so that
	// the tracing sees the creation of their sockets. The PIDs of the endpoints
	// are 0 then.
	BeforeClient bool
}

// A Lab describes a running lab to Watch.
type Lab struct {
	Scenario       string
	Case           Case
	IPv6           bool
	Client, Server Endpoint
}

// An Endpoint is one of the two sides of a lab.
type Endpoint struct {
	PID        int            // 0 while the process does not run
	Comm       string         // the name of the process and its threads
	Netns      string         // the name for "ip netns exec"
	NetnsInode uint64         // ns.inum of the kernel's struct net, and the number in /proc/PID/ns/net
	Addr       netip.AddrPort // of the connection; the client's port is 0 while there is none
}

// A run is one lab from start to end.
type run struct {
	Options
	scenario Scenario
	kase     Case
	site     *site
	lab      *Lab

	client, server *process
	stopWatch      func() error
}

// Run builds the lab, provokes the fault, and removes everything again. It
// needs root. When ctx ends after the fault, the tracing is stopped and the
// report is returned together with the error of ctx; it is also returned when
// only the removal failed, and nil with any other error. The error is a
// [*HostError] on a machine that cannot run labs.
//
// Several labs may run at a time in one process.
func Run(ctx context.Context, o Options) (*Report, error) {
	r, err := newRun(o)
	if err != nil {
		return nil, err
	}
	if err := checkHost(o.IPv6); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return r.do(ctx)
}

// newRun checks the options and fills in the defaults.
func newRun(o Options) (*run, error) {
	scenario, err := FindScenario(o.Scenario)
	if err != nil {
		return nil, err
	}
	kase, err := scenario.Case(o.Case)
	if err != nil {
		return nil, err
	}
	if o.Before == 0 {
		o.Before = DefaultBefore
	}
	if o.After == 0 {
		o.After = DefaultAfter
	}
	if o.Before < 0 {
		return nil, fmt.Errorf("the time before the fault is %v: give a positive one", o.Before)
	}
	if o.After < MinAfter {
		return nil, fmt.Errorf("the time after the fault is %v, too short to tell whether traffic stopped: give at least %v", o.After, MinAfter)
	}
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	return &run{
		Options: o, scenario: scenario, kase: kase,
		stopWatch: func() error { return nil },
	}, nil
}

// say prints a line about a stage of the lab to Stdout.
func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.Stdout, "lab %s %s: "+format+"\n", append([]any{r.scenario.Name, r.kase.Name}, args...)...)
}

// trace prints a step of building the network if Verbose is set.
func (r *run) trace(format string, args ...any) {
	if r.Verbose {
		fmt.Fprintf(r.Stdout, "  + "+format+"\n", args...)
	}
}

// do runs the stages. Whatever fails in them, it ends what was started in the
// opposite order: the tracing, the processes, the network.
func (r *run) do(ctx context.Context) (report *Report, err error) {
	removed, leftErr := removeLeftovers()
	for _, name := range removed {
		r.trace("removed %s, which an earlier lab left behind", name)
	}
	if leftErr != nil {
		r.say("%v", leftErr) // not fatal: the leftovers have other names
	}

	network, err := newNetwork(r.trace, r.scenario.ends...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := network.close(); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("take the lab's network down: %w", closeErr))
		}
	}()
	if r.site, err = r.scenario.build(ctx, network, r.IPv6); err != nil {
		return nil, err
	}
	if r.kase.prepare != nil {
		if err := r.kase.prepare(r.site); err != nil {
			return nil, err
		}
	}
	r.lab = &Lab{
		Scenario: r.scenario.Name, Case: r.kase, IPv6: r.IPv6,
		Client: r.site.client.endpoint(roleClient),
		Server: r.site.server.endpoint(roleServer),
	}

	defer func() {
		for _, p := range []*process{r.client, r.server} {
			if p != nil {
				p.kill()
			}
		}
	}()
	defer func() { err = errors.Join(err, r.stopWatch()) }()

	if r.BeforeClient {
		if err := r.watch(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.startTraffic(ctx); err != nil {
		return nil, err
	}
	connected := time.Now()
	if !r.BeforeClient {
		if err := r.watch(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.wait(ctx, max(r.Before, minAge-time.Since(connected))); err != nil {
		return nil, err
	}
	return r.faultAndAfter(ctx)
}

// endpoint returns the description of a place before its process runs.
func (p place) endpoint(comm string) Endpoint {
	return Endpoint{
		Comm: comm, Netns: p.ns.name, NetnsInode: p.ns.inode,
		Addr: netip.AddrPortFrom(p.addr.Addr(), p.port),
	}
}

// watch starts the tracing and makes sure that it is stopped exactly once.
func (r *run) watch(ctx context.Context) error {
	if r.Watch == nil {
		return nil
	}
	stop, err := r.Watch(ctx, r.lab)
	if err != nil {
		return err
	}
	if stop != nil {
		r.stopWatch = onlyOnce(stop)
	}
	return nil
}

// onlyOnce returns a function that calls f the first time, and returns f's
// error only then.
func onlyOnce(f func() error) func() error {
	var once sync.Once
	return func() (err error) {
		once.Do(func() { err = f() })
		return err
	}
}

// startTraffic starts the server, then the client, and waits until the first
// bytes have arrived.
func (r *run) startTraffic(ctx context.Context) (err error) {
	r.server, err = startProcess(r.site.server.ns.do, childConfig{Role: roleServer, Local: r.lab.Server.Addr})
	if err != nil {
		return err
	}
	if err := r.server.awaitEvent(ctx, eventListening); err != nil {
		return err
	}
	r.client, err = startProcess(r.site.client.ns.do, childConfig{
		Role: roleClient, Local: r.lab.Client.Addr, Remote: r.lab.Server.Addr, Every: sendEvery,
	})
	if err != nil {
		return err
	}
	if err := r.client.awaitEvent(ctx, eventConnected); err != nil {
		return err
	}
	if err := r.server.awaitTransfer(ctx); err != nil {
		return err
	}
	l := r.lab
	l.Client.Addr, _, _, _ = r.client.result()
	l.Client.PID, l.Server.PID = r.client.pid(), r.server.pid()
	r.say("%s (pid %d) sends from %s through %s to %s (pid %d) at %s",
		l.Client.Comm, l.Client.PID, l.Client.Addr, r.site.client.link, l.Server.Comm, l.Server.PID, l.Server.Addr)
	return nil
}

// faultAndAfter provokes the fault, watches the traffic for the time After, and
// returns the report.
func (r *run) faultAndAfter(ctx context.Context) (*Report, error) {
	r.say("fault: %s", r.kase.What)
	fault := monotonic()
	method, err := r.kase.fault(ctx, r.site)
	if err != nil {
		return nil, fmt.Errorf("provoke the fault: %w", err)
	}
	done := monotonic()
	r.say("fault done: %s", method)
	interrupted := r.wait(ctx, r.After)
	if interrupted != nil && ctx.Err() == nil {
		return nil, interrupted // a side ended
	}

	// End the tracing first, so that it does not see the connection being
	// closed.
	stopErr := r.stopWatch()
	end := monotonic()
	if err := errors.Join(stopErr, r.client.finish(), r.server.finish()); err != nil {
		return nil, errors.Join(err, interrupted)
	}
	report := &Report{
		Scenario: r.scenario.Name, Case: r.kase, IPv6: r.IPv6,
		Client: r.lab.Client, Server: r.lab.Server,
		Method: method, FaultAt: fault, FaultTook: time.Duration(done - fault),
		After: time.Duration(end - done), Interrupted: interrupted != nil,
	}
	_, _, sends, queued := r.client.result()
	_, _, reads, _ := r.server.result()
	report.account(sends, reads, queued, done, end)
	return report, interrupted
}

// wait lets time pass. It returns early, with an error, when ctx or one of the
// two processes ends.
func (r *run) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.client.done:
		return r.client.ended()
	case <-r.server.done:
		return r.server.ended()
	}
}
