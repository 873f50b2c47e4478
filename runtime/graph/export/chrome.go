package export

import (
	"encoding/json"
	"fmt"
	"io"

	"probe/runtime/graph"
)

// chromeEvent is an event of the Trace Event Format: X for a call with its
// duration, i for an instant, M for the name of a thread. Times are in
// microseconds.
type chromeEvent struct {
	Name  string         `json:"name"`
	Phase string         `json:"ph"`
	Time  json.Number    `json:"ts,omitempty"`
	Dur   json.Number    `json:"dur,omitempty"`
	PID   int32          `json:"pid"`
	TID   int32          `json:"tid"`
	Scope string         `json:"s,omitempty"`
	Args  map[string]any `json:"args,omitempty"`
}

// chromeThread is a thread that has a name.
type chromeThread struct {
	pid, tid int32
	comm     string
}

// micros writes nanoseconds as microseconds, without rounding.
func micros(ns int64) json.Number {
	sign := ""
	if ns < 0 {
		sign, ns = "-", -ns
	}
	return json.Number(fmt.Sprintf("%s%d.%03d", sign, ns/1000, ns%1000))
}

func writeChrome(w io.Writer, s *Source) error {
	if _, err := io.WriteString(w, `{"displayTimeUnit":"ns","traceEvents":[`); err != nil {
		return err
	}
	first := true
	event := func(e chromeEvent) error {
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		sep := ",\n"
		if first {
			sep, first = "\n", false
		}
		_, err = fmt.Fprintf(w, "%s%s", sep, text)
		return err
	}
	named := map[chromeThread]bool{}
	for _, t := range s.Trees {
		pid, tid := t.Thread.PID, track(t)
		if pid == 0 {
			pid = t.Thread.TID
		}
		if who := (chromeThread{pid, tid, t.Thread.Comm}); !named[who] {
			named[who] = true
			about := []string{"thread_name"}
			if pid == t.Thread.TID {
				about = append(about, "process_name")
			}
			for _, what := range about {
				if err := event(chromeEvent{Name: what, Phase: "M", PID: pid, TID: tid, Args: map[string]any{"name": t.Thread.Comm}}); err != nil {
					return err
				}
			}
		}
		for i := range t.Calls {
			c := &t.Calls[i]
			e := chromeEvent{Name: s.name(c), Phase: "X", Time: micros(c.T0), Dur: micros(c.Duration()), PID: pid, TID: tid,
				Args: map[string]any{"cpu": c.CPU}}
			if ret := s.Funcs.RetText(c); ret != "" {
				e.Args["ret"] = ret
			}
			switch {
			case c.Flags&graph.Gap != 0:
				e = chromeEvent{Name: "events lost", Phase: "i", Time: micros(c.T0), PID: pid, TID: tid, Scope: "t", Args: map[string]any{"count": c.Ret}}
			case c.Flags&(graph.NoEntry|graph.NoExit) != 0:
				e.Args["incomplete"] = true
			}
			if err := event(e); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "\n],\"otherData\":{\"title\":%q}}\n", s.Title)
	return err
}
