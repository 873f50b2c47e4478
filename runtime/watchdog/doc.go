// Package watchdog puts the machine back when the process that changed it ends
// in a way that it cannot handle: by SIGKILL, by a fault, for lack of memory.
//
// The program runs itself again as a small child process, which waits for the
// end of its parent and then calls the program's restore function. Programs and
// probes that are attached through descriptors need none of this, since the
// kernel releases them with the process; only what remains in the machine is a
// reason for Start. Where no child can be started, nothing else changes: what
// remains is written down, and the next start restores it.
//
// A panic is handled in the process itself: see Report.
package watchdog
