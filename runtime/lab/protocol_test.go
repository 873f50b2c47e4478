package lab

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// comparePorts lets cmp look at addresses, which have unexported fields.
var comparePorts = cmpopts.EquateComparable(netip.AddrPort{}, netip.Prefix{}, netip.Addr{})

func TestParseMessage(t *testing.T) {
	tests := []struct {
		name, line string
		want       message
		wantErr    string
	}{
		{
			name: "listening",
			line: `{"event":"listening","local":"100.1.1.21:7000"}`,
			want: message{Event: eventListening, Local: netip.MustParseAddrPort("100.1.1.21:7000")},
		},
		{
			name: "report of transfers",
			line: `{"event":"report","local":"[fd00:1:1::11]:4","remote":"[fd00:1:1::21]:7000","transfers":[{"at":5,"n":11},{"at":6,"error":"EPIPE"}],"queued":22}`,
			want: message{
				Event: eventReport, Local: netip.MustParseAddrPort("[fd00:1:1::11]:4"),
				Remote:    netip.MustParseAddrPort("[fd00:1:1::21]:7000"),
				Transfers: []transfer{{At: 5, Bytes: 11}, {At: 6, Error: "EPIPE"}}, Queued: 22,
			},
		},
		{
			name: "failure",
			line: `{"event":"failed","error":"connect: refused"}`,
			want: message{Event: eventFailed, Error: "connect: refused"},
		},
		{name: "no JSON", line: `goroutine 1 [running]:`, wantErr: "invalid character"},
		{name: "cut off", line: `{"event":"rep`, wantErr: "unexpected end"},
		{name: "unknown event", line: `{"event":"lunch"}`, wantErr: `unknown event "lunch"`},
		{name: "no event", line: `{}`, wantErr: `unknown event ""`},
		{name: "failure without a reason", line: `{"event":"failed"}`, wantErr: "without a reason"},
		{name: "negative queue", line: `{"event":"final","queued":-1}`, wantErr: "-1 bytes queued"},
		{name: "negative bytes", line: `{"event":"final","transfers":[{"at":1,"n":-1}]}`, wantErr: "is no transfer"},
		{name: "no time", line: `{"event":"final","transfers":[{"n":1}]}`, wantErr: "is no transfer"},
		{name: "neither bytes nor error", line: `{"event":"final","transfers":[{"at":1}]}`, wantErr: "is no transfer"},
		{name: "bytes and error", line: `{"event":"final","transfers":[{"at":1,"n":1,"error":"EIO"}]}`, wantErr: "is no transfer"},
		{name: "bad address", line: `{"event":"listening","local":"here"}`, wantErr: "read a message"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseMessage([]byte(test.line))
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Fatalf("parseMessage(%s): got error %v, want one with %q", test.line, err, test.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, comparePorts); diff != "" {
				t.Errorf("parseMessage(%s): -want +got\n%s", test.line, diff)
			}
			// What a child writes is what its parent reads.
			text, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			again, err := parseMessage(text)
			if err != nil {
				t.Fatalf("parseMessage of its own output %s: %v", text, err)
			}
			if diff := cmp.Diff(got, again, comparePorts); diff != "" {
				t.Errorf("parseMessage of its own output %s: -first +second\n%s", text, diff)
			}
		})
	}
}

func TestParseChildConfig(t *testing.T) {
	client := childConfig{
		Role: roleClient, Local: netip.MustParseAddrPort("100.1.1.11:0"),
		Remote: netip.MustParseAddrPort("100.1.1.21:7000"), Every: 200 * time.Millisecond,
	}
	server := childConfig{Role: roleServer, Local: netip.MustParseAddrPort("[fd00:1:1::21]:7000")}
	for _, want := range []childConfig{client, server} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseChildConfig(string(text))
		if err != nil {
			t.Fatalf("parseChildConfig(%s): %v", text, err)
		}
		if got != want {
			t.Errorf("parseChildConfig(%s): got %+v, want %+v", text, got, want)
		}
	}
	bad := map[string]string{
		"empty":           ``,
		"other role":      `{"role":"cook","local":"1.2.3.4:5"}`,
		"unknown field":   `{"role":"lab-server","local":"1.2.3.4:5","color":"red"}`,
		"no local":        `{"role":"lab-server"}`,
		"no remote":       `{"role":"lab-client","local":"1.2.3.4:0","every":1}`,
		"mixed families":  `{"role":"lab-client","local":"1.2.3.4:0","remote":"[::1]:5","every":1}`,
		"no pause":        `{"role":"lab-client","local":"1.2.3.4:0","remote":"1.2.3.5:5"}`,
		"local no number": `{"role":"lab-server","local":"localhost:5"}`,
	}
	for name, text := range bad {
		t.Run(name, func(t *testing.T) {
			if got, err := parseChildConfig(text); err == nil || !strings.Contains(err.Error(), childEnv) {
				t.Errorf("parseChildConfig(%s): got %+v, %v, want an error that names %s", text, got, err, childEnv)
			}
		})
	}
}
