//go:build !arm64

package main

// callAdd does without the function to probe, which exists on arm64 only.
func callAdd(a, b int64) int64 { return a + b }
