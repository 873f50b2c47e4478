package ir

import (
	"errors"
	"strings"
	"testing"
)

func TestVerify(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no end", "func f()\nb0\n  %1 = const 1\n", "block has no end"},
		{"unknown target", "func f()\nb0\n  jump b3\n", "b3 does not exist"},
		{"too few arguments", "func f()\nb0\n  jump b1\nb1 (%1)\n  ret %1\n", "b1 takes 1 arguments, gets 0"},
		{"not defined", "func f()\nb0\n  ret %1\n", "operand %1 is in no block"},
		{"defined later", "func f()\nb0\n  %1 = neg %2\n  %2 = const 1\n  ret %1\n", "operand %2 is defined later"},
		{"not on every path", `func f(scalar)
b0
  %1 = arg 0
  br eq %1, %1, b1, b2
b1
  %2 = const 1
  jump b2
b2
  ret %2
`, "operand %2 is not defined on every path"},
		{"unreachable", "func f()\nb0\n  ret\nb1\n  ret\n", "block cannot be reached"},
		{"argument that is not there", "func f()\nb0\n  %1 = arg 0\n  ret\n", "function has 0 arguments"},
		{"slot that is not there", "func f()\nb0\n  %1:stack = frame 0+0\n  ret\n", "stack slot does not exist"},
		{"width", "func f()\nb0\n  %1 = const 1\n  %2 = add.2 %1, %1\n  ret\n", "width 2 is not allowed"},
		{"helper arguments", "func f()\nb0\n  %1 = call get_current_pid_tgid(%2)\n  %2 = const 1\n  ret\n", "get_current_pid_tgid takes 0 arguments, gets 1"},
		{"callback that is not there", "func f()\nb0\n  %1:func = funcaddr 1\n  ret\n", "function 1 is not a callback"},
		{"parameters of the entry", "func f()\nb0 (%1)\n  ret\n", "the entry has parameters"},
		{"fine", "func f()\nb0\n  ret\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse("test", tt.text)
			if err != nil {
				t.Fatal(err)
			}
			err = Verify(p)
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			var ve *VerifyError
			if !errors.As(err, &ve) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestVerifyFields breaks functions in ways that the text form cannot express.
func TestVerifyFields(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(f *Func)
		want  string
	}{
		"two places":      {func(f *Func) { f.Blocks[0].Ins = append(f.Blocks[0].Ins, f.Blocks[0].Ins[0]) }, "has two places"},
		"wrong block":     {func(f *Func) { f.Vals[1].Blk = 7 }, "says it is in b7"},
		"missing operand": {func(f *Func) { f.Vals[2].B = 0 }, "wrong operands"},
		"wrong parameter": {func(f *Func) { f.Vals[1].Op = OpParam }, "parameter in the wrong place"},
		"six arguments":   {func(f *Func) { f.NArgs = 6 }, "at most 5"},
		"void result":     {func(f *Func) { f.Vals[1].Kind = KindNone }, "kind none does not fit"},
		"no such operand": {func(f *Func) { f.Vals[2].A = 99 }, "operand %99 does not exist"},
	} {
		p, err := Parse("test", "func f()\nb0\n  %1 = const 1\n  %2 = add %1, %1\n  ret %2\n")
		if err != nil {
			t.Fatal(err)
		}
		tt.spoil(p.Funcs[0])
		if err := Verify(p); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}
