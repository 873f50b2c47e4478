// Command bench measures probe beside other tracers and writes the tables of
// docs/performance.md, between the markers there.
//
//	go run ./test/bench [-only PART,...] [-write=false]
//
// With -only the other tables of the document stay as they are.
//
// Parts: size, init, pages, front, start, event, tools, shelf, graphs, hooks, below,
// attached, lost, storm. Everything but the first three runs in guests
// (internal/guest): one that counts instructions for what a CPU executes, which
// repeats within about one percent on any machine, and a normal one for wall
// time. All tracers are measured in the same guest by the same program (meter),
// one after the other. bpftrace, ply, trace-cmd and perf come from Debian's
// packages; a tracer that is not available is left out with a note.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// parts are what can be measured, in the order of the tables.
var parts = []string{"size", "init", "pages", "front", "start", "event", "tools", "shelf", "graphs", "hooks", "below", "attached", "lost", "storm"}

func main() {
	only := flag.String("only", strings.Join(parts, ","), "parts to measure, separated by commas")
	write := flag.Bool("write", true, "write the tables into docs/performance.md")
	binary := flag.String("probe", "", "binary to measure (default: built from this tree)")
	kernel := flag.String("kernel", "6.12", "kernel of the guests")
	solo := flag.Bool("solo", false, "measure probe only")
	scripts := flag.String("scripts", "", "ready scripts to measure with the part shelf, separated by commas; the others keep their figures (default: all)")
	repeat := flag.Int("repeat", 5, "repetitions of wall times")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	b := &bench{binary: *binary, kernel: *kernel, solo: *solo, repeat: *repeat, scripts: *scripts, write: *write}
	chosen := strings.Split(*only, ",")
	for _, p := range chosen {
		if !slices.Contains(parts, p) {
			fmt.Fprintf(os.Stderr, "bench: no part %q; there are %s\n", p, strings.Join(parts, ", "))
			os.Exit(2)
		}
	}
	start := time.Now()
	doc, err := b.run(ctx, chosen)
	if err == nil {
		fmt.Print(doc)
		if *write && !*solo {
			err = insert("docs/performance.md", doc, len(chosen) == len(parts))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "bench: done in %v\n", time.Since(start).Round(time.Second))
}
