package main

import (
	"strings"

	"probe/runtime/sink"
)

// The headings of options in help.
const (
	whatGroup   = "What is traced"
	callGroup   = "Which calls"
	endGroup    = "When it ends"
	outGroup    = "Output"
	kernelGroup = "Kernel"
)

// The commands that several options belong to.
const (
	runners = "run record"            // run a script
	readers = "run record check dump" // read a script
)

// outputFormats returns the sentences of help about the formats of the output,
// from the table in package sink.
func outputFormats() string {
	var list []string
	for _, f := range sink.Formats() {
		list = append(list, f.Name+" is "+f.Doc)
	}
	return strings.Join(list, ", ")
}
