package lower_test

import (
	"fmt"
	"testing"

	"probe/compiler/compilertest"
	"probe/compiler/lower"
	"probe/stdlib"
)

// Arguments of records say whether the script has written them.
func TestWritten(t *testing.T) {
	k := compilertest.NewKernel()
	for _, tt := range []struct{ script, want string }{
		{`printf("%s %d %s", "a", 7, comm)`, "[true true false]"},
		{`printf("%s", pid == 1 ? "a" : "b")`, "[true]"},
		{`printf("%s", pid == 1 ? "a" : comm)`, "[false]"},
		{`$x = "a"; printf("%s", $x)`, "[true]"},
		{`$x = "a"; if (pid == 1) { $x = "b"; } printf("%s", $x)`, "[true]"},
		{`$x = "a"; if (pid == 1) { $x = comm; } printf("%s", $x)`, "[false]"},
		{`$x = comm; $y = "a"; if (pid == 1) { $y = $x; } printf("%s %s", $x, $y)`, "[false false]"},
		{`$y = "a"; $z = "b"; if (pid == 1) { $z = $y; } if (pid == 2) { $y = comm; } printf("%s", $z)`, "[false]"},
		{`$i = 7; printf("%c", $i); $i++`, "[false]"},
		{`@s = "a"; printf("%s", @s)`, "[false]"},
		{`$x = "a"; print($x)`, "[true]"},
		{`for ($i : 0..2) { printf("%c", $i); }`, "[false]"},
		{`printf("%s", strftime("\t%H", nsecs))`, "[false]"},
	} {
		p, list := k.Check("kprobe:f { " + tt.script + "; }")
		if list.HasErrors() {
			t.Fatal(tt.script, list.All)
		}
		u := lower.Lower(p, lower.Config{Target: compilertest.Targets()["new"], Builtins: stdlib.Table(), Types: k,
			Ints: p.ConfigInt})
		if u.Diag.HasErrors() {
			t.Fatal(tt.script, u.Diag.All)
		}
		var got []bool
		for _, a := range u.Obj.Events[0].Args {
			got = append(got, a.Literal)
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, want %s", tt.script, got, tt.want)
		}
	}
}
