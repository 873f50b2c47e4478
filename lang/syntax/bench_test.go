package syntax

import (
	"fmt"
	"strings"
	"testing"

	"probe/lang/source"
)

// benchScripts are scripts of the sizes that the goals are stated for.
var benchScripts = []struct{ name, text string }{
	{"oneliner", "kprobe:vfs_read /pid == 1/ { @[comm] = count(); }"},
	{"20lines", script(20)},
	{"1000lines", script(1000)},
}

// script makes a script of n lines with probes of ten lines each.
func script(n int) string {
	var b strings.Builder
	for i := 0; i < n; i += 10 {
		fmt.Fprintf(&b, `// probe number %d
kprobe:tcp_sendmsg_%d,
kprobe:tcp_recvmsg /@seen[tid] && pid != $1/
{
	$sk = (struct sock *)arg0;
	if ($sk->__sk_common.skc_family == 2) {
		printf("%%-6d %%-16s %%d\n", pid, comm, $sk->__sk_common.skc_dport);
	}
	@bytes[comm, $sk] = sum(arg2 + %d * 1024);
}
`, i, i, i)
	}
	return b.String()
}

func BenchmarkParse(b *testing.B) {
	for _, s := range benchScripts {
		b.Run("script="+s.name, func(b *testing.B) {
			f := source.New("bench", s.text)
			releaseGrammar(acquireGrammar()) // built before the clock starts
			b.SetBytes(int64(len(s.text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, diags := Parse(f); len(diags.All) > 0 {
					b.Fatal(diags.Err())
				}
			}
		})
	}
}

func BenchmarkFormat(b *testing.B) {
	for _, s := range benchScripts {
		b.Run("script="+s.name, func(b *testing.B) {
			f, _ := Parse(source.New("bench", s.text))
			b.ReportAllocs()
			for b.Loop() {
				Format(f)
			}
		})
	}
}

// BenchmarkNewGrammar measures what the first Parse of a process costs on top
// of the later ones.
func BenchmarkNewGrammar(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		newGrammar()
	}
}
