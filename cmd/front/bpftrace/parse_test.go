package bpftrace

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func program(s string) *string { return &s }

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		line string // words, separated by one blank
		want Options
		err  string
	}{
		{"-e x", Options{Program: program("x")}, ""},
		{"-ex -vq", Options{Program: program("x"), Verbose: true, Quiet: true}, ""},
		{"a.bt -v 7 -5", Options{Verbose: true, Words: []string{"a.bt", "7", "-5"}}, ""},
		{"-vp 7 -", Options{Verbose: true, PID: "7", Words: []string{"-"}}, ""},
		{"--output=f --format json", Options{Out: "f", Format: "json"}, ""},
		{"--out f --verb --dry", Options{Out: "f", Verbose: true, DryRun: true}, ""},
		{"--fo text --fm", Options{Format: "text", Fmt: true}, ""},
		{"--no-f x --no-w", Options{NoFeature: "x", NoWarnings: true}, ""},
		{"-kk -b --usdt-file-activation", Options{Warnings: 2}, ""},
		{"s -- --a=b --c -v 1", Options{Words: []string{"s", "-v", "1"}, Named: map[string]string{"a": "b", "c": "true"}}, ""},
		{"--nope", Options{}, "unrecognized option '--nope'"},
		{"--comm x", Options{}, "unrecognized option '--comm'"},
		{"--replay x", Options{}, "unrecognized option '--replay'"},
		{"-Z", Options{}, "invalid option -- 'Z'"},
		{"--no", Options{}, "option '--no' is ambiguous; possibilities: '--no-feature' '--no-warnings'"},
		{"--ver", Options{}, "option '--ver' is ambiguous; possibilities: '--verbose' '--verify-llvm-ir' '--version'"},
		{"--fmt=x", Options{}, "option '--fmt' doesn't allow an argument"},
		{"-o", Options{}, "option requires an argument -- 'o'"},
		{"--pid", Options{}, "option '--pid' requires an argument"},
		{"--emit-llvm f", Options{}, "--emit-llvm is not supported: programs are compiled without LLVM"},
		{"-I one --include a.h -Itwo --include=b.h x", Options{HeaderDirs: []string{"one", "two"}, Includes: []string{"a.h", "b.h"}, Words: []string{"x"}}, ""},
	} {
		t.Run(tc.line, func(t *testing.T) {
			o, err := Parse(strings.Split(tc.line, " "))
			if tc.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tc.err) {
					t.Fatalf("error %v, want %s", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tc.want, o); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestTable looks for rows that hide others or do nothing.
func TestTable(t *testing.T) {
	long, short := map[string]bool{}, map[byte]bool{}
	for _, row := range table {
		if row.long != "" && long[row.long] || row.short != 0 && short[row.short] {
			t.Errorf("%s is there twice", row.spelling())
		}
		long[row.long], short[row.short] = true, true
		if (row.set == nil) == (row.refused == "") {
			t.Errorf("%s has either a function or a reason for being refused", row.spelling())
		}
		if row.refused == "" && row.help == "" {
			t.Errorf("%s has no help", row.spelling())
		}
	}
}

func TestUsage(t *testing.T) {
	var b strings.Builder
	Usage(&b)
	for line := range strings.Lines(b.String()) {
		if len(strings.TrimRight(line, "\n")) > 100 {
			t.Errorf("too long: %s", line)
		}
	}
	if !strings.Contains(b.String(), "    -c, --cmd 'CMD ARGS'         run a command") || strings.Contains(b.String(), "emit-llvm") {
		t.Error(b.String())
	}
}
