// Package repl is the interactive session: a person types clauses, statements
// and expressions of the language, and each takes effect at once. In goes a
// terminal (or a pipe) and the parts of the machine that scripts are checked
// and run against; out goes what the clauses print, above the line that is
// being typed.
//
// Each input is checked and compiled on its own. What outlives an input is
// handed to the next one as data: the maps with their types (check.Input.Maps,
// compiler.Config.Live), the definitions as syntax items, and the scratch
// variables of statements as hidden maps (see vars.go). Maps are kept in hashes
// of their own (compiler.Config.HashOnly), since memory that belongs to one
// object could not be shared by the next.
//
// The terminal is the hard part. The line editor, github.com/peterh/liner,
// neither tells what is typed so far nor lets anybody print while it waits for
// a key. Three ways were weighed. Holding output back until Enter shows it too
// late: clauses print while nobody types. Asking the editor to draw its line
// again, which a SIGWINCH does, disturbs it: the signal ends a search in the
// history and forgets the place there. So its output goes through a pipe
// (os.Stdout is replaced while it runs; it writes nowhere else), and the other
// end remembers the bytes that drew the last line. Output is then shown as:
// erase the line, print, write the remembered bytes again (screen.go). The
// editor notices nothing.
package repl
