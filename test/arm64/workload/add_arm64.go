package main

// callAdd calls target_add.
func callAdd(a, b int64) int64
