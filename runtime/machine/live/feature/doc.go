// Package feature finds out what the running kernel can do, by trying it.
//
// Version numbers are unreliable: distributions disable options and backport
// code, and a lockdown or a missing capability removes features that the kernel
// has. So each feature is tested in the smallest way that gives an answer: by
// loading a program of a few instructions, creating a map, or requesting a link
// with arguments that only a kernel with the feature reads. Nothing is ever
// attached, and everything is closed at once.
//
// Each feature is tested when it is first asked for, and once. Most cost less
// than 0.1 ms. No process is started.
package feature
