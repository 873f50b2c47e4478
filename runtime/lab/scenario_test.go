package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestScenarios(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range Scenarios() {
		if s.Name == "" || s.Title == "" || s.build == nil || len(s.ends) == 0 || len(s.Cases) == 0 {
			t.Errorf("scenario %+v lacks something", s)
		}
		if seen[s.Name] {
			t.Errorf("two scenarios are named %s", s.Name)
		}
		seen[s.Name] = true
		words := make(map[string]bool)
		for _, c := range s.Cases {
			if c.Name == "" || c.Title == "" || c.What == "" || c.fault == nil {
				t.Errorf("%s: case %+v lacks something", s.Name, c)
			}
			for _, word := range []string{c.Name, c.Title} {
				if words[strings.ToLower(word)] {
					t.Errorf("%s: %q selects two cases", s.Name, word)
				}
				words[strings.ToLower(word)] = true
				got, err := s.Case(strings.ToUpper(word))
				if err != nil || got.Name != c.Name {
					t.Errorf("%s: Case(%q): got %q, %v, want %q", s.Name, strings.ToUpper(word), got.Name, err, c.Name)
				}
			}
		}
		if found, err := FindScenario(s.Name); err != nil || found.Name != s.Name {
			t.Errorf("FindScenario(%q): got %q, %v", s.Name, found.Name, err)
		}
	}
}

func TestRouteLossCases(t *testing.T) {
	s, err := FindScenario("")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range s.Cases {
		got = append(got, fmt.Sprintf("%s %s %v %v", c.Name, c.Title, c.goesOn(false), c.goesOn(true)))
	}
	want := []string{
		"A ifdown false false",
		"B link-down true false",
		"C carrier-loss false false",
		"D carrier-loss-ignored true false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cases of %s: -want +got\n%s", s.Name, diff)
	}
}

func TestBadOptions(t *testing.T) {
	tests := []struct {
		name    string
		options Options
		want    string
	}{
		{"unknown lab", Options{Scenario: "lunch", Case: "A"}, `no lab named "lunch" (there is route-loss)`},
		{"unknown case", Options{Case: "E"}, `the lab route-loss has no case "E" (there are A (ifdown), B (link-down), C (carrier-loss), D (carrier-loss-ignored))`},
		{"no case", Options{}, `has no case ""`},
		{"negative time before", Options{Case: "A", Before: -1}, "the time before the fault is -1ns"},
		{"short time after", Options{Case: "A", After: 1e9}, "the time after the fault is 1s, too short"},
		{"negative time after", Options{Case: "A", After: -1}, "the time after the fault is -1ns, too short"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			report, err := Run(t.Context(), test.options)
			if report != nil || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Run: got %v, %v, want an error with %q", report, err, test.want)
			}
		})
	}
}

func TestOwnerOf(t *testing.T) {
	tests := []struct {
		name string
		pid  int
		ok   bool
	}{
		{"probe-lab-4711-cli", 4711, true},
		{"probe-lab-4711.2-srv", 4711, true},
		{"probe-lab-4711", 4711, true},
		{"probe-lab-4711.2", 4711, true},
		{"probe-lab-", 0, false},
		{"probe-lab-cli", 0, false},
		{"probe-lab-0-cli", 0, false},
		{"probe-lab--5-cli", 0, false},
		{"probe-lab-12ab", 0, false},
		{"probe-lab-99999999999999999999-cli", 0, false},
		{"my-probe-lab-4711-cli", 0, false},
		{"", 0, false},
	}
	for _, test := range tests {
		pid, ok := ownerOf(test.name)
		if ok != test.ok || ok && pid != test.pid {
			t.Errorf("ownerOf(%q): got %d, %v, want %d, %v", test.name, pid, ok, test.pid, test.ok)
		}
	}
}

func TestProcessExists(t *testing.T) {
	for _, pid := range []int{1, os.Getpid()} {
		if !processExists(pid) {
			t.Errorf("processExists(%d): got false", pid)
		}
	}
	gone := exec.Command("/proc/self/exe", "-test.run=^$")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	if processExists(gone.Process.Pid) {
		t.Errorf("processExists(%d), of a process that ended: got true", gone.Process.Pid)
	}
}

func TestIfupdownVersion(t *testing.T) {
	tests := []struct {
		name, out, want string
	}{
		{"ifupdown", "ifdown version 0.8.41\n\nCopyright (c) 1999-2017\n", "0.8.41"},
		{"ifupdown2", "ifupdown2:3.0.0-1.1\n", ""},
		{"ifupdown-ng", "ifupdown-ng 0.11.4\n", ""},
		{"BusyBox", "ifdown: unrecognized option '--version'\nBusyBox v1.35.0 multi-call binary.\n", ""},
		{"no version", "ifdown version \n", ""},
		{"nothing", "", ""},
	}
	for _, test := range tests {
		got, ok := ifupdownVersion(test.out)
		if got != test.want && ok || ok != (test.want != "") {
			t.Errorf("ifupdownVersion of %s: got %q, %v, want %q", test.name, got, ok, test.want)
		}
	}
}

func TestInterfacesFile(t *testing.T) {
	tests := []struct{ addr, want string }{
		{"100.1.1.11/24", "iface eth0 inet static\n\taddress 100.1.1.11/24\n"},
		{"fd00:1:1::11/64", "iface eth0 inet6 static\n\taddress fd00:1:1::11/64\n"},
	}
	for _, test := range tests {
		got := interfacesFile(place{link: "eth0", addr: netip.MustParsePrefix(test.addr)})
		if got != test.want {
			t.Errorf("interfacesFile for %s: got %q, want %q", test.addr, got, test.want)
		}
	}
}

func TestHostErrors(t *testing.T) {
	tests := []struct {
		name string
		err  error
		is   error
		want string
	}{
		{"no capability", namespaceError("x-cli", unix.EPERM), unix.EPERM,
			"create the network namespace x-cli: operation not permitted (root needs CAP_SYS_ADMIN"},
		{"no namespaces", namespaceError("x-cli", unix.EINVAL), unix.EINVAL, "CONFIG_NET_NS=y"},
		{"too many namespaces", namespaceError("x-cli", unix.ENOSPC), unix.ENOSPC, "max_net_namespaces"},
		{"read-only system", namespaceError("x-cli", unix.EROFS), unix.EROFS, "mount a tmpfs on /run"},
		{"name taken", namespaceError("x-cli", unix.EEXIST), fs.ErrExist, "ip netns del x-cli"},
		{"other error", namespaceError("x-cli", unix.EIO), unix.EIO, "create the network namespace x-cli: input/output error"},
		{"no veth", linkError("veth", "c0", unix.EOPNOTSUPP), unix.EOPNOTSUPP,
			"create the veth link c0: operation not supported (the kernel knows no veth links: load the module with modprobe veth, or build the kernel with CONFIG_VETH)"},
		{"no bridge", linkError("bridge", "br0", unix.EOPNOTSUPP), unix.EOPNOTSUPP, "modprobe bridge"},
		{"no capability for links", linkError("veth", "c0", unix.EPERM), unix.EPERM, "CAP_NET_ADMIN"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var host *HostError
			if !errors.As(test.err, &host) || !errors.Is(test.err, test.is) || !strings.Contains(test.err.Error(), test.want) {
				t.Errorf("got %v, want a HostError of %v with %q", test.err, test.is, test.want)
			}
		})
	}
}
