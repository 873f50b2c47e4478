package lab

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// An Outcome is the fate of the traffic after the fault, as the server saw it.
type Outcome string

const (
	// Continued: the server got data after the fault without a gap.
	Continued Outcome = "continued"
	// Resumed: the server got data again, after a gap.
	Resumed Outcome = "resumed"
	// Stopped: the server got no more data, or the acknowledgements did not
	// reach the client, so that the client repeats old data and the new queues
	// up.
	Stopped Outcome = "stopped"
	// Undecided: the lab was interrupted before the outcome was known.
	Undecided Outcome = "undecided"
)

// gapLimit is the maximum pause between two reads that does not count as a gap,
// and the maximum time a byte may wait for its acknowledgement. The client
// sends every 0.2 s; the rest is tolerance for slow machines.
const gapLimit = 1500 * time.Millisecond

// A Report is what the client and the server saw, from the first byte to the
// last before the lab was taken down.
type Report struct {
	Scenario       string
	Case           Case
	IPv6           bool
	Client, Server Endpoint

	Method    string        // how the fault was provoked
	FaultAt   int64         // when it began, CLOCK_MONOTONIC in ns as bpf_ktime_get_ns gives it
	FaultTook time.Duration // until it was done
	After     time.Duration // from then to the end of the run

	Sent, Received uint64   // bytes
	Sends, Reads   int      // that succeeded
	SendErrors     int      // sends that failed
	ErrorNames     []string // the errnos of failed sends and reads, each once: "ETIMEDOUT"

	// Queued is the number of bytes sent and not acknowledged at the end, and
	// QueuedFor how long the oldest of them has waited.
	Queued    int
	QueuedFor time.Duration

	// LastReceived is when the server last got data, counted from the moment
	// the fault was done; it is negative when that was before.
	LastReceived time.Duration
	// MaxGap is the longest the server waited for data at any time from the
	// last read before that moment to the end of the run.
	MaxGap      time.Duration
	Outcome     Outcome
	Interrupted bool // the lab ended before its time
}

// account computes the fields that follow from the sends and reads. Times are
// of CLOCK_MONOTONIC; done is when the fault was complete, end when the run
// ended. Later transfers are ignored: the two sides do not end at the same
// time, so one may see the other's end as an error. queued is the client's
// backlog after its last send.
func (r *Report) account(sends, reads []transfer, queued int, done, end int64) {
	r.Queued = queued
	for i := len(sends) - 1; i >= 0 && queued > 0; i-- {
		queued -= sends[i].Bytes
		r.QueuedFor = max(0, time.Duration(end-sends[i].At))
	}
	name := func(t transfer) {
		if !slices.Contains(r.ErrorNames, t.Error) {
			r.ErrorNames = append(r.ErrorNames, t.Error)
		}
	}
	for _, t := range sends {
		if t.At > end {
			break
		}
		if t.Error != "" {
			r.SendErrors++
			name(t)
			continue
		}
		r.Sends++
		r.Sent += uint64(t.Bytes)
	}
	last := done // of the reads so far; there always is one before the fault
	for _, t := range reads {
		if t.At > end {
			break
		}
		if t.Error != "" {
			name(t)
			continue
		}
		r.Reads++
		r.Received += uint64(t.Bytes)
		if t.At > done {
			r.MaxGap = max(r.MaxGap, time.Duration(t.At-last))
		}
		last = t.At
	}
	silence := time.Duration(end - last)
	r.MaxGap = max(r.MaxGap, silence)
	r.LastReceived = time.Duration(last - done)
	switch after := time.Duration(end - done); {
	case after < MinAfter:
		r.Outcome = Undecided
	case silence > gapLimit, r.QueuedFor > gapLimit:
		r.Outcome = Stopped
	case r.MaxGap > gapLimit:
		r.Outcome = Resumed
	default:
		r.Outcome = Continued
	}
}

// AsExpected reports whether the outcome is the one measured on real kernels
// for this case. A gap does not count as a failure: on a slow machine anything
// may pause.
func (r *Report) AsExpected() bool {
	if r.Case.goesOn(r.IPv6) {
		return r.Outcome == Continued || r.Outcome == Resumed
	}
	return r.Outcome == Stopped
}

// Text writes what the two sides saw, in a few lines.
func (r *Report) Text(w io.Writer) error {
	family := ""
	if r.IPv6 {
		family = " over IPv6"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, case %s, %s%s: %s\n", r.Scenario, r.Case.Name, r.Case.Title, family, r.Case.What)
	fmt.Fprintf(&b, "  fault    %s; took %s\n", r.Method, seconds(r.FaultTook))
	fmt.Fprintf(&b, "  client   sent %s in %s; %s; %s\n",
		count(int(r.Sent), "byte"), count(r.Sends, "send"), r.failures(), r.backlog())
	fmt.Fprintf(&b, "  server   received %s in %s; the last one %s\n",
		count(int(r.Received), "byte"), count(r.Reads, "read"), r.lastRead())
	fmt.Fprintf(&b, "  traffic  %s\n", r.traffic())
	_, err := io.WriteString(w, b.String())
	return err
}

// failures describes the failed sends.
func (r *Report) failures() string {
	names := ""
	if len(r.ErrorNames) > 0 {
		names = " (" + strings.Join(r.ErrorNames, ", ") + ")"
	}
	if r.SendErrors == 0 {
		return "no send failed" + names
	}
	return count(r.SendErrors, "send") + " failed" + names
}

// backlog describes the data that is not acknowledged.
func (r *Report) backlog() string {
	if r.Queued == 0 {
		return "all acknowledged"
	}
	return fmt.Sprintf("%s not acknowledged, the oldest for %s", count(r.Queued, "byte"), seconds(r.QueuedFor))
}

// lastRead says when the server last got data.
func (r *Report) lastRead() string {
	if r.LastReceived <= 0 {
		return seconds(-r.LastReceived) + " before the fault was done"
	}
	return seconds(r.LastReceived) + " after the fault"
}

// traffic says the outcome, and whether it is the usual one.
func (r *Report) traffic() string {
	var text string
	switch r.Outcome {
	case Continued:
		text = "went on; the longest pause was " + seconds(r.MaxGap)
	case Resumed:
		text = "went on after a gap of " + seconds(r.MaxGap)
	case Stopped:
		text = "stopped: nothing arrived in the last " + seconds(r.After-r.LastReceived)
		if r.After-r.LastReceived <= gapLimit {
			text = "stopped: some bytes arrive, but no acknowledgement comes back"
		}
	case Undecided:
		return fmt.Sprintf("undecided: the lab ended %s after the fault", seconds(r.After))
	default:
		panic("lab: unknown outcome " + string(r.Outcome))
	}
	if !r.AsExpected() {
		usual := "stops"
		if r.Case.goesOn(r.IPv6) {
			usual = "goes on"
		}
		text += "; NOT as usual: in this case it " + usual
	}
	return text
}

// seconds formats a duration with the precision that matters here.
func seconds(d time.Duration) string {
	if d < 100*time.Millisecond {
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// count formats a number with its noun, in the plural where needed.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
