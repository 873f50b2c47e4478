package session_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
)

// TestStacks checks that the frames of stacks come back: in records, in keys
// and in values, and in any number.
func TestStacks(t *testing.T) {
	s := &script{text: `begin {
		printf("deep %d [%s]\n", len(kstack(5)), kstack(raw, 2));
		@k[kstack(raw, 3)] = count();
		@v = kstack(raw, 1);
	}`}
	if _, err := s.run(t, context.Background()); err != nil {
		t.Fatal(err)
	}
	out := s.out.String()
	frames := func(n int) string { return `\n(?:[0-9a-f]{16}\n){` + string(rune('0'+n)) + `}` }
	for _, want := range []string{
		`deep 5 \[` + frames(2) + `\]`, `@k\[` + frames(3) + `\]: 1`, `@v: ` + frames(1),
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("no %s in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "not kept") || s.err.String() != "" && strings.Contains(s.err.String(), "not complete") {
		t.Errorf("stacks are missing:\n%s%s", out, s.err.String())
	}
}
