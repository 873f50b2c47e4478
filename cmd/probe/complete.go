package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"probe/cmd/front/cli"
	"probe/cmd/front/filename"
	"probe/cmd/front/manual"
	"probe/cmd/front/repl"
	"probe/lang/diag"
	"probe/lang/reference"
	"probe/runtime/engine"
	"probe/runtime/graph/export"
	"probe/runtime/lab"
	"probe/runtime/machine"
	"probe/runtime/machine/live"
	"probe/runtime/machine/live/provider"
)

// complete prints the answer to a shell's completion request. words[0] is the
// request itself.
func complete(words []string, std stdio) int {
	var err error
	if words[0] == cli.BashName {
		err = app().CompleteBash(std.out, words[1:], withRun)
	} else {
		err = app().Complete(std.out, std.err, words[0], withRun(words[1:]))
	}
	if err != nil {
		return exitUsage
	}
	return exitOK
}

// withRun inserts the command "run" where Main allows leaving it out, so that
// completion sees what parsing will see.
func withRun(words []string) []string {
	if n := len(words); n > 0 && lookup(words[0]) == nil && (n > 1 || strings.HasPrefix(words[0], "-")) {
		return append([]string{runCommand.Name}, words...)
	}
	return words
}

// nothing offers no candidates. It is for values that only the user knows, and
// keeps the shell from offering file names.
func nothing(cli.Request) cli.Candidates { return cli.Candidates{} }

// completeScripts completes the script of a command: bundled scripts, script
// files and folders. The words after it, the script's parameters, are completed
// as names of files.
func completeScripts(r cli.Request) cli.Candidates {
	_, given := r.Options["program"]
	switch {
	case !given && len(r.Operands) > 0 && strings.HasPrefix(r.Word, "--"):
		return completeScriptOptions(r.Operands[0])
	case given || len(r.Operands) > 0:
		return cli.Candidates{Files: true}
	}
	c := completeScriptFiles(r)
	for _, name := range bundledNames() {
		if strings.HasPrefix(name, r.Word) {
			c.List = append(c.List, cli.Candidate{Word: name, About: question(name)})
			c.NoSpace = false
		}
	}
	c.Files = len(c.List) == 0
	return c
}

// completeScriptOptions completes the options that a script reads with getopt.
func completeScriptOptions(script string) cli.Candidates {
	c := cli.Candidates{NoSpace: true}
	if script == "-" {
		return c // standard input: reading it would take the user's keystrokes
	}
	f, err := openScript(script, stdio{})
	if err != nil {
		return c
	}
	for _, o := range scriptOptions(f) {
		name, _, valued := strings.Cut(o.spelling, "=")
		if valued {
			name += "="
		}
		c.List = append(c.List, cli.Candidate{Word: name, About: o.about})
	}
	return c
}

// question returns the first line of the comment at the start of a bundled
// script, without the script's name. It says which question the script answers.
func question(name string) string {
	text, _ := bundled(name)
	for line := range strings.Lines(text) {
		if about, ok := strings.CutPrefix(line, "// "); ok {
			return strings.TrimSpace(strings.TrimPrefix(about, name+": "))
		}
	}
	return ""
}

// completeScriptFiles completes names of script files, and folders.
func completeScriptFiles(r cli.Request) cli.Candidates {
	var c cli.Candidates
	c.NoSpace = true
	for _, name := range filename.Complete(r.Word, func(name string) bool {
		return filepath.Ext(name) == ".pr" || filepath.Ext(name) == ".bt"
	}) {
		c.List = append(c.List, cli.Candidate{Word: name})
		c.NoSpace = c.NoSpace && strings.HasSuffix(name, "/")
	}
	c.NoSpace = c.NoSpace && len(c.List) > 0
	c.Files = len(c.List) == 0
	return c
}

// completeProgram completes the end of a script given with -e.
func completeProgram(r cli.Request) cli.Candidates {
	at, list := repl.Complete(repl.Config{Machine: newListing(), Check: engine.CheckOptions{Config: environment()}}, r.Word)
	c := cli.Candidates{NoSpace: true}
	for _, w := range narrowed(list, len(r.Word)-at) {
		c.List = append(c.List, cli.Candidate{Word: r.Word[:at] + w})
	}
	return c
}

// listing is this kernel, for completion. If the list of traceable functions
// cannot be read, as without privileges, it lists the functions in the kernel's
// type information: most of them can be traced.
type listing struct{ *live.Machine }

func newListing() listing { return listing{live.New(live.Options{BTF: os.Getenv("BPFTRACE_BTF")})} }

// List implements machine.Machine.
func (l listing) List(pattern string, yield func(machine.Listed) bool) error {
	found := false
	err := l.Machine.List(pattern, func(p machine.Listed) bool {
		found = true
		return yield(p)
	})
	kind, glob, _ := strings.Cut(pattern, ":")
	if err == nil || found || !slices.Contains([]string{"kprobe", "kretprobe", "call", "ret"}, kind) {
		return err
	}
	prefix := strings.TrimSuffix(glob, "*")
	return l.Functions(func(name string) bool {
		return !strings.HasPrefix(name, prefix) || yield(machine.Listed{Name: kind + ":" + name})
	})
}

// manyNames is the maximum number of names passed to a shell. Nobody reads
// more, and shells take seconds to format them.
const manyNames = 500

// narrowed shortens a list of names that share their first n bytes. If there
// are more than manyNames, names that agree up to the next '_' or ':' are
// replaced by that common beginning.
func narrowed(names []string, n int) []string {
	if len(names) <= manyNames {
		return names
	}
	var out []string
	for _, name := range names {
		// Separators that directly follow the first n bytes belong to the
		// beginning, which would otherwise not grow.
		i := n
		for i < len(name) && (name[i] == '_' || name[i] == ':') {
			i++
		}
		if j := strings.IndexAny(name[min(i, len(name)):], "_:"); j >= 0 {
			name = name[:i+j+1]
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// completeProbes completes TYPE:TARGET.
func completeProbes(r cli.Request) cli.Candidates {
	if len(r.Operands) > 0 {
		return cli.Candidates{}
	}
	if !strings.Contains(r.Word, ":") {
		c := cli.Candidates{NoSpace: true, List: []cli.Candidate{{Word: listScripts, About: "the scripts that come with probe"}}}
		for _, k := range provider.Kinds() {
			if strings.Contains(k.Usage, ":") {
				c.List = append(c.List, cli.Candidate{Word: k.Name + ":", About: k.Doc})
			}
		}
		return c
	}
	return completeProgram(r)
}

// completeFunctions completes the name of a kernel function.
func completeFunctions(r cli.Request) cli.Candidates {
	var names []string
	// Ignore the error: an error message in the middle of a command line would
	// not help.
	_ = newListing().List("kprobe:"+r.Word+"*", func(p machine.Listed) bool {
		names = append(names, p.Name[strings.LastIndexByte(p.Name, ':')+1:])
		return true
	})
	slices.Sort(names)
	names = slices.Compact(names)
	short := narrowed(names, len(r.Word))
	c := cli.Candidates{NoSpace: len(short) < len(names)}
	for _, n := range short {
		c.List = append(c.List, cli.Candidate{Word: n})
	}
	return c
}

// completeNames completes what "probe help" explains.
func completeNames(r cli.Request) cli.Candidates {
	var c cli.Candidates
	if len(r.Operands) > 0 {
		return c
	}
	add := func(name, about string) {
		c.List = append(c.List, cli.Candidate{Word: name, About: firstLine(about)})
	}
	for _, t := range manual.Topics() {
		add(t.Word, t.About)
	}
	for _, name := range bundledNames() {
		add(name, question(name))
	}
	if strings.Contains(r.Word, "-") { // there are hundreds of rows: offer them once one is begun
		for _, id := range reference.IDs() {
			row, _ := reference.Lookup(id)
			add(id, row.Title)
		}
	}
	if strings.HasPrefix(r.Word, "-") {
		for _, name := range app().OptionNames() {
			add(name, "option")
		}
	}
	for _, cmd := range app().Commands {
		if !cmd.Hidden {
			add(cmd.Name, "command: "+cmd.Summary)
		}
	}
	slices.SortFunc(c.List, func(a, b cli.Candidate) int { return strings.Compare(a.Word, b.Word) })
	return c
}

func completeCodes(r cli.Request) cli.Candidates {
	var c cli.Candidates
	if len(r.Operands) > 0 {
		return c
	}
	for _, e := range diag.Codes() {
		c.List = append(c.List, cli.Candidate{Word: string(e.Code), About: e.Cause})
	}
	return c
}

// completeCommand completes the program that -c runs.
func completeCommand(r cli.Request) cli.Candidates {
	if r.Word == "" || strings.ContainsAny(r.Word, "/ ") {
		return cli.Candidates{Files: true}
	}
	var c cli.Candidates
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		found, err := filepath.Glob(filepath.Join(dir, r.Word) + "*")
		if err != nil {
			continue // the word is an incomplete pattern
		}
		for _, path := range found {
			if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
				c.List = append(c.List, cli.Candidate{Word: filepath.Base(path)})
			}
		}
	}
	return c
}

// processes calls yield with the ids and names of all processes.
func processes(yield func(pid, comm string)) {
	dir, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, e := range dir {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		b, err := os.ReadFile(filepath.Join("/proc", e.Name(), "comm"))
		if err == nil {
			yield(e.Name(), strings.TrimSpace(string(b)))
		}
	}
}

func completePIDs(cli.Request) cli.Candidates {
	var c cli.Candidates
	processes(func(pid, comm string) { c.List = append(c.List, cli.Candidate{Word: pid, About: comm}) })
	return c
}

func completeComms(cli.Request) cli.Candidates {
	var c cli.Candidates
	seen := map[string]bool{}
	processes(func(_, comm string) {
		if !seen[comm] {
			c.List = append(c.List, cli.Candidate{Word: comm})
		}
		seen[comm] = true
	})
	return c
}

// completeRecordings completes names of recordings.
func completeRecordings(cli.Request) cli.Candidates {
	return cli.Candidates{Ext: []string{"jsonl", "zst"}}
}

func completeFormats(cli.Request) cli.Candidates {
	var c cli.Candidates
	for _, f := range export.Formats() {
		c.List = append(c.List, cli.Candidate{Word: f.Name, About: f.Summary})
	}
	return c
}

// completeLabs completes a lab, and the second case of --compare.
func completeLabs(r cli.Request) cli.Candidates {
	var c cli.Candidates
	switch len(r.Operands) {
	case 0:
		for _, s := range lab.Scenarios() {
			c.List = append(c.List, cli.Candidate{Word: s.Name, About: s.Title})
		}
	case 1:
		if _, given := r.Options["compare"]; given {
			return completeCases(r)
		}
	}
	return c
}

// completeCases completes a case of the lab that is named before it, or of any
// lab.
func completeCases(r cli.Request) cli.Candidates {
	var c cli.Candidates
	for _, s := range lab.Scenarios() {
		if len(r.Operands) > 0 && r.Operands[0] != s.Name {
			continue
		}
		for _, x := range s.Cases {
			c.List = append(c.List, cli.Candidate{Word: x.Name, About: x.Title})
		}
	}
	return c
}

// readyScripts returns the section of help that lists the bundled scripts.
func readyScripts() []cli.Section {
	s := cli.Section{Title: "Scripts that come with probe"}
	for _, name := range bundledNames() {
		s.Entries = append(s.Entries, cli.Entry{Name: name, About: question(name)})
	}
	return []cli.Section{s}
}

func exportFormats() []cli.Section {
	s := cli.Section{Title: "Formats"}
	for _, f := range export.Formats() {
		s.Entries = append(s.Entries, cli.Entry{Name: f.Name, About: f.Summary})
	}
	return []cli.Section{s}
}

func labCases() []cli.Section {
	var out []cli.Section
	for _, l := range lab.Scenarios() {
		s := cli.Section{Title: "Cases of " + l.Name}
		for _, c := range l.Cases {
			s.Entries = append(s.Entries, cli.Entry{Name: c.Name, About: c.Title + ": " + c.What})
		}
		out = append(out, s)
	}
	return out
}
