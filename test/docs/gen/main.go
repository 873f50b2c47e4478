// Command gen writes the generated sections of the documents: the tables that
// the code itself is the source of. "make docs" runs it. With -check it writes
// nothing and fails when a file is not what it would write.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"probe/test/docs"
)

func main() {
	check := flag.Bool("check", false, "write nothing; fail when a file is stale")
	flag.Parse()
	root, err := docs.Root()
	if err == nil {
		var changed []string
		changed, err = docs.Write(root, *check)
		for _, name := range changed {
			if *check {
				fmt.Println(name + " is stale")
			} else {
				fmt.Println("wrote " + name)
			}
		}
		if *check && err == nil && len(changed) > 0 {
			err = errors.New("run `make docs`")
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}
