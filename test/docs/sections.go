package docs

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/lang/types"
	"probe/runtime/machine/live/feature"
	"probe/runtime/machine/live/provider"
	"probe/runtime/sink"
	ready "probe/scripts"
	"probe/stdlib"
)

// Sections returns the generated sections of the documents by name. The answers
// of the tested kernels are read below root.
func Sections(root string) (map[string]string, error) {
	features, err := featureTable(root)
	if err != nil {
		return nil, err
	}
	scriptPages, err := scriptTable(root)
	if err != nil {
		return nil, err
	}
	sections := map[string]string{
		"scripts":      scriptPages,
		"probes":       probeTable(),
		"values":       signatures(func(s *types.Signature) bool { return s.Bare && !s.Agg }),
		"functions":    signatures(func(s *types.Signature) bool { return !s.Bare && !s.Agg }),
		"aggregations": signatures(func(s *types.Signature) bool { return s.Agg }),
		"modules":      moduleTable(),
		"config":       configTable(),
		"missing":      missing(),
		"codes":        codes(),
		"features":     features,
		"formats":      formatTable(),
		"dangers":      dangerTable(),
	}
	maps.Copy(sections, referenceSections())
	return sections, nil
}

// table returns a Markdown table.
func table(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) {
		for i, c := range cells {
			if c = strings.ReplaceAll(c, "|", `\|`); c != "" {
				c += " "
			}
			if i == 0 {
				b.WriteString("|")
			}
			b.WriteString(" " + c + "|")
		}
		b.WriteString("\n")
	}
	line(head)
	b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, r := range rows {
		line(r)
	}
	return b.String()
}

// code returns text as inline code.
func code(s string) string { return "`" + s + "`" }

// dangerTable lists the functions that are dangerous or hot to probe.
func dangerTable() string {
	var rows [][]string
	for _, d := range provider.Dangers() {
		forced := "with `--force`"
		if d.Crash {
			forced = "never"
		}
		rows = append(rows, []string{code(d.Name), d.Where.String(), forced, "it " + d.Why})
	}
	return table([]string{"function", "probes", "attached", "because"}, rows)
}

func formatTable() string {
	var rows [][]string
	for _, f := range sink.Formats() {
		rows = append(rows, []string{code(f.Name), f.Doc})
	}
	return table([]string{"format", "what it shows"}, rows)
}

func probeTable() string {
	var rows [][]string
	for _, k := range provider.Kinds() {
		name := code(k.Name)
		for _, a := range k.Aliases {
			name += ", " + code(a)
		}
		rows = append(rows, []string{name, code(k.Usage), k.Doc, k.Row})
	}
	return table([]string{"type, short forms", "attach point", "", "row"}, rows)
}

// signatures returns the table of the library's records that want holds for.
func signatures(want func(*types.Signature) bool) string {
	var rows [][]string
	for _, s := range stdlib.Signatures() {
		if s.Missing || !want(s) {
			continue
		}
		doc := s.Doc
		if s.Unsafe {
			doc += " Needs `--unsafe`."
		}
		if s.Probes != nil {
			doc += " Only in " + strings.Join(s.Probes, ", ") + "."
		}
		rows = append(rows, []string{code(s.Usage), doc, s.Row})
	}
	slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return table([]string{"", "", "row"}, rows)
}

func moduleTable() string {
	var rows [][]string
	for _, name := range stdlib.Modules() {
		text, _ := stdlib.Module(name)
		first, _, _ := strings.Cut(strings.TrimPrefix(text, "// "+name+": "), "\n//")
		about, _, _ := strings.Cut(first, ".")
		rows = append(rows, []string{code(`import "` + name + `"`), strings.ToUpper(about[:1]) + about[1:] + ". " + code("probe help "+name) + " lists its macros."})
	}
	return table([]string{"", ""}, rows)
}

// scriptTable lists the scripts that come with probe by the questions that they
// answer, which are the first sentences of their headers.
func scriptTable(root string) (string, error) {
	files, err := ready.FS.ReadDir(".")
	if err != nil {
		return "", err
	}
	var rows [][]string
	for _, f := range files {
		text, err := ready.FS.ReadFile(f.Name())
		if err != nil {
			return "", err
		}
		name := strings.TrimSuffix(f.Name(), ".pr")
		_, about, found := strings.Cut(string(text), "\n// "+name+": ")
		about, _, asked := strings.Cut(about, "?")
		if !found || !asked {
			return "", fmt.Errorf("%s does not begin with the question that it answers", f.Name())
		}
		about = strings.ReplaceAll(about, "\n// ", " ") + "?"
		page := filepath.Join(root, "docs", "scripts", name+".md")
		link := code(name)
		if _, err := os.Stat(page); err == nil {
			link = "[" + name + "](" + name + ".md)"
		}
		rows = append(rows, []string{link, strings.ToUpper(about[:1]) + about[1:]})
	}
	return table([]string{"`probe run` …", "answers"}, rows), nil
}

func configTable() string {
	var rows [][]string
	for _, v := range hir.ConfigVars() {
		if !v.Settable() {
			continue
		}
		def := ""
		if v.Default != "" {
			def = code(v.Default)
		}
		rows = append(rows, []string{code(v.Name), v.Values(), def, v.Doc})
	}
	return table([]string{"variable", "values", "default", ""}, rows)
}

// missing lists the functions and probe types that are not implemented yet.
func missing() string {
	var names []string
	for name, s := range stdlib.Signatures() {
		if s.Missing {
			names = append(names, code(name)+" ("+s.Row+")")
		}
	}
	slices.Sort(names)
	return "Functions and values: " + strings.Join(names, ", ") + "."
}

// codes returns the reference of all messages.
func codes() string {
	phases := map[diag.Phase]string{
		diag.PhaseParse:   "Reading the script",
		diag.PhaseCheck:   "Checking it",
		diag.PhaseMachine: "The machine",
	}
	var b strings.Builder
	last := diag.Phase(255)
	for _, e := range diag.Codes() {
		if e.Phase != last {
			fmt.Fprintf(&b, "## %s\n\n", phases[e.Phase])
			last = e.Phase
		}
		severity := "Error"
		if e.Warning {
			severity = "Warning"
		}
		fmt.Fprintf(&b, "### %s\n\n%s: %s.\n\n", e.Code, severity, e.Cause)
		if e.Wrong != "" {
			fmt.Fprintf(&b, "```\n%s\n```\n\n", strings.TrimRight(strings.Map(printable, e.Wrong), "\n"))
		}
		fmt.Fprintf(&b, "What to do: %s.\n\n", e.Cure)
	}
	return b.String()
}

// printable replaces control characters.
func printable(r rune) rune {
	if unicode.IsControl(r) && r != '\t' && r != '\n' {
		return unicode.ReplacementChar
	}
	return r
}

// answers is the file with what the tested kernels answer. The guests compare
// it with the kernels (package runtime/machine/live/feature).
const answers = "runtime/machine/live/feature/kernels.txt"

// featureTable lists the features with the tested kernels that have them.
func featureTable(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(answers)))
	if err != nil {
		return "", err
	}
	var head []string
	has := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0][0] == '#':
		case head == nil:
			head = f[1:]
		case len(f) != len(head)+1:
			return "", fmt.Errorf("%s: %q has %d columns, want %d", answers, strings.TrimSpace(line), len(f), len(head)+1)
		default:
			has[f[0]] = f[1:]
		}
	}
	var rows [][]string
	for _, info := range feature.All() {
		kernels, ok := has[info.Name]
		if !ok {
			return "", fmt.Errorf("%s has no line for %s", answers, info.Name)
		}
		row := []string{code(info.Name), info.About, info.Since}
		for _, k := range kernels {
			row = append(row, map[bool]string{true: "yes", false: ""}[k == "y"])
		}
		rows = append(rows, row)
	}
	return table(append([]string{"feature", "", "since"}, head...), rows), nil
}
