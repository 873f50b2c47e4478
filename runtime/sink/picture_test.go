package sink

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
	"probe/runtime/profile"
)

// symbols knows two stacks.
type symbols struct{ value.NoResolver }

func (symbols) Stack(id uint64, n int) []uint64 {
	all := map[uint64][]uint64{1: {0x10, 0x20}, 2: {0x30}}[id]
	if len(all) < n {
		return nil
	}
	return all[:n]
}

func (symbols) KStackFrame(a uint64) []value.Frame {
	switch a {
	case 0x10:
		return []value.Frame{{Name: "inlined"}, {Name: "vfs_read"}}
	case 0x20:
		return []value.Frame{{Name: "kvm_run", Module: "kvm"}}
	}
	return nil
}

func (symbols) UStackFrame(a uint64, _, _ uint32, _ bool) []value.Frame {
	if a == 0x30 {
		return []value.Frame{{Name: "read", Module: "/lib/libc.so.6"}}
	}
	return nil
}

func bits(ns ...uint64) (b []byte) {
	for _, n := range ns {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

// pictureOf draws maps as folded stacks.
func pictureOf(t *testing.T, events ...event.Event) (folded, rest string, err error) {
	t.Helper()
	var to, out strings.Builder
	text, err := New("text", Config{Out: &out, Err: &out})
	if err != nil {
		t.Fatal(err)
	}
	form, ok := profile.ByFile("x.folded")
	if !ok {
		t.Fatal("no form for x.folded")
	}
	s := NewPicture(text, &to, form, "title")
	event.Hold(s)
	for _, e := range events {
		s.Take(e)
	}
	event.Release(s)
	err = s.Close()
	return to.String(), out.String(), err
}

func TestPicture(t *testing.T) {
	kstack := &types.Type{Kind: types.KStack, Size: 16, Limit: 127}
	ustack := &types.Type{Kind: types.UStack, Size: 24, Limit: 127}
	key := types.TupleType(types.StringType(7), kstack, ustack)
	count := &types.Type{Kind: types.Count, Size: 8}
	entry := func(comm string, k, n uint64, val ...uint64) value.Entry {
		b := append([]byte(comm), make([]byte, 8-len(comm))...)
		return value.Entry{Key: append(append(b, bits(k, n)...), bits(9, 2, 1)...), Val: bits(val...)}
	}
	final := func(name string, k, v *types.Type, e ...value.Entry) *event.Map {
		return &event.Map{Name: name, Key: k, Val: v, Entries: e, Final: true, Resolver: symbols{}}
	}
	got, rest, err := pictureOf(t,
		final("", key, count, entry("dd", 1, 2, 5), entry("a;b", 1, 1, 2), entry("dd", 7, 1, 3), entry("no", 1, 2, 0)),
		final("other", types.Int64, count, value.Entry{Key: bits(1), Val: bits(4)}),
		&event.Map{Name: "", Key: key, Val: count, Resolver: symbols{}}, // not at the end
	)
	if err != nil {
		t.Fatal(err)
	}
	const want = "a:b;read [libc.so.6];vfs_read;inlined 2\ndd;read [libc.so.6];[stack not kept] 3\ndd;read [libc.so.6];kvm_run [kvm];vfs_read;inlined 5\n"
	if got != want {
		t.Errorf("folded:\n%swant\n%s", got, want)
	}
	if rest != "@other[1]: 4\n" {
		t.Errorf("the rest of the output is %q", rest)
	}

	// A key that is a stack, and values of other kinds.
	hist := &types.Type{Kind: types.Hist, Size: 8}
	stats := &types.Type{Kind: types.Stats, Size: 16}
	got, _, err = pictureOf(t, final("us", kstack, stats, value.Entry{Key: bits(1, 1), Val: bits(700, 2)}))
	if err != nil || got != "vfs_read;inlined 700\n" {
		t.Errorf("stats: %q, %v", got, err)
	}
	got, _, err = pictureOf(t, final("h", kstack, hist, value.Entry{Key: bits(1, 1), Buckets: []value.Bucket{{Index: 2, Count: 3}, {Index: 5, Count: 4}}}))
	if err != nil || got != "vfs_read;inlined 7\n" {
		t.Errorf("hist: %q, %v", got, err)
	}

	// Several maps stand side by side, each below its name; their units differ.
	var maps StackMaps
	for _, m := range []*event.Map{final("", kstack, count, value.Entry{Key: bits(1, 1), Val: bits(4)}), final("us", kstack, stats, value.Entry{Key: bits(1, 1), Val: bits(700, 2)})} {
		if !maps.Add(m) {
			t.Errorf("@%s has no stacks", m.Name)
		}
	}
	var b strings.Builder
	p, err := maps.Profile("title")
	if err != nil {
		t.Fatal(err)
	}
	form, _ := profile.ByFile("x.folded")
	if err := form.Write(&b, p); err != nil || b.String() != "@;vfs_read;inlined 4\n@us;vfs_read;inlined 700\n" {
		t.Errorf("two maps: %q, %v", b.String(), err)
	}
	if maps.Unit() != "units" || maps.Maps() != 2 {
		t.Errorf("two maps: %d in %s", maps.Maps(), maps.Unit())
	}
	// So do maps of a recording.
	var again StackMaps
	again.AddMap("bytes", "bytes", 3, []profile.Frame{{Name: "f"}, {Name: "g"}}, []profile.Sample{{Stack: []int{1, 0}, Values: []int64{9}}})
	if p, err = again.Profile(""); err != nil || p.Left == "" || p.Types[0].Unit != "bytes" {
		t.Errorf("a recorded map: %+v, %v", p, err)
	}
	b.Reset()
	if err := form.Write(&b, p); err != nil || b.String() != "g;f 9\n" {
		t.Errorf("a recorded map: %q, %v", b.String(), err)
	}

	// Nothing to draw is an error, and says why.
	var nothing NothingError
	if _, _, err = pictureOf(t, final("other", types.Int64, count)); !errors.As(err, &nothing) || !strings.Contains(err.Error(), "@[kstack] = count()") {
		t.Errorf("no stacks: %v", err)
	}
	if _, _, err = pictureOf(t, final("", key, count)); !errors.As(err, &nothing) || !strings.Contains(err.Error(), "empty") {
		t.Errorf("no entries: %v", err)
	}
}
