package tracefs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var common = []Field{
	{Name: "common_type", Type: "unsigned short", Offset: 0, Size: 2},
	{Name: "common_flags", Type: "unsigned char", Offset: 2, Size: 1},
	{Name: "common_preempt_count", Type: "unsigned char", Offset: 3, Size: 1},
	{Name: "common_pid", Type: "int", Offset: 4, Size: 4, Signed: true},
}

// Whole files as kernels write them; the version is in the file's name.
func TestParseFormat(t *testing.T) {
	for _, test := range []struct {
		file   string
		name   string
		id     int
		size   uint32
		fields []Field
	}{
		{"sys_enter-6.18", "sys_enter", 443, 64, []Field{
			{Name: "id", Type: "long", Offset: 8, Size: 8, Signed: true},
			{Name: "args", Type: "unsigned long", Offset: 16, Size: 48, Array: true, Len: 6},
		}},
		{"sched_switch-6.18", "sched_switch", 372, 64, []Field{
			{Name: "prev_comm", Type: "char", Offset: 8, Size: 16, Array: true, Len: 16},
			{Name: "prev_pid", Type: "pid_t", Offset: 24, Size: 4, Signed: true},
			{Name: "prev_prio", Type: "int", Offset: 28, Size: 4, Signed: true},
			{Name: "prev_state", Type: "long", Offset: 32, Size: 8, Signed: true},
			{Name: "next_comm", Type: "char", Offset: 40, Size: 16, Array: true, Len: 16},
			{Name: "next_pid", Type: "pid_t", Offset: 56, Size: 4, Signed: true},
			{Name: "next_prio", Type: "int", Offset: 60, Size: 4, Signed: true},
		}},
		{"net_dev_xmit-6.18", "net_dev_xmit", 2306, 28, []Field{
			{Name: "skbaddr", Type: "void *", Offset: 8, Size: 8},
			{Name: "len", Type: "unsigned int", Offset: 16, Size: 4},
			{Name: "rc", Type: "int", Offset: 20, Size: 4, Signed: true},
			{Name: "name", Type: "char", Offset: 24, Size: 4, Array: true, Loc: DataLoc},
		}},
		{"sys_enter_execve-6.18", "sys_enter_execve", 862, 40, []Field{
			{Name: "__syscall_nr", Type: "int", Offset: 8, Size: 4, Signed: true},
			{Name: "filename", Type: "const char *", Offset: 16, Size: 8},
			{Name: "argv", Type: "const char *const *", Offset: 24, Size: 8},
			{Name: "envp", Type: "const char *const *", Offset: 32, Size: 8},
		}},
		{"sys_enter_openat-7.2", "sys_enter_openat", 760, 52, []Field{
			{Name: "__syscall_nr", Type: "int", Offset: 8, Size: 4, Signed: true},
			{Name: "dfd", Type: "int", Offset: 16, Size: 8},
			{Name: "filename", Type: "const char *", Offset: 24, Size: 8},
			{Name: "flags", Type: "int", Offset: 32, Size: 8},
			{Name: "mode", Type: "umode_t", Offset: 40, Size: 8},
			{Name: "__filename_val", Type: "char", Offset: 48, Size: 4, Array: true, Loc: DataLoc},
		}},
		{"ipi_send_cpumask-6.18", "ipi_send_cpumask", 353, 32, []Field{
			{Name: "cpumask", Type: "cpumask_t", Offset: 8, Size: 4, Loc: DataLoc},
			{Name: "callsite", Type: "void *", Offset: 16, Size: 8},
			{Name: "callback", Type: "void *", Offset: 24, Size: 8},
		}},
		{"kernel_stack-6.18", "kernel_stack", 4, 80, []Field{
			{Name: "size", Type: "int", Offset: 8, Size: 4, Signed: true},
			{Name: "caller", Type: "unsigned long", Offset: 16, Size: 64, Array: true, Len: 8},
		}},
	} {
		t.Run(test.file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", test.file+".format"))
			if err != nil {
				t.Fatal(err)
			}
			f, err := ParseFormat(text)
			if err != nil {
				t.Fatal(err)
			}
			want := &Format{Name: test.name, ID: test.id, Common: common, Fields: test.fields, Print: f.Print}
			if diff := cmp.Diff(want, f); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got := f.Size(); got != test.size {
				t.Errorf("Size() = %d, want %d", got, test.size)
			}
			if !strings.HasPrefix(f.Print, `"`) {
				t.Errorf("Print = %q, want a format string", f.Print)
			}
		})
	}
}

// Every sample parses, wherever it is from.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("testdata/*.format")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := ParseFormat(text)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if got, want := len(f.Common)+len(f.Fields), strings.Count(string(text), "\tfield:"); got != want {
			t.Errorf("%s: %d fields, want %d", file, got, want)
		}
		if len(f.Common) != len(common) {
			t.Errorf("%s: %d common fields, want %d", file, len(f.Common), len(common))
		}
	}
}

// Lengths that the kernel writes as constants or expressions (5.10).
func TestLengths(t *testing.T) {
	for _, test := range []struct {
		file, field string
		want        Field
	}{
		{"ext4_fc_stats-5.10", "fc_ineligible_rc", Field{Type: "unsigned int", Size: 44, Array: true, Len: 11}},
		{"tcp_probe-5.10", "saddr", Field{Type: "__u8", Size: 28, Array: true, Len: 28}},
	} {
		text, err := os.ReadFile(filepath.Join("testdata", test.file+".format"))
		if err != nil {
			t.Fatal(err)
		}
		f, err := ParseFormat(text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := f.Field(test.field)
		if !ok {
			t.Fatalf("%s has no field %s", test.file, test.field)
		}
		test.want.Name, test.want.Offset = test.field, got.Offset
		if diff := cmp.Diff(&test.want, got); diff != "" {
			t.Errorf("%s, -want +got:\n%s", test.file, diff)
		}
	}
}

// Declarations seen between 4.x and 7.x.
func TestDeclarations(t *testing.T) {
	for _, test := range []struct {
		decl string
		size int
		want Field
	}{
		{"u64 addr", 8, Field{Name: "addr", Type: "u64"}},
		{"char comm[16]", 16, Field{Name: "comm", Type: "char", Array: true, Len: 16}},
		{"char comm[TASK_COMM_LEN]", 16, Field{Name: "comm", Type: "char", Array: true, Len: 16}},
		{"char rwbs[8 + 2]", 10, Field{Name: "rwbs", Type: "char", Array: true, Len: 10}},
		{"unsigned long args[ENUM_NAME]", 48, Field{Name: "args", Type: "unsigned long", Array: true, Len: 6}},
		{"const char * names[COUNT]", 24, Field{Name: "names", Type: "const char *", Array: true, Len: 3}},
		{"struct thing things[COUNT]", 24, Field{Name: "things", Type: "struct thing", Array: true}},
		{"u32 buf[]", 0, Field{Name: "buf", Type: "u32", Array: true}},
		{"u8 mac[0x6]", 6, Field{Name: "mac", Type: "u8", Array: true, Len: 6}},
		{"__data_loc char[] filename", 4, Field{Name: "filename", Type: "char", Array: true, Loc: DataLoc}},
		{"__data_loc  unsigned long[]  mask", 4, Field{Name: "mask", Type: "unsigned long", Array: true, Loc: DataLoc}},
		{"__rel_loc char[] msg", 4, Field{Name: "msg", Type: "char", Array: true, Loc: RelLoc}},
		{"__rel_loc cpumask_t cpus", 4, Field{Name: "cpus", Type: "cpumask_t", Loc: RelLoc}},
		{"const void* ip", 8, Field{Name: "ip", Type: "const void*"}},
		{"void __seg_gs * ptr", 8, Field{Name: "ptr", Type: "void __seg_gs *"}},
		{"const struct landlock_ruleset_attr *const attr", 8, Field{Name: "attr", Type: "const struct landlock_ruleset_attr *const"}},
		{"enum  tcp_ca_state  s", 4, Field{Name: "s", Type: "enum tcp_ca_state"}},
		{"void (*function)(struct timer_list *)", 8, Field{Name: "function", Type: "void (*)(struct timer_list *)"}},
		{"struct sockaddr_storage saddr", 128, Field{Name: "saddr", Type: "struct sockaddr_storage"}},
	} {
		t.Run(test.decl, func(t *testing.T) {
			text := fmt.Sprintf("name: x\nID: 1\nformat:\n\tfield:%s;\toffset:8;\tsize:%d;\tsigned:1;\n", test.decl, test.size)
			f, err := ParseFormat([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			test.want.Offset, test.want.Size, test.want.Signed = 8, uint32(test.size), true
			if diff := cmp.Diff([]Field{test.want}, f.Fields); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got, ok := f.Field(test.want.Name); !ok || got.Offset != 8 {
				t.Errorf("Field(%q) = %v, %v", test.want.Name, got, ok)
			}
		})
	}
}

// The text to print may hold line ends, and anything that looks like a field.
func TestPrint(t *testing.T) {
	f, err := ParseFormat([]byte("name: x\nformat:\n\tfield:int x;\toffset:8;\tsize:4;\tsigned:1;\n\nprint fmt: \"a\nfield:b %d\", REC->x\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "\"a\nfield:b %d\", REC->x"; f.Print != want || len(f.Fields) != 1 {
		t.Errorf("Print = %q with %d fields, want %q with 1", f.Print, len(f.Fields), want)
	}
}

func TestParseFormatRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":           "",
		"other file":      "# tracer: nop\n#\n",
		"no semicolon":    "\tfield:int x\n",
		"no offset":       "\tfield:int x;\tsize:4;\tsigned:1;\n",
		"no size":         "\tfield:int x;\toffset:4;\tsigned:1;\n",
		"negative offset": "\tfield:int x;\toffset:-1;\tsize:4;\n",
		"huge size":       "\tfield:int x;\toffset:1;\tsize:99999999999;\n",
		"not a number":    "\tfield:int x;\toffset:1;\tsize:four;\n",
		"no name":         "\tfield:int *;\toffset:1;\tsize:4;\n",
		"no type":         "\tfield:x;\toffset:1;\tsize:4;\n",
		"bracket":         "\tfield:int ]x[;\toffset:1;\tsize:4;\n",
		"open bracket":    "\tfield:int x[4;\toffset:1;\tsize:4;\n",
		"function":        "\tfield:void (*;\toffset:1;\tsize:4;\n",
		"bad id":          "name: x\nID: many\n",
	} {
		if f, err := ParseFormat([]byte(text)); err == nil {
			t.Errorf("%s: accepted as %+v", name, f)
		}
	}
}

func FuzzParseFormat(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.format")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("field:__data_loc (*[)] ;offset:1;size:2;"))
	f.Fuzz(func(t *testing.T, text []byte) {
		format, err := ParseFormat(text)
		if err != nil {
			return
		}
		format.Size()
		for _, field := range format.Fields {
			if !identifier(field.Name) || field.Type == "" {
				t.Fatalf("field without name or type: %+v", field)
			}
		}
	})
}

func BenchmarkParseFormat(b *testing.B) {
	text, err := os.ReadFile("testdata/sched_switch-6.18.format")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseFormat(text); err != nil {
			b.Fatal(err)
		}
	}
}
