package syntax

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"probe/lang/source"
)

// huge scripts and the code that the parser must answer with; "" where the
// script is fine. Each is made for a size of about n bytes.
var huge = []struct {
	name string
	code string
	make func(n int) string
}{
	{"parens", "too-deep", func(n int) string { return "begin { $x = " + nest("(", "1", ")", n/2) + "; }" }},
	{"open parens", "too-deep", func(n int) string { return "begin { $x = " + strings.Repeat("(", n) }},
	{"braces", "too-deep", func(n int) string { return "begin " + nest("{", "1", "}", n/2) }},
	{"open braces", "too-deep", func(n int) string { return "begin " + strings.Repeat("{", n) }},
	{"brackets", "too-deep", func(n int) string { return "begin { $x = " + nest("@[", "1", "]", n/3) + "; }" }},
	{"unary", "too-deep", func(n int) string { return "begin { $x = " + strings.Repeat("-", n|1) + "1; }" }},
	{"not", "too-deep", func(n int) string { return "begin { $x = " + strings.Repeat("!", n) + "1; }" }},
	{"deref in predicate", "too-deep", func(n int) string { return "k:f /" + strings.Repeat(" *", n/2) + "$x/ { }" }},
	{"comptime", "too-deep", func(n int) string { return "begin { $x = " + strings.Repeat("comptime ", n/9) + "1; }" }},
	{"casts", "too-deep", func(n int) string { return "begin { $x = " + strings.Repeat("(u8)", n/4) + "1; }" }},
	{"ambiguous casts", "too-deep", func(n int) string { return "begin { $x = " + strings.Repeat("(a)-", n/4) + "1; }" }},
	{"calls", "too-deep", func(n int) string { return "begin { " + nest("f(", "1", ")", n/3) + "; }" }},
	{"sizeofs", "too-deep", func(n int) string { return "begin { $x = " + nest("sizeof(", "$x", ")", n/8) + "; }" }},
	{"typeofs", "too-deep", func(n int) string { return "begin { let $x : " + nest("typeof(", "1", ")", n/8) + "; }" }},
	{"typeof casts", "too-deep", func(n int) string { return "begin { $x = " + nest("(typeof(", "1", "))1", n/10) + "; }" }},
	{"ifs", "too-deep", func(n int) string { return "begin { " + nest("if (1) {", "", "}", n/9) + " }" }},
	{"else ifs", "too-deep", func(n int) string { return "begin { " + strings.Repeat("if (1) { } else ", n/16) + "{ } }" }},
	{"loops", "too-deep", func(n int) string { return "begin { " + nest("while 1 {", "", "}", n/10) + " }" }},
	{"ternaries", "too-deep", func(n int) string { return "begin { $x = " + strings.Repeat("1 ? 2 : ", n/8) + "3; }" }},
	{"records", "too-deep", func(n int) string { return "begin { $x = " + nest("(a=", "1", ")", n/4) + "; }" }},
	{"sum", "too-deep", func(n int) string { return "begin { $x = 1" + strings.Repeat("+1", n/2) + "; }" }},
	{"fields", "too-deep", func(n int) string { return "begin { $x = $y" + strings.Repeat(".a", n/2) + "; }" }},
	{"indexes", "too-deep", func(n int) string { return "begin { $x = $y" + strings.Repeat("[1]", n/3) + "; }" }},
	{"nested sums", "too-deep", func(n int) string {
		return "begin { $x = " + nest("(", "1", strings.Repeat("+1", 1000)+")", n/2002) + "; }"
	}},
	{"fields of a record", "too-deep", func(n int) string {
		var b strings.Builder
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, "f%d=1,", i)
		}
		return "begin { $x = (" + b.String() + "); }"
	}},
	{"stars", "", func(n int) string { return "begin { $x = (struct s " + strings.Repeat("*", n) + ")1; }" }},
	{"arguments", "", func(n int) string { return "begin { f(1" + strings.Repeat(",1", n/2) + "); }" }},
	{"one string", "", func(n int) string { return "begin { f(\"" + strings.Repeat("x", n) + "\"); }" }},
	{"escapes", "", func(n int) string { return "begin { f(\"" + strings.Repeat(`\n`, n/2) + "\"); }" }},
	{"one comment", "", func(n int) string { return "begin { /*" + strings.Repeat("x\n", n/2) + "*/ }" }},
	{"comments", "", func(n int) string { return "begin { " + strings.Repeat("/**/", n/4) + " }" }},
	{"lines of comments", "", func(n int) string { return strings.Repeat("// x\n", n/5) + "begin { }" }},
	{"blanks", "", func(n int) string { return "begin {" + strings.Repeat(" \n", n/2) + "}" }},
	{"statements", "", func(n int) string { return "begin {" + strings.Repeat("$x = 1;\n", n/8) + "}" }},
	{"probes", "", func(n int) string { return strings.Repeat("kprobe:f { @ = 1; }\n", n/20) }},
	{"attach points", "", func(n int) string { return strings.Repeat("kprobe:f,\n", n/10) + " { }" }},
	{"alternatives", "", func(n int) string { return "ret:f" + strings.Repeat("|a", n/2) + " { }" }},
	{"one attach point", "", func(n int) string { return "ret:f" + strings.Repeat(":a", n/2) + " { }" }},
	{"structs", "", func(n int) string { return strings.Repeat("struct s { int a; };\n", n/21) + "begin { }" }},
	{"struct words", "expected-token", func(n int) string { return strings.Repeat("struct ( ", n/9) + "{ }" }},
	{"struct pieces", "expected-token", func(n int) string { return strings.Repeat("struct ( {} ", n/12) }},
	{"divisions", "", func(n int) string { return "k:f /1" + strings.Repeat("/1", 4000) + "/ { }" + strings.Repeat("\n", n) }},
	{"division comments", "expected-token", func(n int) string { return "k:f /1" + strings.Repeat("/ /*x*/", n/7) + " { }" }},
	{"probes inside", "unclosed-brace", func(n int) string { return strings.Repeat("k:a { k:b { ", n/12) }},
	{"errors", "expected-token", func(n int) string { return "begin { " + strings.Repeat("$x = ;", n/6) + "}" }},
	{"wrong heads", "expected-token", func(n int) string { return strings.Repeat("macro;\n", n/7) }},
	{"stray braces", "expected-token", func(n int) string { return strings.Repeat("}", n) }},
	{"open strings", "unterminated-string", func(n int) string { return "begin {" + strings.Repeat("\"\n", n/2) + "}" }},
	{"bad characters", "bad-character", func(n int) string { return "begin {" + strings.Repeat("`1", n/2) + "}" }},
	{"letters", "expected-token", func(n int) string { return strings.Repeat("a", n) }},
	{"digits", "bad-integer", func(n int) string { return "begin { f(" + strings.Repeat("1", n) + "); }" }},
	{"parameter", "bad-positional", func(n int) string { return "begin { f($" + strings.Repeat("1", n) + "); }" }},
	{"shebang", "", func(n int) string { return "#!" + strings.Repeat("x", n) }},
	{"lines", "", func(n int) string { return strings.Repeat("\n", n) }},
	{"zeros", "not-text", func(n int) string { return strings.Repeat("\x00", n) }},
	{"zeros later", "bad-character", func(n int) string { return strings.Repeat("\n", 5000) + strings.Repeat("\x00", n) }},
	{"noise", "not-text", func(n int) string {
		r := rand.New(rand.NewPCG(1, 2))
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	}},
	{"printable noise", "", func(n int) string {
		r := rand.New(rand.NewPCG(1, 2))
		b := make([]byte, n)
		for i := range b {
			b[i] = ' ' + byte(r.IntN(95))
		}
		return string(b)
	}},
	{"utf-16", "not-text", func(n int) string { return "\xff\xfe" + strings.Repeat("a\x00", n/2) }},
	{"elf", "not-text", func(n int) string { return "\x7fELF" + strings.Repeat("a", n) }},
}

// nest is n times open, the middle, n times closing.
func nest(open, middle, closing string, n int) string {
	return strings.Repeat(open, n) + middle + strings.Repeat(closing, n)
}

// TestHuge parses scripts that are far too deep, long or wrong: the answer is
// a message or a tree, in time that grows with the size and not faster.
func TestHuge(t *testing.T) {
	size := 150_000 // more words than this are refused as too long (maxWords)
	if testing.Short() {
		size = 100_000
	}
	for _, c := range huge {
		t.Run(c.name, func(t *testing.T) {
			script := c.make(size)
			start := cpuTime()
			f, diags := Parse(source.New("t", script))
			took := cpuTime() - start
			if took > 2*time.Second {
				t.Errorf("%d bytes took %v", len(script), took)
			}
			if len(diags.All) > maxErrors+maxBadRuns+1 {
				t.Errorf("%d messages", len(diags.All))
			}
			if c.code != "" && !contains(codesIn(diags.All), c.code) {
				t.Errorf("no message with the code %s: %v", c.code, codesIn(diags.All))
			}
			if c.code == "" && c.name != "printable noise" && diags.HasErrors() {
				t.Errorf("unexpected message: %v", diags.Err())
			}
			Format(f) // neither fails nor takes long on what is left
			ParseCSection(f.Items, CInput{})
			IsItem(script)
			Incomplete(script)
			if took := cpuTime() - start; took > 4*time.Second {
				t.Errorf("all together took %v", took)
			}
		})
	}
}

// TestTenMegabytes parses scripts of 10 MB: no more of them is read than what
// somebody may have written.
func TestTenMegabytes(t *testing.T) {
	size := 10_000_000
	if testing.Short() {
		size /= 5
	}
	for _, piece := range []string{
		"kprobe:vfs_read /pid == 1/ { @x[comm, tid] = count(); }\n", "{", "(", "1+", "@ = 1; ", "if (1) {", "a", "\n", "struct s { int a; };\n",
	} {
		for _, head := range []string{"", "begin { "} {
			script := head + strings.Repeat(piece, size/len(piece))
			start := cpuTime()
			_, diags := Parse(source.New("t", script))
			if took := cpuTime() - start; took > 5*time.Second {
				t.Errorf("%s%s… took %v", head, piece, took)
			}
			if words := size / len(piece); words > 2*maxWords && piece != "a" && piece != "\n" && !strings.HasPrefix(piece, "struct") && !diags.HasErrors() {
				t.Errorf("%s%s… was read to its end", head, piece)
			}
		}
	}
}

// TestLong parses a script that is as long as it may be.
func TestLong(t *testing.T) {
	const words = 29 // of a probe, with the end
	script := strings.Repeat("kprobe:vfs_read /pid == 1/ { @x[comm, tid] = count(); printf(\"%d\\n\", arg0 + 1); }\n", maxWords/words)
	start := cpuTime()
	f, diags := Parse(source.New("t", script))
	if diags.HasErrors() {
		t.Error(diags.Err())
	}
	if len(f.Items) != maxWords/words {
		t.Errorf("%d probes", len(f.Items))
	}
	if took := cpuTime() - start; took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestTruncated parses every beginning of some scripts: no panic, and an error
// at the end or none at all.
func TestTruncated(t *testing.T) {
	for name, text := range corpus(t) {
		for n := range len(text) {
			f, _ := Parse(source.New(name, text[:n]))
			ParseCSection(f.Items, CInput{})
		}
	}
}

// TestOneByteChanged parses scripts with one byte replaced or left out.
func TestOneByteChanged(t *testing.T) {
	puts := []string{"{", "}", "(", "\"", "/", ";", "\x00", "\xff", ":", "\n", "#", "*/", "|", ",", "$", "@", "if "}
	for name, text := range corpus(t) {
		for n := range len(text) {
			for _, put := range []string{"", puts[n%len(puts)]} {
				f, diags := Parse(source.New(name, text[:n]+put+text[n+1:]))
				if !diags.HasErrors() && n%7 == 0 {
					roundTrip(t, f)
				}
			}
			if t.Failed() {
				t.Fatalf("%s with byte %d changed", name, n)
			}
		}
	}
}

// cpuTime returns the CPU time that this process has used. Limits are set in it,
// since the wall clock also counts what other processes do.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
