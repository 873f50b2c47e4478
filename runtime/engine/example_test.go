package engine_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"probe/lang/diag"
	"probe/runtime/engine"
	"probe/runtime/event"
	"probe/runtime/machine/files"
	"probe/runtime/machine/live"
	"probe/runtime/machine/recording"
	"probe/runtime/sink"
)

// Run a script on this kernel for ten seconds. It needs the privileges to trace.
func Example() {
	script := engine.Script{Name: "reads", Text: `ret:vfs_read { @us[comm] = hist(duration / 1000); }`}
	compiled, list := engine.Build(script, live.New(live.Options{}), engine.CheckOptions{}, engine.CompileOptions{})
	if compiled == nil {
		log.Fatal(list.Err())
	}
	result, err := engine.Run(context.Background(), compiled, engine.RunOptions{For: 10 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("complete:", result.Complete)
}

// Run a script over a recording, which needs no kernel and no privileges.
func Example_recording() {
	m, err := recording.Open("testdata/lookups.jsonl")
	if err != nil {
		log.Fatal(err)
	}
	script := engine.Script{Name: "lookups", Text: `fgraph:outer { printf("%s took %d ns\n", comm, duration); @[comm] = count(); } end { print(@); clear(@); }`}
	compiled, list := engine.Build(script, m, engine.CheckOptions{}, engine.CompileOptions{})
	if compiled == nil {
		log.Fatal(list.Err())
	}
	if _, err := engine.Run(context.Background(), compiled, engine.RunOptions{}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// ping took 5000 ns
	// curl took 5000 ns
	// ping took 5000 ns
	// curl took 5000 ns
	// @[curl]: 2
	// @[ping]: 2
}

// Take what a script produces as typed values in place of text.
func Example_sink() {
	m, err := recording.Open("testdata/lookups.jsonl")
	if err != nil {
		log.Fatal(err)
	}
	script := engine.Script{Name: "errors", Text: `fgraph:outer /retval < 0/ { printf("%s %e", comm, retval); } ret:inner { @calls = count(); }`}
	compiled, list := engine.Build(script, m, engine.CheckOptions{}, engine.CompileOptions{})
	if compiled == nil {
		log.Fatal(list.Err())
	}
	take := event.Func(func(e event.Event) error {
		switch e := e.(type) {
		case *event.Printf:
			fmt.Println("error", e.Args[1].Int())
		case *event.Map:
			fmt.Println("map", e.Name, e.ValueOf(&e.Entries[0]).Uint())
		}
		return nil
	})
	if _, err := engine.Run(context.Background(), compiled, engine.RunOptions{Sink: take}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// error -101
	// map calls 4
}

// Write the output in one of the formats of package sink.
func ExampleRun_format() {
	m, err := recording.Open("testdata/lookups.jsonl")
	if err != nil {
		log.Fatal(err)
	}
	compiled, list := engine.Build(engine.Script{Name: "count", Text: `call:inner { @ = count(); }`}, m, engine.CheckOptions{}, engine.CompileOptions{})
	if compiled == nil {
		log.Fatal(list.Err())
	}
	out, err := sink.New("json", sink.Config{Out: os.Stdout})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := engine.Run(context.Background(), compiled, engine.RunOptions{Sink: out}); err != nil {
		log.Fatal(err)
	}
	if err := out.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// {"type": "map", "data": {"@": 4}}
	// {"type": "receipt", "complete": true, "data": []}
}

// Check a script against a kernel that is described by files, and show what is
// wrong with it.
func ExampleCheck() {
	m := files.New(files.Options{Traceable: "testdata/functions.txt"})
	script := engine.Script{Name: "example.pr", Text: `kprobe:vfs_raed { @ = count(); }`}
	checked, list := engine.Check(script, m, engine.CheckOptions{})
	if checked == nil {
		_ = diag.Render(os.Stdout, &list, diag.Options{})
	}
	// Output:
	// error[no-match]: no matches for kprobe:vfs_raed: no function named vfs_raed
	//   --> example.pr:1:8
	//    |
	//  1 | kprobe:vfs_raed { @ = count(); }
	//    |        ^^^^^^^^ not traceable
	//    |
	// help: functions with similar names exist: `vfs_read`
}

// Show what is known of a script that is being written: what a name means and
// where it is used, with an error beside it.
func ExampleLearn() {
	m := files.New(files.Options{Traceable: "testdata/functions.txt"})
	text := `kprobe:vfs_read { $bytes = arg2; @sum[comm] = sum($bytes); print($byts); }`
	info, _ := engine.Learn(engine.Script{Name: "example.pr", Text: text}, m, engine.CheckOptions{})
	tree := info.Files()[0]
	node := info.NodeAt(tree.Source, strings.Index(text, "$bytes);"))
	fmt.Println(info.DefOf(node).Kind, info.DefOf(node).Name, "is", info.TypeOf(node))
	for _, u := range info.UsesOf(info.DefOf(node)) {
		fmt.Println("used at", u.At.Start, "written:", u.Write)
	}
	for _, d := range info.ScopeAt(tree.Source, len(text)-2).Vars {
		fmt.Println("one can write", d.Name)
	}
	// Output:
	// variable $bytes is uint64
	// used at 18 written: true
	// used at 50 written: false
	// one can write $bytes
}
