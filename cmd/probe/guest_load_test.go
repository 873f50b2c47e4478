package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// longToLoad returns a script whose verification takes seconds: each search is
// walked byte by byte.
func longToLoad() string {
	var b strings.Builder
	b.WriteString("config = { max_strlen = 200 }\nkprobe:vfs_read {\n\t$s = str(arg1);\n")
	for i := range 60 {
		fmt.Fprintf(&b, "\tif (strcontains($s, \"needle%d\")) { @n[%d] = count(); }\n", i, i)
	}
	b.WriteString("}\n")
	return b.String()
}

// endsLoading is how soon a signal has to end a load: a second, and as much for
// a guest that is emulated.
const endsLoading = 2 * time.Second

// clock notes when a text arrived first.
type clock struct {
	text strings.Builder
	at   map[string]time.Time
}

func (c *clock) Write(p []byte) (int, error) {
	c.text.Write(p)
	for what, at := range c.at {
		if at.IsZero() && regexp.MustCompile(what).MatchString(c.text.String()) {
			c.at[what] = time.Now()
		}
	}
	return len(p), nil
}

// TestGuestLoading: on a terminal, a load of more than a second is told, and
// Ctrl-C and SIGTERM end it within a second.
func TestGuestLoading(t *testing.T) {
	// Others want the processors as well, so that the load takes more than a second on
	// any machine.
	const crowd = "crowd=; for i in 1 2 3 4 5 6; do while :; do :; done & crowd=\"$crowd $!\"; done; "
	const notice, end = `loading the program for kprobe:vfs_read`, `status 0`
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		for _, tc := range []struct{ name, send, sh string }{
			{"Ctrl-C", "\x03", `trap : INT; probe run /tmp/long.pr; echo "status $?"`},
			// The shell waits for a line before it sends the signal.
			{"SIGTERM", "\n", `probe run /tmp/long.pr & p=$!; read x; kill -TERM $p; wait $p; echo "status $?"`},
		} {
			t.Run(tc.name, func(t *testing.T) {
				// The machine of the guest has others on it, so the best of three counts.
				best := time.Hour
				for range 3 {
					c := &clock{at: map[string]time.Time{notice: {}, end: {}}}
					res, err := g.Run(t.Context(), guest.Cmd{
						Args: []string{"sh", "-c", "cat > /tmp/long.pr << 'END'\n" + longToLoad() + "END\n" + crowd + tc.sh + "; kill $crowd"},
						PTY:  true, Cols: 200, Timeout: 5 * time.Minute, Stdout: c,
						Script: []guest.Step{
							{Expect: notice, Send: tc.send, Timeout: 2 * time.Minute},
							{Expect: end, Timeout: time.Minute},
						},
					})
					if err != nil {
						t.Fatalf("%v\n%s", err, c.text.String())
					}
					if strings.Contains(res.Stdout, "Attached") {
						t.Errorf("it was loaded before the signal came")
					}
					if best = min(best, c.at[end].Sub(c.at[notice])); best <= endsLoading {
						break
					}
				}
				if best > endsLoading {
					t.Errorf("the load ended %v after the signal, want %v", best, endsLoading)
				}
			})
		}
	})
}
