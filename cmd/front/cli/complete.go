package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Request is a word to be completed, with the words before it.
type Request struct {
	Word     string
	Operands []string // before the word
	// Options holds the values of the options before the word, by long name.
	Options map[string]string
}

// Candidate is one way to complete a word.
type Candidate struct{ Word, About string }

// Candidates is the result of a Completer. Words that do not start with the
// requested one are ignored, so a Completer need not filter.
type Candidates struct {
	List []Candidate
	// Files lets the shell complete names of files as well: with Dirs only
	// directories, with Ext only files with one of these endings (without dot).
	Files, Dirs bool
	Ext         []string
	// NoSpace keeps the shell from adding a space, because the word continues.
	NoSpace bool
}

// Completer returns the candidates for a word.
type Completer func(Request) Candidates

// Words returns a Completer for a fixed set of words.
func Words(words ...string) Completer {
	return func(Request) Candidates {
		var c Candidates
		for _, w := range words {
			c.List = append(c.List, Candidate{Word: w})
		}
		return c
	}
}

// Lists returns a Completer for lists with commas, which completes the last
// element.
func Lists(of Completer) Completer {
	return func(r Request) Candidates {
		head := ""
		if i := strings.LastIndexByte(r.Word, ','); i >= 0 {
			head, r.Word = r.Word[:i+1], r.Word[i+1:]
		}
		c := of(r)
		for i := range c.List {
			c.List[i].Word = head + c.List[i].Word
		}
		c.NoSpace = true
		return c
	}
}

// Files returns a Completer for names of files, with one of the endings if any
// are given.
func Files(ext ...string) Completer {
	return func(Request) Candidates { return Candidates{Files: len(ext) == 0, Ext: ext} }
}

// Dirs completes names of directories.
func Dirs(Request) Candidates { return Candidates{Dirs: true} }

// CompleteName is the command that the shells' scripts run to complete a
// word. Its arguments are the words behind the program's name.
const CompleteName = cobra.ShellCompRequestCmd

// NoDesc is what follows CompleteName when descriptions are not wanted.
const NoDesc = "NoDesc"

// Complete answers a shell's question: the candidates for the last word, one a
// line with a tab before its description, then ":" and cobra's directive.
// request is CompleteName, or CompleteName and NoDesc.
func (a *App[O]) Complete(out, err io.Writer, request string, words []string) error {
	root := a.root()
	for _, c := range a.Commands {
		c := c
		options := map[string]string{}
		cmd := a.cobra(c, func(f *Flag[O], v string) error { options[f.Name] = v; return nil })
		cmd.ValidArgsFunction = answer(c.Complete, options)
		for _, f := range a.Options(c.Name) {
			if f.Arg != "" {
				if err := cmd.RegisterFlagCompletionFunc(f.Name, answer(f.Complete, options)); err != nil {
					return err
				}
			}
		}
		if len(words) > 1 && words[0] == c.Name {
			words = append([]string{c.Name}, a.guarded(c, words[1:])...)
		}
		root.AddCommand(cmd)
	}
	root.ValidArgsFunction = answer(a.Words, nil)
	root.SetOut(out)
	root.SetErr(err)
	root.SetArgs(append([]string{request}, words...))
	return root.Execute()
}

// answer converts a Completer to cobra's type.
func answer(of Completer, options map[string]string) cobra.CompletionFunc {
	return func(_ *cobra.Command, operands []string, word string) ([]string, cobra.ShellCompDirective) {
		if of == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		for i := range operands {
			operands[i] = strings.TrimPrefix(operands[i], guard)
		}
		word = strings.TrimPrefix(word, guard)
		c := of(Request{Word: word, Operands: operands, Options: options})
		d := cobra.ShellCompDirectiveNoFileComp
		if c.NoSpace {
			d |= cobra.ShellCompDirectiveNoSpace
		}
		switch {
		case c.Dirs:
			return nil, cobra.ShellCompDirectiveFilterDirs
		case len(c.Ext) > 0:
			return c.Ext, cobra.ShellCompDirectiveFilterFileExt
		case c.Files:
			d &^= cobra.ShellCompDirectiveNoFileComp
		}
		var list []string
		seen := map[string]bool{}
		for _, x := range c.List {
			if strings.HasPrefix(x.Word, word) && !seen[x.Word] {
				list = append(list, cobra.CompletionWithDesc(x.Word, firstSentence(x.About)))
			}
			seen[x.Word] = true
		}
		return list, d
	}
}
