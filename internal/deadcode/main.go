// Command deadcode fails when a function of the repository cannot be reached.
// "make check" runs it. It asks golang.org/x/tools/cmd/deadcode twice:
//
//   - from the commands: what of the compiler, the library and the runtime no
//     command reaches is dead, or exists for tests only;
//   - from the commands and the tests: what even tests do not reach is dead
//     wherever it is.
//
// exceptions.txt lists the functions that are kept nevertheless, with the
// reason.
package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed exceptions.txt
var exceptionList string

// exception is one line of exceptions.txt: a file, or a function in a file.
type exception struct {
	file, name string // name is "" for all functions of the file
	used       bool
	library    bool // part of what other programs import: it may be reached or not
}

// function is a function that cannot be reached.
type function struct {
	Name     string
	Position struct {
		File string
		Line int
	}
}

// product lists the folders whose functions a command must reach.
var product = []string{"lang/", "compiler/", "stdlib/", "runtime/", "cmd/", "scripts/"}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "deadcode:", err)
		os.Exit(1)
	}
}

func run() error {
	exceptions, err := parse(exceptionList)
	if err != nil {
		return err
	}
	root, err := output("go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	commands, err := output("go", "list", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`, "./...")
	if err != nil {
		return err
	}
	fromCommands, err := unreachable(strings.Fields(string(commands))...)
	if err != nil {
		return err
	}
	fromTests, err := unreachable("-test", "./...")
	if err != nil {
		return err
	}
	dir := strings.TrimSpace(string(root))
	var dead []string
	dead = append(dead, judge(dir, fromCommands, product, exceptions, "no command reaches")...)
	dead = append(dead, judge(dir, fromTests, []string{""}, exceptions, "no command and no test reaches")...)
	for _, e := range exceptions {
		if !e.used && !e.library {
			dead = append(dead, strings.TrimSpace(fmt.Sprintf("internal/deadcode/exceptions.txt: %s %s", e.file, e.name))+" is reached: remove the line")
		}
	}
	if len(dead) > 0 {
		return fmt.Errorf("remove what is dead, or add it to internal/deadcode/exceptions.txt with the reason:\n%s", strings.Join(dead, "\n"))
	}
	return nil
}

// parse reads a list of exceptions: a file, optionally a function in it as
// deadcode names it, a tab and the reason. Lines that begin with # are comments.
func parse(text string) ([]*exception, error) {
	var out []*exception
	for n, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		what, reason, _ := strings.Cut(line, "\t")
		fields := strings.Fields(what)
		if strings.TrimSpace(reason) == "" || len(fields) == 0 || len(fields) > 2 {
			return nil, fmt.Errorf("exceptions.txt:%d: want a file, optionally a function, a tab and the reason", n+1)
		}
		e := &exception{file: fields[0], library: strings.HasPrefix(reason, "library:")}
		if len(fields) == 2 {
			e.name = fields[1]
		}
		out = append(out, e)
	}
	return out, nil
}

// unreachable returns what deadcode reports for its arguments.
func unreachable(args ...string) ([]function, error) {
	text, err := output("go", append([]string{"tool", "deadcode", "-json"}, args...)...)
	if err != nil {
		return nil, err
	}
	var packages []struct{ Funcs []function }
	if err := json.Unmarshal(text, &packages); err != nil {
		return nil, fmt.Errorf("read what deadcode reports: %w", err)
	}
	var out []function
	for _, p := range packages {
		out = append(out, p.Funcs...)
	}
	return out, nil
}

// judge returns a line for each function in the folders that no exception
// covers, and marks the exceptions that it uses.
func judge(root string, funcs []function, folders []string, exceptions []*exception, why string) []string {
	var dead []string
next:
	for _, f := range funcs {
		file := filepath.ToSlash(f.Position.File)
		if filepath.IsAbs(file) {
			if rel, err := filepath.Rel(root, file); err == nil {
				file = filepath.ToSlash(rel)
			}
		}
		inside := false
		for _, folder := range folders {
			inside = inside || strings.HasPrefix(file, folder)
		}
		if !inside || strings.HasSuffix(file, "_test.go") && strings.HasPrefix(f.Name, "Example") {
			continue // examples without output are compiled and not run
		}
		for _, e := range exceptions {
			if e.file == file && (e.name == "" || e.name == f.Name) {
				e.used = true
				continue next
			}
		}
		dead = append(dead, fmt.Sprintf("%s:%d: %s %s", file, f.Position.Line, why, f.Name))
	}
	return dead
}

// output runs a command and returns its standard output; the error has its
// standard error.
func output(name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}
