// Command gen writes the generated sections of the documents: the tables that
// the code itself is the source of. "make docs" runs it.
package main

import (
	"fmt"
	"os"

	"probe/test/docs"
)

func main() {
	root, err := docs.Root()
	if err == nil {
		var changed []string
		changed, err = docs.Write(root)
		for _, name := range changed {
			fmt.Println("wrote " + name)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}
