package main

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"probe/cmd/front/manual"
	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/reference"
)

// TestHelp looks at the help of every command: its width, its sentences, its
// examples.
func TestHelp(t *testing.T) {
	a := app()
	var all bytes.Buffer
	if err := a.Overview(&all); err != nil {
		t.Fatal(err)
	}
	for _, c := range a.Commands {
		var b bytes.Buffer
		if err := a.Help(&b, c); err != nil {
			t.Fatal(err)
		}
		all.Write(b.Bytes())
		if c.Hidden {
			continue
		}
		if len(c.Examples) == 0 || c.About == "" || c.Summary == "" || len(c.Usage) == 0 {
			t.Errorf("%s lacks an example, a summary, a text or its usage", c.Name)
		}
		for _, e := range c.Examples {
			if !strings.Contains(e.Command, "probe ") {
				t.Errorf("%s: %q runs nothing of probe", c.Name, e.Command)
			}
		}
		for _, s := range c.SeeAlso {
			if lookup(s) == nil {
				t.Errorf("%s sends to the command %s, which there is not", c.Name, s)
			}
		}
	}
	for line := range strings.Lines(all.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 100 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// TestFlags looks for options that say too little, and for two that share a
// name or a letter in one command.
func TestFlags(t *testing.T) {
	a := app()
	for i := range flagTable {
		f := &flagTable[i]
		if !strings.HasSuffix(f.Help, ".") || f.Help[0] < 'A' || f.Help[0] > 'Z' {
			t.Errorf("--%s: the help is no sentence: %s", f.Name, f.Help)
		}
		if f.Set == nil || f.Arg != "" && f.Complete == nil || f.Arg == "" && f.Complete != nil {
			t.Errorf("--%s lacks a function", f.Name)
		}
		for c := range strings.SplitSeq(f.Commands, " ") {
			if lookup(c) == nil {
				t.Errorf("--%s belongs to %q, which is no command", f.Name, c)
			}
		}
	}
	for _, c := range a.Commands {
		seen := map[string]bool{"help": true, "h": true}
		for _, f := range a.Options(c.Name) {
			for _, name := range []string{f.Name, string(rune(f.Short))} {
				if name != "\x00" && seen[name] {
					t.Errorf("%s has two options %s", c.Name, name)
				}
				seen[name] = true
			}
		}
	}
}

// TestExamples parses the command line of each example, and those of options
// have the option.
func TestExamples(t *testing.T) {
	parse := func(line string) *options {
		t.Helper()
		words := shellWords(line)
		if len(words) < 2 || words[0] != "probe" {
			return nil // something for a shell
		}
		c := lookup(words[1])
		if c == nil {
			c, words = runCommand, words[1:]
		} else {
			words = words[2:]
		}
		o := &options{}
		if i := slices.Index(words, "-p"); i >= 0 {
			words[i+1] = strconv.Itoa(os.Getpid()) // a process that exists
		}
		if i := slices.Index(words, ">"); i >= 0 {
			words = words[:i]
		}
		if _, err := app().Parse(&c.Command, words, o); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		return o
	}
	a := app()
	for i := range flagTable {
		f := &flagTable[i]
		spelled := slices.ContainsFunc(shellWords(f.Example), func(w string) bool {
			return w == "--"+f.Name || f.Short != 0 && w == "-"+string(f.Short)
		})
		words := shellWords(f.Example)
		if !spelled || !f.Of(words[1]) {
			t.Errorf("--%s: the example does not show it: %s", f.Name, f.Example)
		}
		parse(f.Example)
	}
	for _, c := range a.Commands {
		for _, e := range c.Examples {
			parse(e.Command)
		}
	}
	for _, e := range a.Examples {
		parse(e.Command)
	}
}

// shellWords splits a line at blanks outside of single quotes.
func shellWords(line string) []string {
	var out []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// TestStatuses: every exit code is in the table, and no other.
func TestStatuses(t *testing.T) {
	var got []string
	for _, s := range statuses {
		got = append(got, s.Code)
		for c := range strings.FieldsSeq(s.Commands + " " + s.Except) {
			if lookup(c) == nil {
				t.Errorf("status %s belongs to %q, which is no command", s.Code, c)
			}
		}
	}
	var want []string
	for _, n := range []int{exitOK, exitUsage, exitInternal, exitStrict, exitRun, diffSame, diffDiffer, diffTrouble} {
		want = append(want, strconv.Itoa(n))
	}
	want = append(want, "N")
	for _, list := range []*[]string{&got, &want} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the table has %s, the code %s", got, want)
	}
}

// TestHelpAnswers asks help for every name that there is.
func TestHelpAnswers(t *testing.T) {
	names := otherTopics()
	for _, topic := range manual.Topics() {
		names = append(names, topic.Word)
	}
	names = append(names, reference.IDs()...)
	for _, f := range app().Flags {
		if f.Short != 0 {
			names = append(names, "-"+string(f.Short))
		}
	}
	for _, name := range names {
		var out, errs bytes.Buffer
		if code := helpName(name, stdio{out: &out, err: &errs}); code != exitOK || errs.Len() > 0 || out.Len() < 20 {
			t.Errorf("help %s: status %d, %q, %q", name, code, out.String(), errs.String())
		}
		row, _ := reference.Lookup(name)
		code, _ := diag.Lookup(diag.Code(name))
		if row.ID == "" && code.Cure == "" && !strings.Contains(out.String(), "xample") && hir.FindConfig(name) == nil {
			t.Errorf("help %s shows no example: %s", name, out.String())
		}
	}
}
