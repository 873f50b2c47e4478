package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"probe/cmd/front/cli"
)

// version is probe's version. A packager can set it with -ldflags '-X
// main.version=VERSION'.
var version = "0.1"

var versionCommand = &command{
	Command: cli.Command{
		Name: "version", Usage: []string{""}, Summary: "show the version",
		About:    "Prints the version of probe, of the Go that built it, and the system it is built for. `probe -V` and `probe --version` do the same.",
		Examples: []cli.Example{{Command: "probe version"}},
		SeeAlso:  []string{"doctor"},
	},
	run: runVersion,
}

func runVersion(_ *options, std stdio) int {
	rev := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				rev = " " + s.Value[:min(len(s.Value), 12)]
			}
		}
	}
	fmt.Fprintf(std.out, "probe %s%s (%s, %s/%s)\n", version, rev, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK
}
