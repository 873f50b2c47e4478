package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// childEnv names the environment variable that makes a process a lab's client
// or server. It holds a childConfig.
const childEnv = "PROBE_LAB_CHILD"

// The roles of a child, which are also its process names (ps, comm).
const (
	roleClient = "lab-client"
	roleServer = "lab-server"
)

// A childConfig tells a child what to do.
type childConfig struct {
	Role   string         `json:"role"`
	Local  netip.AddrPort `json:"local"`           // what to bind to; the client's port is 0
	Remote netip.AddrPort `json:"remote,omitzero"` // where the client connects to
	Every  time.Duration  `json:"every,omitempty"` // the client's pause between two sends
}

// parseChildConfig reads the value of childEnv.
func parseChildConfig(text string) (childConfig, error) {
	var c childConfig
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return childConfig{}, fmt.Errorf("read %s: %w", childEnv, err)
	}
	switch {
	case c.Role != roleClient && c.Role != roleServer:
		return childConfig{}, fmt.Errorf("read %s: the role %q is neither %s nor %s", childEnv, c.Role, roleClient, roleServer)
	case !c.Local.IsValid():
		return childConfig{}, fmt.Errorf("read %s: no local address", childEnv)
	case c.Role == roleClient && (!c.Remote.IsValid() || c.Remote.Addr().BitLen() != c.Local.Addr().BitLen()):
		return childConfig{}, fmt.Errorf("read %s: no remote address of the local one's family", childEnv)
	case c.Role == roleClient && c.Every <= 0:
		return childConfig{}, fmt.Errorf("read %s: no pause between two sends", childEnv)
	}
	return c, nil
}

// A message is one line from a child to its parent.
type message struct {
	Event     event          `json:"event"`
	Local     netip.AddrPort `json:"local,omitzero"`      // of the socket, once there is one
	Remote    netip.AddrPort `json:"remote,omitzero"`     // of the connection, once there is one
	Transfers []transfer     `json:"transfers,omitempty"` // since the message before
	Queued    int            `json:"queued,omitempty"`    // bytes sent and not acknowledged (SIOCOUTQ)
	Error     string         `json:"error,omitempty"`     // with eventFailed
}

// An event is the reason for which a message was sent.
type event string

const (
	eventListening event = "listening" // the server waits for the client
	eventConnected event = "connected" // the client has its connection
	eventAccepted  event = "accepted"  // so has the server
	eventReport    event = "report"    // each second: what happened since the last one
	eventFinal     event = "final"     // the last report before the child ends
	eventFailed    event = "failed"    // the child could not start its work
)

// A transfer is one send or one read.
type transfer struct {
	At    int64  `json:"at"`              // when it returned, CLOCK_MONOTONIC in ns: the same clock for every process
	Bytes int    `json:"n,omitempty"`     // 0 with an error
	Error string `json:"error,omitempty"` // the errno's name: "EHOSTUNREACH"
}

// parseMessage reads one line of a child.
func parseMessage(line []byte) (message, error) {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		return message{}, fmt.Errorf("read a message: %w", err)
	}
	switch m.Event {
	case eventListening, eventConnected, eventAccepted, eventReport, eventFinal:
	case eventFailed:
		if m.Error == "" {
			return message{}, errors.New("read a message: a failure without a reason")
		}
	default:
		return message{}, fmt.Errorf("read a message: unknown event %q", m.Event)
	}
	if m.Queued < 0 {
		return message{}, fmt.Errorf("read a message: %d bytes queued", m.Queued)
	}
	for _, t := range m.Transfers {
		if t.At <= 0 || t.Bytes < 0 || (t.Bytes > 0) == (t.Error != "") {
			return message{}, fmt.Errorf("read a message: %+v is no transfer", t)
		}
	}
	return m, nil
}

// monotonic is CLOCK_MONOTONIC in ns, the clock of bpf_ktime_get_ns.
func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("lab: no monotonic clock: " + err.Error())
	}
	return ts.Nano()
}

// errnoName returns the name that C programs have for an error.
func errnoName(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		if name := unix.ErrnoName(errno); name != "" {
			return name
		}
		return fmt.Sprintf("errno %d", int(errno))
	}
	return err.Error()
}
