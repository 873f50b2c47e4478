package lab

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// every makes transfers of n bytes, one each step, from one time to another.
func every(step, from, to time.Duration, n int) []transfer {
	var all []transfer
	for at := from; at <= to; at += step {
		all = append(all, transfer{At: int64(at), Bytes: n})
	}
	return all
}

// join puts slices of transfers together.
func join(all ...[]transfer) []transfer {
	var one []transfer
	for _, part := range all {
		one = append(one, part...)
	}
	return one
}

func TestReportAccount(t *testing.T) {
	const (
		step = 200 * time.Millisecond
		done = 10 * time.Second // the fault
		end  = 16 * time.Second
	)
	sends := every(step, 9*time.Second, 17*time.Second, 11)
	tests := []struct {
		name         string
		sends, reads []transfer
		queued       int
		end          time.Duration
		want         Report
	}{
		{
			name:  "nothing after the fault",
			sends: sends, reads: every(step, 9*time.Second, 9900*time.Millisecond, 11), queued: 36 * 11, end: end,
			want: Report{
				Sent: 36 * 11, Sends: 36, Received: 5 * 11, Reads: 5, Queued: 36 * 11, QueuedFor: 6 * time.Second,
				LastReceived: -200 * time.Millisecond, MaxGap: 6200 * time.Millisecond, Outcome: Stopped,
			},
		},
		{
			name:  "a few reads after the fault",
			sends: sends, reads: every(step, 9*time.Second, 11*time.Second, 11), end: end,
			want: Report{
				Sent: 36 * 11, Sends: 36, Received: 11 * 11, Reads: 11,
				LastReceived: time.Second, MaxGap: 5 * time.Second, Outcome: Stopped,
			},
		},
		{
			name:  "no gap, and what comes after the end does not count",
			sends: sends, reads: join(sends[:38], []transfer{{At: int64(17 * time.Second), Error: "ECONNRESET"}}), end: end,
			want: Report{
				Sent: 36 * 11, Sends: 36, Received: 36 * 11, Reads: 36,
				LastReceived: 6 * time.Second, MaxGap: step, Outcome: Continued,
			},
		},
		{
			name:  "a gap, then all that was queued",
			sends: sends,
			reads: join(every(step, 9*time.Second, 10*time.Second, 11),
				[]transfer{{At: int64(13 * time.Second), Bytes: 15 * 11}}, every(step, 13200*time.Millisecond, end, 11)),
			end: end,
			want: Report{
				Sent: 36 * 11, Sends: 36, Received: 36 * 11, Reads: 6 + 1 + 15,
				LastReceived: 6 * time.Second, MaxGap: 3 * time.Second, Outcome: Resumed,
			},
		},
		{
			name:  "nothing is acknowledged, though repeated bytes arrive",
			sends: sends,
			reads: join(every(step, 9*time.Second, 10*time.Second, 11), []transfer{
				{At: int64(11 * time.Second), Bytes: 22}, {At: int64(13 * time.Second), Bytes: 33}, {At: int64(15 * time.Second), Bytes: 44},
			}),
			queued: 30*11 + 1, end: end,
			want: Report{
				Sent: 36 * 11, Sends: 36, Received: 6*11 + 99, Reads: 9, Queued: 30*11 + 1, QueuedFor: 5 * time.Second,
				LastReceived: 5 * time.Second, MaxGap: 2 * time.Second, Outcome: Stopped,
			},
		},
		{
			name:  "the last send is on its way",
			sends: sends, reads: sends[:36], queued: 11, end: 17*time.Second - 1,
			want: Report{
				Sent: 40 * 11, Sends: 40, Received: 36 * 11, Reads: 36, Queued: 11,
				LastReceived: 6 * time.Second, MaxGap: time.Second - 1, Outcome: Continued,
			},
		},
		{
			name:  "a gap before the fault is none",
			sends: sends,
			reads: join(every(step, 5*time.Second, 6*time.Second, 11), every(step, 9*time.Second, end, 11)), end: end,
			want: Report{
				Sent: 36 * 11, Sends: 36, Received: 42 * 11, Reads: 42,
				LastReceived: 6 * time.Second, MaxGap: step, Outcome: Continued,
			},
		},
		{
			name: "sends that fail",
			sends: join(every(step, 9*time.Second, 10*time.Second, 11), []transfer{
				{At: int64(11 * time.Second), Error: "EHOSTUNREACH"}, {At: int64(12 * time.Second), Error: "EHOSTUNREACH"},
				{At: int64(13 * time.Second), Error: "ETIMEDOUT"},
			}),
			reads: every(step, 9*time.Second, 10*time.Second, 11), end: end,
			want: Report{
				Sent: 66, Sends: 6, Received: 66, Reads: 6, SendErrors: 3, ErrorNames: []string{"EHOSTUNREACH", "ETIMEDOUT"},
				MaxGap: 6 * time.Second, Outcome: Stopped,
			},
		},
		{
			name:  "interrupted too early to tell",
			sends: sends, reads: every(step, 9*time.Second, 10*time.Second, 11), end: done + time.Second,
			want: Report{
				Sent: 11 * 11, Sends: 11, Received: 66, Reads: 6,
				MaxGap: time.Second, Outcome: Undecided,
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got Report
			got.account(test.sends, test.reads, test.queued, int64(done), int64(test.end))
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreUnexported(Case{}), comparePorts); diff != "" {
				t.Errorf("account: -want +got\n%s", diff)
			}
		})
	}
}

func TestReportText(t *testing.T) {
	scenario, err := FindScenario("route-loss")
	if err != nil {
		t.Fatal(err)
	}
	report := func(name string, change func(*Report)) *Report {
		c, err := scenario.Case(name)
		if err != nil {
			t.Fatal(err)
		}
		r := &Report{
			Scenario: scenario.Name, Case: c, Method: "a method", FaultTook: 120 * time.Millisecond, After: 6 * time.Second,
			Sent: 407, Sends: 37, Received: 77, Reads: 7, Queued: 330,
			QueuedFor: 5900 * time.Millisecond, LastReceived: -50 * time.Millisecond, MaxGap: 6050 * time.Millisecond, Outcome: Stopped,
		}
		change(r)
		return r
	}
	tests := []struct {
		name   string
		report *Report
		want   string
	}{
		{
			name:   "stopped",
			report: report("A", func(*Report) {}),
			want: `route-loss, case A, ifdown: address removed, then link down
  fault    a method; took 0.12 s
  client   sent 407 bytes in 37 sends; no send failed; 330 bytes not acknowledged, the oldest for 5.90 s
  server   received 77 bytes in 7 reads; the last one 50.0 ms before the fault was done
  traffic  stopped: nothing arrived in the last 6.05 s
`,
		},
		{
			name: "went on",
			report: report("D", func(r *Report) {
				r.Received, r.Reads, r.Queued = 407, 36, 0
				r.LastReceived, r.MaxGap, r.Outcome = 5900*time.Millisecond, 400*time.Millisecond, Continued
			}),
			want: `route-loss, case D, carrier-loss-ignored: carrier lost, ignore_routes_with_linkdown=1
  fault    a method; took 0.12 s
  client   sent 407 bytes in 37 sends; no send failed; all acknowledged
  server   received 407 bytes in 36 reads; the last one 5.90 s after the fault
  traffic  went on; the longest pause was 0.40 s
`,
		},
		{
			name: "against expectation, with errors, over IPv6",
			report: report("C", func(r *Report) {
				r.IPv6 = true
				r.SendErrors, r.ErrorNames = 1, []string{"ETIMEDOUT"}
				r.Received, r.Reads = 1, 1
				r.LastReceived, r.MaxGap, r.Outcome = 6*time.Second, 3*time.Second, Resumed
			}),
			want: `route-loss, case C, carrier-loss over IPv6: carrier lost, ignore_routes_with_linkdown=0
  fault    a method; took 0.12 s
  client   sent 407 bytes in 37 sends; 1 send failed (ETIMEDOUT); 330 bytes not acknowledged, the oldest for 5.90 s
  server   received 1 byte in 1 read; the last one 6.00 s after the fault
  traffic  went on after a gap of 3.00 s; NOT as usual: in this case it stops
`,
		},
		{
			name: "one way only",
			report: report("D", func(r *Report) {
				r.IPv6, r.LastReceived, r.MaxGap = true, 5*time.Second, 2*time.Second
			}),
			want: `route-loss, case D, carrier-loss-ignored over IPv6: carrier lost, ignore_routes_with_linkdown=1
  fault    a method; took 0.12 s
  client   sent 407 bytes in 37 sends; no send failed; 330 bytes not acknowledged, the oldest for 5.90 s
  server   received 77 bytes in 7 reads; the last one 5.00 s after the fault
  traffic  stopped: some bytes arrive, but no acknowledgement comes back
`,
		},
		{
			name:   "stopped against expectation",
			report: report("B", func(*Report) {}),
			want: `route-loss, case B, link-down: link set down, which leaves an IPv4 address in place
  fault    a method; took 0.12 s
  client   sent 407 bytes in 37 sends; no send failed; 330 bytes not acknowledged, the oldest for 5.90 s
  server   received 77 bytes in 7 reads; the last one 50.0 ms before the fault was done
  traffic  stopped: nothing arrived in the last 6.05 s; NOT as usual: in this case it goes on
`,
		},
		{
			name: "interrupted",
			report: report("A", func(r *Report) {
				r.Outcome, r.Interrupted, r.After = Undecided, true, time.Second
			}),
			want: `route-loss, case A, ifdown: address removed, then link down
  fault    a method; took 0.12 s
  client   sent 407 bytes in 37 sends; no send failed; 330 bytes not acknowledged, the oldest for 5.90 s
  server   received 77 bytes in 7 reads; the last one 50.0 ms before the fault was done
  traffic  undecided: the lab ended 1.00 s after the fault
`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got strings.Builder
			if err := test.report.Text(&got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.String()); diff != "" {
				t.Errorf("Text: -want +got\n%s", diff)
			}
		})
	}
}

func TestReportAsExpected(t *testing.T) {
	goes, stops := Case{goesOn4: true}, Case{goesOn6: true}
	tests := []struct {
		c       Case
		outcome Outcome
		want    bool
	}{
		{goes, Continued, true}, {goes, Resumed, true}, {goes, Stopped, false}, {goes, Undecided, false},
		{stops, Continued, false}, {stops, Resumed, false}, {stops, Stopped, true}, {stops, Undecided, false},
	}
	for _, test := range tests {
		r := &Report{Case: test.c, Outcome: test.outcome}
		if got := r.AsExpected(); got != test.want {
			t.Errorf("AsExpected with goesOn=%v and %s: got %v, want %v", test.c.goesOn4, test.outcome, got, test.want)
		}
		r.IPv6 = true // the two are the other way round there
		if got := r.AsExpected(); test.outcome != Undecided && got == test.want {
			t.Errorf("AsExpected over IPv6 with goesOn=%v and %s: got %v, want %v", test.c.goesOn6, test.outcome, got, !test.want)
		}
	}
}
