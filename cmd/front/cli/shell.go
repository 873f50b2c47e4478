package cli

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"probe/cmd/front/filename"
)

// Shells lists the shells with completion scripts.
var Shells = []string{"bash", "zsh", "fish"}

//go:embed shell
var shellScripts embed.FS

// Script writes the completion script of a shell. It does not use cobra's
// scripts: they pass the line to eval, which fails inside an open quote, and
// scripts are typed inside quotes.
func (a *App[O]) Script(w io.Writer, shell string) error {
	b, err := shellScripts.ReadFile("shell/" + shell)
	if err != nil {
		return fmt.Errorf("no completion for the shell %q", shell)
	}
	_, err = io.WriteString(w, strings.ReplaceAll(string(b), "NAME", a.Name))
	return err
}

// BashName is the hidden command that bash's completion script runs. Its
// arguments are COMP_TYPE, COMP_WORDBREAKS and the line up to the cursor.
const BashName = "__completeBash"

// listing is the COMP_TYPE of a second TAB: candidates are shown, none is
// inserted.
const listing = "63"

// CompleteBash answers bash: it prints the replacements for readline's word,
// one a line, then ":" and the directive. rewrite may change the words behind
// the program's name before they are completed.
func (a *App[O]) CompleteBash(out io.Writer, args []string, rewrite func([]string) []string) error {
	if len(args) != 3 {
		return fmt.Errorf("%s takes 3 arguments, found %d", BashName, len(args))
	}
	l := splitLine(args[2], args[1])
	if len(l.words) < 2 {
		return nil
	}
	var b bytes.Buffer
	if err := a.Complete(&b, io.Discard, CompleteName, rewrite(l.words[1:])); err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	n, err := strconv.Atoi(strings.TrimPrefix(lines[len(lines)-1], ":"))
	if err != nil {
		return err
	}
	d, lines := cobra.ShellCompDirective(n), lines[:len(lines)-1]
	word := l.words[len(l.words)-1]
	if d&(cobra.ShellCompDirectiveFilterFileExt|cobra.ShellCompDirectiveFilterDirs) != 0 {
		endings := lines
		lines = filename.Complete(word, func(name string) bool {
			return slices.Contains(endings, strings.TrimPrefix(filepath.Ext(name), "."))
		})
		d = cobra.ShellCompDirectiveNoFileComp
		if len(lines) == 1 && strings.HasSuffix(lines[0], "/") {
			d |= cobra.ShellCompDirectiveNoSpace
		}
	}
	// Complete only the value of --name=VALUE.
	head := 0
	if name, _, ok := strings.Cut(word, "="); ok && strings.HasPrefix(name, "-") {
		head = len(name) + 1
	}
	longest := 0
	for _, line := range lines {
		candidate, _, _ := strings.Cut(line, "\t")
		longest = max(longest, len(l.insertion(candidate, head)))
	}
	for _, line := range lines {
		candidate, about, _ := strings.Cut(line, "\t")
		text := l.insertion(candidate, head)
		if args[0] == listing && about != "" {
			text = fmt.Sprintf("%-*s  %s", longest, text, about)
		}
		fmt.Fprintln(out, text)
		// readline closes the quote after a single candidate. A second
		// candidate keeps it open if the word continues.
		if len(lines) == 1 && l.quote != 0 && d&cobra.ShellCompDirectiveNoSpace != 0 {
			fmt.Fprintln(out, text+"…")
		}
	}
	_, err = fmt.Fprintf(out, ":%d\n", d)
	return err
}

// line is a command line up to the cursor, as a shell reads it.
type line struct {
	words []string // without quotes; the last one is under the cursor
	quote byte     // the quote that is open in the last word, 0 for none
	// start is the offset in the last word at which readline's word starts:
	// after the open quote, or after the last character that separates words
	// for readline.
	start int
}

// splitLine splits a line. Nothing is expanded.
func splitLine(s, breaks string) line {
	var l line
	var word []byte
	in := false // a word has begun
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case l.quote == '\'' && c != '\'', l.quote == '"' && c != '"' && c != '\\':
			word = append(word, c)
		case l.quote != 0 && c == l.quote:
			l.quote = 0
		case c == '\\':
			in = true
			if i++; i < len(s) {
				if l.quote == '"' && !strings.ContainsRune("\"\\$`", rune(s[i])) {
					word = append(word, '\\')
				}
				word = append(word, s[i])
			}
		case c == '\'' || c == '"':
			in, l.quote, l.start = true, c, len(word)
		case c == ' ' || c == '\t' || c == '\n':
			if in {
				l.words = append(l.words, string(word))
			}
			word, in, l.start = nil, false, 0
		default:
			in = true
			word = append(word, c)
			if strings.IndexByte(breaks, c) >= 0 {
				l.start = len(word)
			}
		}
	}
	l.words = append(l.words, string(word))
	return l
}

// insertion returns the part of a candidate that replaces readline's word,
// quoted as necessary there. head is the length of the part of the word before
// the one that the candidate completes.
func (l *line) insertion(candidate string, head int) string {
	from := max(l.start-head, 0)
	candidate = candidate[min(from, len(candidate)):]
	switch l.quote {
	case '\'':
		return strings.ReplaceAll(candidate, "'", `'\''`)
	case '"':
		return escape(candidate, "\"\\$`")
	}
	return escape(candidate, " \t'\"\\$`*?[]{}()<>|&;#~!")
}

// escape puts a backslash before each of some characters.
func escape(s, special string) string {
	var b strings.Builder
	for _, c := range s {
		if strings.ContainsRune(special, c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}
