package main

import "testing"

// BenchmarkParse is what every command line costs before its command begins.
func BenchmarkParse(b *testing.B) {
	words := []string{"-q", "--for", "10s", "-e", "begin { exit(); }"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := app().Parse(&runCommand.Command, words, &options{}); err != nil {
			b.Fatal(err)
		}
	}
}
