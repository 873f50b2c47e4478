package docs

import (
	"strings"
	"testing"

	"probe/cmd/front/manual"
	"probe/internal/guest"
	"probe/internal/guest/guesttest"
	"probe/lang/diag"
	"probe/runtime/engine"
	"probe/runtime/machine/live/provider"
)

// functions are those that the examples trace, besides those of the documents.
const functions = "neigh_destroy\nshould_failslab\nip6_dst_lookup_flow\nip_route_output_key_hash\nip6_route_output_flags\nvfs_truncate\n"

// allowed lists the words whose example gives a message for good reason.
var allowed = map[string]diag.Code{
	"debugf": "for-debugging", "while": "while-loop", // they are advised against
	"max_type_res_iterations": "dead-config", "symbol_source": "dead-config", "unstable_addr": "dead-config",
	"unstable_import": "dead-config", "unstable_macro": "dead-config", "unstable_map_decl": "dead-config",
	"override": "missing-kernel-feature",                                                     // few kernels are built for it
	"uprobe":   "no-match", "uaddr": "no-match", "uretprobe": "no-match", "usdt": "no-match", // of a program that is not there
}

// TestExamples compiles the example of every word that `probe help` explains: no
// error, no warning, except for those in allowed, which have exactly that one.
func TestExamples(t *testing.T) {
	c := checkerFor(t, traceable+functions)
	c.Params = []string{"1", "2"}
	n := 0
	for _, topic := range manual.Topics() {
		for _, e := range manual.Lookup(topic.Word) {
			if e.Example == "" || e.Word != topic.Word {
				continue
			}
			n++
			c.Options = engine.CheckOptions{Unsafe: e.Unsafe, UnwindPID: 1}
			if e.Kind == manual.Probe {
				c.Options.Mode = provider.KindOf(e.Word).Mode
			}
			list := c.Check(e.Example)
			if code, ok := allowed[e.Word]; ok {
				if e.Word == "override" && len(list.All) == 0 {
					continue // this kernel lets it
				}
				if len(list.All) != 1 || list.All[0].Code != code {
					t.Errorf("%s: want one message, %s:\n%s", e.Word, code, render(list))
				}
			} else if len(list.All) > 0 {
				t.Errorf("%s (%s):\n%s", e.Word, e.Kind, render(list))
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d words have an example", n)
	}
}

// TestExamplesInGuests compiles them for real kernels.
func TestExamplesInGuests(t *testing.T) {
	setup := guesttest.Setup{NoProbe: true, Files: map[string]string{}}
	if !testing.Short() { // else it is built for nothing
		program, err := guest.BuildTest(t.Context(), "./test/docs")
		if err != nil {
			t.Fatal(err)
		}
		setup.Files["/docs/test"] = program
	}
	guesttest.RunWith(t, setup, func(t *testing.T, g *guest.Guest) {
		res, err := g.Run(t.Context(), guest.Cmd{Args: []string{"/docs/test", "-test.v", "-test.run=^TestExamples$"}, Dir: "/docs"})
		if err != nil || !res.OK() || !strings.Contains(res.Stdout, "--- PASS: TestExamples") {
			t.Errorf("status %d, error %v\n%s\n%s", res.Code, err, res.Stdout, res.Stderr)
		}
	})
}
