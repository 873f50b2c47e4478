// Package repl is the interactive session: a person types clauses, statements
// and expressions of the language, and each takes effect at once. It reads from
// a terminal (or a pipe), runs inputs on a machine, and prints the output of
// clauses above the line that is being typed.
//
// Each input is checked and compiled on its own. What outlives an input is
// passed to the next one as data: the maps with their types (check.Input.Maps,
// compiler.Config.Live), the definitions as syntax items, and the scratch
// variables of statements as hidden maps (see vars.go). Each map is a hash of
// its own (compiler.Config.HashOnly), since the next object could not share
// memory that belongs to this one.
//
// The terminal is the hard part. The line editor, github.com/peterh/liner, does
// not report what is typed so far, and nothing else can print while it waits
// for a key. There are three solutions. Delaying output until Enter shows it
// too late: clauses print while nobody types. Making the editor redraw its
// line, which a SIGWINCH does, disturbs it: the signal ends a search in the
// history and loses the place there. So this package sends the editor's output
// through a pipe (it replaces os.Stdout while the editor runs, which writes
// nowhere else) and remembers the bytes that drew the last line. To show output
// it erases the line, prints, and writes the remembered bytes again
// (screen.go). The editor does not notice. What is typed reaches the editor
// through a pipe, too (keys.go), which adds bracketed paste and Ctrl-Z.
package repl
