package check_test

import (
	"testing"

	"probe/lang/check"
)

// Where the arguments of a probe are not known, nothing is said about them, and
// the rest of the script is checked.
func TestUntyped(t *testing.T) {
	check1 := func(script string) string {
		in, list := newInput(t, script)
		if list.HasErrors() {
			t.Fatal(list.All)
		}
		_, _, list = check.Check(in)
		return render(list)
	}
	if got := check1(`tracepoint:cat:untyped /args.a > 3/ { @[args.fd, comm] = count(); $x = args.z + 1; @y = $x; @z = args.b; printf("%s %d\n", str(args.f), args.d); print(args); }`); got != "" {
		t.Errorf("messages about unknown arguments:\n%s", got)
	}
	if got := check1(`tracepoint:cat:untyped { @ = args.b; print(nosuch); }`); got == "" {
		t.Error("no message about an unknown name")
	}
}
