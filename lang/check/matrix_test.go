package check_test

import (
	"fmt"
	"strings"
	"testing"
)

// setup makes values of every kind, for the matrices of appendix E.
const setup = `
enum color { RED = 1, BLUE = 4 }
kprobe:f {
	@c = count(); @h = hist(1);
	$i = (int32)-5; $u = (uint16)7; $b = pid == 1; $p = curtask; $q = (struct sock *)arg0;
	$s = comm; $a = curtask->counts; $buf = buf(arg0, 8); $t = (1, "x"); $r = (m = 1, n = "x"); $e = (enum color)pid;
	$k = kstack; $sym = ksym(arg0); $inet = ntop(arg0); $mac = macaddr(curtask->comm); $st = *curtask;
	%s
}`

// operand spellings of the matrix rows.
var (
	integer = []string{"$i", "$u", "5", "-5"}
	boolean = []string{"$b", "true"}
	pointer = []string{"$p"}
)

// TestOperators checks appendix A-OPM: which operands each operator takes, and
// which it refuses.
func TestOperators(t *testing.T) {
	groups := map[string][]string{
		"+-": {"+", "-"}, "+": {"+"}, "-": {"-"},
		"*":  {"*", "/", "%", "&", "|", "^", "<<", ">>"},
		"==": {"==", "!="}, "<": {"<", "<=", ">", ">="}, "&&": {"&&", "||"},
	}
	all := []string{"+-", "*", "==", "<", "&&"}
	for _, tc := range []struct {
		row    string
		x, y   []string
		allows []string // groups; the others of all are refused
	}{
		{"A-OPM-01", integer[:2], integer, all},
		{"A-OPM-02", boolean, append(boolean, integer...), all},
		{"A-OPM-03", []string{"@c"}, integer, all},
		{"A-OPM-04", pointer, integer[:2], []string{"+-", "==", "<", "&&"}},
		{"A-OPM-04 swapped", integer[:2], pointer, []string{"+", "==", "<", "&&"}},
		{"A-OPM-05", pointer, []string{"$p", "$q"}, []string{"==", "<", "&&"}},
		{"A-OPM-06", []string{"$s"}, []string{"$s", `"lit"`}, []string{"=="}},
		{"A-OPM-07", []string{"$a"}, []string{"$a"}, []string{"=="}},
		{"A-OPM-08", []string{"$buf"}, []string{"$buf"}, []string{"=="}},
		{"A-OPM-09", []string{"$t"}, []string{"$t"}, []string{"=="}},
		{"A-OPM-09 record", []string{"$r"}, []string{"$r"}, []string{"=="}},
		{"A-OPM-10 stack", []string{"$k"}, []string{"$k"}, []string{"=="}},
		{"A-OPM-10 symbol", []string{"$sym"}, []string{"$sym"}, []string{"=="}},
		{"A-OPM-10 inet", []string{"$inet"}, []string{"$inet"}, []string{"=="}},
		{"A-OPM-10 mac", []string{"$mac"}, []string{"$mac"}, []string{"=="}},
		{"A-OPM-10 struct", []string{"$st"}, []string{"$st"}, []string{"=="}},
		{"A-OPM-11", []string{"$e", "BLUE"}, integer, all},
		{"T-OP-14 string integer", []string{"$s"}, integer[:2], nil},
		{"T-OP-14 tuple integer", []string{"$t"}, integer[:2], nil},
		{"T-OP-14 struct integer", []string{"$st"}, integer[:2], nil},
		{"T-OP-14 stack string", []string{"$k"}, []string{"$s"}, nil},
		{"T-OP-12 lengths", []string{"$a"}, []string{"(uint64[1])nsecs"}, nil},
		{"T-OP-13 shapes", []string{"$t"}, []string{`("x", 1)`, "(1, 2, 3)"}, nil},
	} {
		allowed := map[string]bool{}
		for _, g := range tc.allows {
			for _, op := range groups[g] {
				allowed[op] = true
			}
		}
		for _, x := range tc.x {
			for _, y := range tc.y {
				for _, g := range all {
					for _, op := range groups[g] {
						script := fmt.Sprintf(setup, fmt.Sprintf("$z = %s %s %s;", x, op, y))
						_, ds := run(t, script)
						bad := find(ds, "bad-operands") != nil || find(ds, "type-mismatch") != nil
						if bad == allowed[op] || ds.HasErrors() != bad && !allowed[op] {
							t.Errorf("%s: %s %s %s: allowed %t\n%s", tc.row, x, op, y, allowed[op], render(ds))
						}
					}
				}
			}
		}
	}
}

// TestUnary checks the right half of A-OPM.
func TestUnary(t *testing.T) {
	ops := map[string]string{"!": "$z = !%s;", "-": "$z = -%s;", "~": "$z = ~%s;", "++": "%s++;", "?": "if (%s) { print(1); }"}
	for _, tc := range []struct{ row, x, allows string }{
		{"A-OPM-01", "$i", "! - ~ ++ ?"},
		{"A-OPM-02", "$b", "! ?"},
		{"A-OPM-03", "@c", ""},
		{"A-OPM-04", "$p", "! ++ ?"}, // !ptr is D-27
		{"A-OPM-06", "$s", ""},
		{"A-OPM-07", "$a", ""},
		{"A-OPM-08", "$buf", ""},
		{"A-OPM-09", "$t", ""},
		{"A-OPM-10", "$k", ""},
		{"A-OPM-10", "$st", ""},
		{"A-OPM-11", "$e", "! - ~ ++ ?"},
	} {
		for op, form := range ops {
			want := strings.Contains(" "+tc.allows+" ", " "+op+" ")
			_, ds := run(t, fmt.Sprintf(setup, fmt.Sprintf(form, tc.x)))
			bad := find(ds, "bad-operands") != nil || find(ds, "bad-condition") != nil
			if bad == want || ds.HasErrors() != bad {
				t.Errorf("%s: %s on %s: allowed %t\n%s", tc.row, op, tc.x, want, render(ds))
			}
		}
	}
}

// TestCasts checks appendix A-CSM, the table of casts.
func TestCasts(t *testing.T) {
	to := map[string]string{"int": "uint64", "ptr": "struct sock *", "bool": "bool", "string": "string[64]",
		"array": "uint8[4]", "enum": "enum color", "user": "username_t"}
	for _, tc := range []struct{ row, x, allows string }{
		{"A-CSM-01", "$i", "int ptr bool array enum user"},
		{"A-CSM-01", "$u", "int ptr bool array enum user"},
		{"A-CSM-01", "5", "int ptr bool array user"}, // 5 is no color
		{"A-CSM-01", "4", "int ptr bool array enum user"},
		{"A-CSM-02", "$b", "int bool"},
		{"A-CSM-03", "$p", "int ptr bool"},
		{"A-CSM-04", "@c", "int bool"},
		{"A-CSM-05", "$s", "string"},
		{"A-CSM-06", "$a", ""},
		{"A-CSM-06", `pton("1.2.3.4")`, "array"},
		{"A-CSM-07", "$st", ""},
		{"A-CSM-07", "$t", ""},
		{"A-CSM-07", "$k", ""},
	} {
		for name, typ := range to {
			want := strings.Contains(" "+tc.allows+" ", " "+name+" ")
			_, ds := run(t, fmt.Sprintf(setup, fmt.Sprintf("$z = (%s)%s;", typ, tc.x)))
			if ds.HasErrors() == want {
				t.Errorf("%s: (%s)%s: allowed %t\n%s", tc.row, typ, tc.x, want, render(ds))
			}
		}
	}
}
