package emit

import (
	"math/rand"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"probe/compiler/ir"
	"probe/compiler/ir/irgen"
	"probe/compiler/pass"
)

// programs returns the golden ones and a large random one.
func programs(b *testing.B) map[string]*ir.Prog {
	out := map[string]*ir.Prog{}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		a, err := txtar.ParseFile(f)
		if err != nil {
			b.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".txtar")] = parse(b, string(a.Files[0].Data))
	}
	for seed := int64(0); ; seed++ {
		data := make([]byte, 4000)
		rand.New(rand.NewSource(seed)).Read(data)
		p := irgen.Program(data, irgen.Options{World: true})
		if len(p.Funcs[0].Vals) < 1500 {
			continue
		}
		q := irgen.Clone(p)
		optimise(b, q)
		if _, err := Prog(q, irgen.MapName, Options{}); err == nil { // not too big for the stack
			out["random-large"] = p
			return out
		}
	}
}

// BenchmarkPasses optimises whole programs.
func BenchmarkPasses(b *testing.B) {
	for name, p := range programs(b) {
		b.Run("prog="+name, func(b *testing.B) {
			b.ReportAllocs()
			b.ReportMetric(float64(len(p.Funcs[0].Vals)), "values")
			for b.Loop() {
				b.StopTimer()
				q := irgen.Clone(p)
				b.StartTimer()
				for _, f := range q.Funcs {
					if err := pass.Run(f, pass.Options{}); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkEmit selects, allocates and emits optimised programs.
func BenchmarkEmit(b *testing.B) {
	for name, p := range programs(b) {
		optimise(b, p)
		b.Run("prog="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Prog(p, irgen.MapName, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
