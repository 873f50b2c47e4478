// Package reuse gives slices of one function's compilation to the next.
package reuse

// Slice returns n elements with any content, in s if it is large enough.
func Slice[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}

// Zeroed returns n zero elements, in s if it is large enough.
func Zeroed[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	s = s[:n]
	clear(s)
	return s
}
