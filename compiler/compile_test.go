package compiler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"probe/compiler"
	"probe/compiler/compilertest"
	"probe/compiler/target"
	"probe/internal/golden"
	"probe/lang/diag"
	"probe/stdlib"
)

// build checks and compiles a script; stages get the text of each stage.
func build(script string, tg *target.Target, stages func(stage, program, text string)) (*compiler.Object, diag.List) {
	return buildWith(script, compiler.Config{Target: tg, Dump: stages})
}

// buildWith is build with more to say about the compilation.
func buildWith(script string, config compiler.Config) (*compiler.Object, diag.List) {
	k := compilertest.NewKernel()
	p, list := k.Check(script)
	if list.HasErrors() {
		return nil, list
	}
	config.Builtins, config.Types = stdlib.Table(), k
	return compiler.Compile(p, config)
}

// scripts touch every construct of the language that becomes code.
var scripts = map[string]string{
	"arithmetic":    `kprobe:f { $a = arg0 * 3 + 7 / (arg1 + 1); @x = ($a << 2) % 5 ^ ~arg2; @y = -$a; }`,
	"signed":        `begin { $a = (int8)-3; if ($a < 0) { @ = (uint16)$a; } }`,
	"conditions":    `kprobe:f /arg0 > 3 && (arg1 == 0 || !arg2)/ { @ = arg0 ? 1 : 2; @e = arg1 ?: 9; }`,
	"strings":       `kprobe:f { if (comm == "sshd" || strncmp(comm, "ba", 2) == 0) { @[comm, str(arg0)] = count(); } }`,
	"search":        `kprobe:f { @a = strcontains(str(arg0), "needle"); @b = strlen(str(arg1)); @c = strstr(comm, "x"); }`,
	"structs":       `fexit:f { @[args.task->real_parent->comm] = sum(args.task->bits); print(args.task->pid); }`,
	"casts":         `kprobe:f { $t = (struct task_struct *)arg0; @ = $t->real_parent->pid; @s = *$t; }`,
	"curtask":       `kprobe:f { printf("%d %s %d\n", ppid, pcomm, curtask->pid); }`,
	"tuples":        `kprobe:f { $t = (arg0, "x", (1, comm)); @[$t.0, $t.2.1] = $t; }`,
	"maps":          `kprobe:f { @a[tid] = nsecs; @a[tid]++; @s = "text"; delete(@a, tid); if (has_key(@a, 1)) { zero(@a); clear(@a); } @n += 2; }`,
	"aggregations":  `kprobe:f { @c = count(); @s = sum(arg0); @m[pid] = min(arg0); @x[pid] = max(arg0); @a = avg(arg0); @t[comm] = stats(arg0); }`,
	"histograms":    `kprobe:f { @h = hist(arg0); @k[comm] = hist(arg0, 3); @l = lhist(arg0, 0, 100, 10); @m[pid] = lhist(arg1, 0, 9, 1); }`,
	"stacks":        `kprobe:f { @[kstack, ustack(perf, 5)] = count(); @n = len(kstack); }`,
	"addresses":     `kprobe:f { printf("%s %s %s\n", ntop(arg0), macaddr(arg1), ksym(arg2)); }`,
	"buffers":       `kprobe:f { @ = buf(arg0, arg1); printf("%r", buf(arg0, 16)); }`,
	"times":         `begin { printf("%s %d\n", strftime("%H", nsecs), elapsed); time(); }`,
	"output":        `begin { printf("%d %s %p\n", 1, "a", (void *)0); print((1, "b")); print("s"); errorf("e %d", 2); exit(3); }`,
	"effects":       `begin { $i = 0; printf("%d %d\n", $i++, $i++); }`,
	"range":         `begin { for ($i : 0..5) { if ($i == 2) { continue; } if ($i == 4) { break; } @[$i] = $i; } }`,
	"long range":    `begin { $s = 0; for ($i : 0..100000) { $s += $i; @[$s] = $i; if ($s > 500) { return; } } print($s); }`,
	"unknown range": `kprobe:f { for ($i : 0..arg0) { @[$i] = count(); } }`,
	"while":         `begin { $i = 0; while ($i < 10) { $i++; @ = $i; } }`,
	"unroll":        `begin { unroll (4) { @ += 1; } }`,
	"entry half":    `ret:f /args.n > 1/ { @ns = hist(duration); @[args.n] = retval; }`,
	"tracepoint":    `tracepoint:a:b { @[args.comm, str(args.name)] = sum(args.ret); print(args); }`,
	"indexing":      `kprobe:f { $s = comm; @ = $s[arg0]; @b = $s[1]; }`,
	"names":         `kprobe:f { printf("%s %s %s %s\n", strerror(arg0), syscall_name(arg1), signal_name(2), errname(-2)); }`,
}

// newer are scripts that need what old kernels lack: the old target says so.
var newer = map[string]string{
	"for map":     `begin { @m[1, 2] = 3; for ($kv : @m) { print(($kv.0.1, $kv.1)); if ($kv.1 == 3) { return; } } }`,
	"nested":      `begin { @m[1] = 3; @o[2] = 4; for ($a : @m) { for ($b : @o) { @s += $a.0 * $b.1; } } }`,
	"len":         `begin { @m[1] = 3; print(len(@m)); }`,
	"reduce":      `kprobe:f { @c[pid] = count(); @m[pid] = max(arg0); @a[pid] = avg(arg0); if (@c[pid] > 5 && @m[pid] > @a[pid]) { print(@c[pid]); } }`,
	"agg in loop": `begin { @c["x"] = sum(3); for ($kv : @c) { printf("%s %d\n", $kv.0, $kv.1); } }`,
}

// TestCompile compiles every script for every target, with and without the
// optimising passes. The IR is verified inside (emit refuses what ir.Verify
// would); the stack stays within its 512 bytes.
func TestCompile(t *testing.T) {
	for name, tg := range compilertest.Targets() {
		for title, script := range scripts {
			t.Run(name+"/"+title, func(t *testing.T) { compiles(t, script, tg) })
		}
		for title, script := range newer {
			t.Run(name+"/"+title, func(t *testing.T) {
				if name != "old" {
					compiles(t, script, tg)
					return
				}
				obj, list := build(script, tg, nil)
				if obj != nil || list.Count(diag.Error) == 0 || list.All[0].Code != "missing-kernel-feature" {
					t.Errorf("an old kernel gets %v, want missing-kernel-feature", list.All)
				}
			})
		}
	}
}

func compiles(t *testing.T, script string, tg *target.Target) {
	t.Helper()
	obj, list := build(script, tg, nil)
	if obj == nil {
		t.Fatalf("%s\ndoes not compile: %v", script, list.All)
	}
	for _, p := range obj.Programs {
		spec := obj.Spec.Programs[p.Name]
		if len(spec.Instructions) == 0 || p.Insns == 0 || len(p.Lines) != p.Insns {
			t.Errorf("program %s: %d instructions, %d slots, %d lines", p.Name, len(spec.Instructions), p.Insns, len(p.Lines))
		}
		for ref := range spec.Instructions.ReferenceOffsets() {
			if strings.HasPrefix(ref, "p_") || strings.HasPrefix(ref, "m_") {
				if obj.Spec.Maps[ref] == nil {
					t.Errorf("program %s refers to map %s, which the object does not have", p.Name, ref)
				}
			}
		}
	}
}

// The same script and the same kernel give the same object.
func TestDeterministic(t *testing.T) {
	tg := compilertest.Targets()["new"]
	for title, script := range scripts {
		text := func() string {
			var b strings.Builder
			build(script, tg, func(stage, program, s string) { fmt.Fprintln(&b, stage, program, s) })
			return b.String()
		}
		if a, b := text(), text(); a != b {
			t.Errorf("%s: two compilations differ:\n%s", title, cmp.Diff(a, b))
		}
	}
}

// TestGolden shows each stage of a few scripts: testdata/golden/NAME.txtar holds
// the script and then the stages.
func TestGolden(t *testing.T) {
	golden.Run(t, "testdata/golden/*.txtar", func(t *testing.T, c *golden.Case) {
		_, list := build(c.In("script.pr"), compilertest.Targets()["new"], func(stage, program, text string) {
			c.Out(stage+" "+program, text)
		})
		if list.HasErrors() {
			t.Fatal(list.All)
		}
	})
}

// FuzzCompile: what the checker accepts compiles or is refused in words, for
// the oldest and the newest kernel; an internal error is a fault.
func FuzzCompile(f *testing.F) {
	for _, s := range scripts {
		f.Add(s)
	}
	for _, s := range newer {
		f.Add(s)
	}
	all := compilertest.Targets()
	f.Fuzz(func(t *testing.T, script string) {
		if len(script) > 2000 {
			return
		}
		for _, name := range []string{"old", "new"} {
			_, list := build(script, all[name], nil)
			for _, d := range list.All {
				if d.Code == "internal" {
					t.Errorf("%s kernel: %v %v\n%s", name, d, d.Notes, script)
				}
			}
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	for _, name := range []string{"maps", "strings", "histograms"} {
		b.Run("script="+name, func(b *testing.B) {
			b.ReportAllocs()
			tg := compilertest.Targets()["new"]
			for b.Loop() {
				if obj, list := build(scripts[name], tg, nil); obj == nil {
					b.Fatal(list.All)
				}
			}
		})
	}
}
