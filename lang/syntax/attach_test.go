package syntax

import (
	"strings"
	"testing"

	"probe/lang/source"
)

// partsText shows parts with their separators, quoted ones in quotes.
func partsText(parts []AttachPart) string {
	var b strings.Builder
	for _, p := range parts {
		if p.Sep != 0 {
			b.WriteByte(p.Sep)
		}
		text := p.Text
		if p.Quoted {
			text = "'" + text + "'"
		}
		b.WriteString("<" + text + ">")
	}
	return b.String()
}

func TestNewAttachPoint(t *testing.T) {
	for _, c := range []struct{ text, want, alts string }{
		{"begin", "<begin>", ""},
		{"kprobe:vfs_read", "<kprobe>:<vfs_read>", ""},
		{"kprobe:mod:f+0x10", "<kprobe>:<mod>:<f+0x10>", ""},
		{"software:faults:", "<software>:<faults>:<>", ""},
		{"usdt::name", "<usdt>:<>:<name>", ""},
		{`uprobe:"/a b/c:d":f`, "<uprobe>:<'/a b/c:d'>:<f>", ""},
		{`uprobe:/x:"f\"q\\"`, `<uprobe>:</x>:<'f"q\'>`, ""},
		{`uprobe:/x:a"b:c"d`, "<uprobe>:</x>:<'ab:cd'>", ""},
		{"uprobe:app@main.c:12:4", "<uprobe>:<app>@<main.c>:<12>:<4>", ""},
		{"mine=kprobe:f", "mine=<kprobe>:<f>", ""},
		{"fgraph:f:depth=12:only=a_*,b", "<fgraph>:<f>:<depth=12>:<only=a_*,b>", ""},
		{"ret:a|b", "<ret>:<a>", "<ret>:<b>"},
		{"ret:a|b|c", "<ret>:<a>", "<ret>:<b> <ret>:<c>"},
		{"n=ret:m|k:a|b", "n=<ret>:<m>:<a>", "n=<ret>:<m>:<b> n=<ret>:<k>:<a> n=<ret>:<k>:<b>"},
		{"ret:a|ret:b", "<ret>:<a>", "<ret>:<b>"},
		{"ret:a|b|ret:c", "<ret>:<a>", "<ret>:<b> <ret>:<c>"},
		{`call:"a|b"|c`, "<call>:<'a|b'>", "<call>:<c>"},
		{"uprobe:/x:cpp:operator|", "<uprobe>:</x>:<cpp>:<operator|>", ""},
		{"uprobe:/x:cpp:operator||", "<uprobe>:</x>:<cpp>:<operator||>", ""},
		{"route.lookup", "<route.lookup>", ""},
		{"", "<>", ""},
	} {
		t.Run(c.text, func(t *testing.T) {
			f := source.New("t", "xx"+c.text+"yy")
			a := NewAttachPoint(c.text, source.Span{File: f, Start: 2, End: 2 + len(c.text)})
			name := func(a *AttachPoint) string {
				if a.Name != "" {
					return a.Name + "=" + partsText(a.Parts)
				}
				return partsText(a.Parts)
			}
			if got := name(a); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			var alts []string
			for _, alt := range a.Alts {
				alts = append(alts, name(alt))
				if again := name(NewAttachPoint(alt.Raw, source.Span{})); again != name(alt) {
					t.Errorf("raw text %q of an alternative splits into %s, want %s", alt.Raw, again, name(alt))
				}
			}
			if got := strings.Join(alts, " "); got != c.alts {
				t.Errorf("alternatives %s, want %s", got, c.alts)
			}
			for _, p := range a.Parts {
				if got := p.At.At.Text(); !p.Quoted && got != p.Text {
					t.Errorf("part %q has the place of %q", p.Text, got)
				}
			}
			if a.Raw != c.text {
				t.Errorf("raw %q", a.Raw)
			}
		})
	}
}

func TestAttachRawPart(t *testing.T) {
	parts := NewAttachPoint("uprobe:/tmp/a|b:f", source.Span{}).Parts
	if parts[1].Text != "/tmp/a" || parts[1].Raw != "/tmp/a|b" {
		t.Errorf("part with alternatives is %q, raw %q", parts[1].Text, parts[1].Raw)
	}
}

// TestAttachAlternativesBounded gives an attach point with very many
// combinations.
func TestAttachAlternativesBounded(t *testing.T) {
	text := "ret" + strings.Repeat(":a|b", 100)
	if n := len(NewAttachPoint(text, source.Span{}).Alts); n >= maxAlternatives {
		t.Errorf("%d alternatives", n)
	}
}

// TestReplacedAttach splits a text that is not the one in the script.
func TestReplacedAttach(t *testing.T) {
	f := source.New("t", "kprobe:$1")
	at := source.Span{File: f, Start: 0, End: len(f.Text)}
	for _, p := range NewAttachPoint("kprobe:vfs_read", at).Parts {
		if p.At.At != at {
			t.Errorf("part %q is at %v", p.Text, p.At.At)
		}
	}
}

// TestHeads checks how the heads of probes are cut into attach points.
func TestHeads(t *testing.T) {
	for _, c := range []struct{ script, want, pred string }{
		{"BEGIN{}", "BEGIN", ""},
		{"kprobe:a,kprobe:b , kprobe:c,,{}", "kprobe:a kprobe:b kprobe:c", ""},
		{"begin/pid == 1/{}", "begin", "pid == 1"},
		{"uprobe:/usr/bin/x:f /1 / 2/ {}", "uprobe:/usr/bin/x:f", "1 / 2"},
		{"uprobe:/usr/bin/x:f// {}", "uprobe:/usr/bin/x:f//", ""},
		{"uprobe:\"a,b {c}\":f {}", "uprobe:\"a,b {c}\":f", ""},
		{"kprobe:a // c, d {\n{}", "kprobe:a", ""},
		{"kprobe:a/*c*/{}", "kprobe:a/*c*/", ""},
		{"kprobe:a /*c*/{}", "kprobe:a", ""},
		{"begin /*c*/ /1/ {}", "begin", "1"},
		{"$1 {}", "$1", ""},
		{"k$1be:$2 {}", "k$1be:$2", ""},
		{"route.lookup, x=k:f {}", "route.lookup x=k:f", ""},
		{"fgraph:f:only=a,b:skip=c,d {}", "fgraph:f:only=a,b:skip=c,d", ""},
		{"FGRAPH:f:only=a, fgraph:g,kprobe:h {}", "FGRAPH:f:only=a fgraph:g kprobe:h", ""},
		{"fgraph:f:depth=1,kprobe:h {}", "fgraph:f:depth=1 kprobe:h", ""},
		{"s=fgraph:f:skip=a,b/x {}", "s=fgraph:f:skip=a,b/x", ""},
		{"ret:a | ret:b, k:c {}", "ret:a | ret:b k:c", ""},
		{"config=k:f {}", "config=k:f", ""},
		{"let:x {}", "let:x", ""},
		{"struct:x {}", "struct:x", ""},
		{"interval:s:1 /(arg0 / 2) / 3 == 1/\n// c\n{}", "interval:s:1", "(arg0 / 2) / 3 == 1"},
	} {
		t.Run(c.script, func(t *testing.T) {
			f := parseOK(t, "t", c.script)
			pr, ok := f.Items[0].(*Probe)
			if !ok {
				t.Fatalf("read as %T", f.Items[0])
			}
			var raws []string
			for _, a := range pr.Attach {
				raws = append(raws, a.Raw)
			}
			if got := strings.Join(raws, " "); got != c.want {
				t.Errorf("attach points %q, want %q", got, c.want)
			}
			pred := ""
			if pr.Pred != nil {
				pred = pr.Pred.Span().Text()
			}
			if pred != c.pred {
				t.Errorf("predicate %q, want %q", pred, c.pred)
			}
			roundTrip(t, f)
		})
	}
}
