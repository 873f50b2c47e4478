package repl

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"probe/lang/types"
	"probe/lang/value"
	"probe/runtime/event"
)

func TestStructAndProto(t *testing.T) {
	tr := play(t, ":struct task\nstruct pair { int a; struct task t; };\n:struct pair nested\n:struct struct task\n:proto vfs_read\n:type struct task\n:type struct task *\n:type uint16\n")
	task := "struct task: 16 bytes\n     0     4  int32 pid\n     8     8  struct task * parent\n"
	want := task + "struct pair: 24 bytes\n     0     4  int32 a\n     8    16  struct task t\n       8     4  int32 pid\n      16     8  struct task * parent\n" + task +
		"int64 vfs_read(struct task * task, uint64 count)\nstruct task, 16 bytes\nstruct task *, 8 bytes\nuint16, 2 bytes\nthe end\n"
	if tr.out != want || tr.err != "" {
		t.Errorf("printed\n%s%s\nwant\n%s", tr.out, tr.err, want)
	}
	for _, c := range []struct{ input, want string }{
		{":struct", "`:struct` needs the name of a struct"}, {":struct taks", "help: a struct with a similar name exists: `:struct task`"},
		{":proto", "`:proto` needs the name of a function"}, {":proto vfs_reed", "help: a function with a similar name exists: `:proto vfs_read`"},
		{":proto vfs_*", "`:proto` needs the name of a function"}, {":x", "`:x` needs an expression"}, {":deep", "`:deep` needs an expression"},
	} {
		if tr := play(t, c.input); !strings.Contains(tr.err, c.want) {
			t.Errorf("%q gave\n%s, want\n%s", c.input, tr.err, c.want)
		}
	}
	if tr := play(t, ":x 255\n:x -1\n:x \"text\"\n"); tr.out != "0xff\n0xff\ntext\nthe end\n" {
		t.Errorf("in hexadecimal printed %q", tr.out)
	}
}

// A struct that was typed for is shown over several lines, with its pointers
// noted for :deep; others as ever.
func TestObjects(t *testing.T) {
	k := newFakeKernel()
	state := types.RecordType(&types.Struct{Name: "state", Flavour: types.CStruct, Size: 8, Members: []types.Field{
		{Name: "n", Type: types.Int32}, {Name: "m", Type: types.Int32, Offset: 4},
	}})
	long := types.RecordType(&types.Struct{Name: "long", Flavour: types.CStruct, Size: 32, Members: []types.Field{
		{Name: "a_long_name_for_a_member", Type: types.Uint64}, {Name: "another_long_name", Type: types.PointerTo(k.task, types.Kernel), Offset: 8},
		{Name: "state", Type: state, Offset: 16}, {Name: "none", Type: types.PointerTo(k.task, types.Kernel), Offset: 24},
	}})
	outer := types.RecordType(&types.Struct{Name: "outer", Flavour: types.CStruct, Size: 40, Members: []types.Field{
		{Name: "text", Type: types.StringType(8)}, {Name: "long", Type: long, Offset: 8},
	}})
	b := append([]byte("a text\x00\x00"), make([]byte, 32)...)
	for i, n := range []uint64{255, 0xffff1000, 0xffffffff00000007} {
		binary.LittleEndian.PutUint64(b[8+8*i:], n)
	}
	var out bytes.Buffer
	r := newRepl(testConfig(strings.NewReader("")))
	r.out = &out
	passed := 0
	o := &objects{Sink: takes(func(event.Event) { passed++ }), r: r}
	e := &event.Value{Value: value.Value{T: outer, B: b}, Resolver: r.resolver}

	o.Take(e) // not typed for: a clause printed it
	if passed != 1 || out.Len() > 0 {
		t.Errorf("the value of a clause was shown as %q", out.String())
	}
	for _, c := range []struct {
		hex  bool
		want string
	}{
		{false, `struct outer {
  .text = "a text",
  .long = (struct long) {
    .a_long_name_for_a_member = 255,
    .another_long_name = (struct task *) 0xffff1000,
    .state = (struct state) { .n = 7, .m = -1 },
    .none = NULL,
  },
}
`},
		{true, `struct outer {
  .text = "a text",
  .long = (struct long) {
    .a_long_name_for_a_member = 0xff,
    .another_long_name = (struct task *) 0xffff1000,
    .state = (struct state) { .n = 0x7, .m = 0xffffffff },
    .none = NULL,
  },
}
`},
	} {
		var pointers []pointer
		r.form.Store(&form{hex: c.hex, label: "x -> ", pointers: &pointers})
		out.Reset()
		o.Take(e)
		if got := out.String(); got != "x -> "+c.want {
			t.Errorf("shown as\n%s\nwant\n%s", got, c.want)
		}
		if len(pointers) != 1 || pointers[0] != (pointer{"long.another_long_name", "struct task", 0xffff1000}) {
			t.Errorf("the pointers are %v", pointers)
		}
	}
	if passed != 1 {
		t.Errorf("%d events were passed on", passed)
	}
}

type takes func(event.Event)

func (f takes) Take(e event.Event) { f(e) }
func (takes) Close() error         { return nil }

func (takes) Done() <-chan struct{} { return nil }
