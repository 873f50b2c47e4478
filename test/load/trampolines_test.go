package load

import (
	"bufio"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// TestTrampolines tries fentry and fexit at every function with structs by value, many
// arguments or a variable number of them, and at some of the others: probe refuses
// exactly those that the kernel refuses, or else a pattern such as `fentry:tcp_*` would
// fail as a whole. It also refuses fexit at functions that never return, which kernels
// before 6.15 accept.
func TestTrampolines(t *testing.T) {
	drive, err := guest.BuildProgram(t.Context(), "./test/load/drive")
	if err != nil {
		t.Fatal(err)
	}
	setup := guesttest.Setup{NoProbe: true, Files: map[string]string{"/bin/drive": drive}}
	guesttest.RunWith(t, setup, func(t *testing.T, g *guest.Guest) {
		res, err := g.Run(t.Context(), guest.Cmd{Args: []string{"/bin/drive", "-trampolines"}, Timeout: 5 * time.Minute})
		if err != nil || !res.OK() {
			t.Fatalf("status %d, %v\n%s", res.Code, err, res.Stderr)
		}
		shapes, refused, accepted, attached := map[string]int{}, 0, 0, 0
		for sc := bufio.NewScanner(strings.NewReader(res.Stdout)); sc.Scan(); {
			var f Function
			if err := json.Unmarshal(sc.Bytes(), &f); err != nil {
				t.Fatalf("%v: %s", err, sc.Text())
			}
			shapes[f.Shape]++
			if f.Refused != "" {
				refused++
			}
			if f.Attached && f.Refused == "" {
				attached++
			}
			if f.Shape != "" && f.Told == "" {
				accepted++
			}
			if strings.HasSuffix(f.Told, "never returns") {
				continue
			}
			if (f.Told == "") != (f.Refused == "") {
				t.Errorf("%s (at its return: %v, %s): probe says %q, the kernel %q", f.Name, f.Exit, f.Shape, f.Told, f.Refused)
			}
		}
		t.Logf("%v; %d refused, %d attached", shapes, refused, attached)
		for _, shape := range []string{"", "variadic", "struct result", "many arguments", "struct argument"} {
			if shapes[shape] == 0 {
				t.Errorf("no function was tried for shape %q", shape)
			}
		}
		if refused == 0 || accepted > 0 && attached == 0 {
			t.Error("no function is refused, or none is attached")
		}
	})
}
