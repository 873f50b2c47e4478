package btf

import (
	"os"
	"testing"
)

// kernelBlob returns the running kernel's BTF; without it there is nothing to
// time.
func kernelBlob(b testing.TB) []byte {
	b.Helper()
	if _, err := os.Stat(sysDir + "/vmlinux"); err != nil {
		b.Skip("this kernel shows no BTF:", err)
	}
	blob, err := load(sysDir + "/vmlinux")
	if err != nil {
		b.Fatal(err)
	}
	return blob
}

func kernelSpec(b testing.TB) *Spec {
	b.Helper()
	s, err := Parse(kernelBlob(b), nil)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func BenchmarkBTFOpen(b *testing.B) {
	kernelBlob(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(sysDir + "/vmlinux"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkByName(b *testing.B) {
	for _, bench := range []struct {
		name string
		kind Kind
		find string
	}{
		{"struct", KindStruct, "task_struct"},
		{"func", KindFunc, "vfs_read"},
		{"typedef", KindTypedef, "size_t"},
	} {
		blob := kernelBlob(b)
		b.Run("scan/kind="+bench.name, func(b *testing.B) {
			b.ReportAllocs()
			s, _ := Parse(blob, nil)
			for b.Loop() {
				s.lookups[bench.kind].Store(0)
				if s.ByName(bench.kind, bench.find) == nil {
					b.Fatal("not found: ", bench.find)
				}
			}
		})
		b.Run("index/kind="+bench.name, func(b *testing.B) {
			b.ReportAllocs()
			s, _ := Parse(blob, nil)
			s.indexKind(bench.kind)
			for b.Loop() {
				if s.ByName(bench.kind, bench.find) == nil {
					b.Fatal("not found: ", bench.find)
				}
			}
		})
		b.Run("build/kind="+bench.name, func(b *testing.B) {
			b.ReportAllocs()
			s, _ := Parse(blob, nil)
			for b.Loop() {
				s.byKind[bench.kind].Store(nil)
				s.indexKind(bench.kind)
			}
		})
	}
}

func BenchmarkEnumerator(b *testing.B) {
	s := kernelSpec(b)
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.enumGet.Store(0)
			if _, _, ok := s.Enumerator("TCP_ESTABLISHED"); !ok {
				b.Fatal("TCP_ESTABLISHED not found")
			}
		}
	})
	b.Run("scan/missing", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.enumGet.Store(0)
			if _, _, ok := s.Enumerator("NO_SUCH_NAME"); ok {
				b.Fatal("NO_SUCH_NAME found")
			}
		}
	})
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.enums.Store(nil)
			s.indexEnums()
		}
	})
	b.Run("index", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, ok := s.Enumerator("TCP_ESTABLISHED"); !ok {
				b.Fatal("TCP_ESTABLISHED not found")
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	s := kernelSpec(b)
	id, _ := s.First("task_struct", KindStruct)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Type(id); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkField(b *testing.B) {
	s := kernelSpec(b)
	id, _ := s.First("task_struct", KindStruct)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Field(id, "real_parent"); !ok {
			b.Fatal("task_struct has no real_parent")
		}
	}
}
