package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the build.
var version = "0.1"

var versionCommand = &command{
	name: "version", summary: "show the version",
	run: func(_ *options, std stdio) int {
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
	},
}
