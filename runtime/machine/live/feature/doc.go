// Package feature finds out what the running kernel can do, by trying it.
//
// Versions say little: distributions leave options out and backport code, and a
// lockdown or a missing capability takes away what the kernel has. So each
// feature is put to the kernel in the smallest form that tells: a program of a
// few instructions is loaded, a map created, a link requested with arguments
// that only a kernel with the feature looks at. Nothing is ever attached, and
// everything is closed at once.
//
// Each question is asked when its answer is first wanted, and once. Most cost
// less than 0.1 ms. No process is started.
package feature
