package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"probe/cmd/front/bcc"
	"probe/cmd/front/cli"
	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// matrixInputs are the scripts and recordings, good and bad, that the commands
// get. Recordings are added by writeInputs.
var matrixInputs = map[string]string{
	"good.pr":     `begin { printf("x\n"); exit(); }`,
	"kernel.pr":   "kprobe:vfs_read /comm == \"cat\"/ { @[comm] = hist(arg2); }\ninterval:s:1 { print(@, 5); clear(@); }",
	"calls.pr":    "ret:fib_table_lookup { @[retval] = count(); @d = hist(duration); }",
	"params.pr":   "begin { printf(\"%d %s\\n\", $1, str($2)); exit($#); }",
	"tests.pr":    "test:one { if (1 + 1 != 2) { errorf(\"wrong\"); } }\nbench:two { @ = count(); }",
	"syntax.pr":   "begin { printf(\"x\\n\"; }",
	"types.pr":    "begin { @a = 1; @a = \"x\"; $b = nothing(3); }",
	"noprobe.pr":  "kprobe:no_such_function_at_all { }",
	"empty.pr":    "",
	"binary.pr":   "\x7fELF\x02\x01\x01\x00\x00\xff\xfe\x80",
	"deep.pr":     "begin { print(" + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000) + "); }",
	"bad.jsonl":   "{\"type\": \"header\", \"version\": 99}\n{\"type\": \"nothing\"}\n",
	"empty.jsonl": "",
	"junk.zst":    "\x28\xb5\x2f\xfd\x00\x00\x00\x00\x00",
}

// writeInputs writes the inputs to a folder and returns their names, in order.
func writeInputs(t *testing.T, dir string) []string {
	t.Helper()
	recording, err := os.ReadFile("../../runtime/engine/testdata/lookups.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"calls.jsonl", "cut.jsonl", "missing.pr", "."}
	files := map[string][]byte{"calls.jsonl": recording, "cut.jsonl": recording[:len(recording)*2/3]}
	for name, text := range matrixInputs {
		files[name] = []byte(text)
		names = append(names, name)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(names)
	return names
}

// flagWords returns how the example of an option spells it, with its value.
func flagWords(t *testing.T, f *flag) []string {
	t.Helper()
	words := splitExample(f.Example)
	for i, w := range words {
		name, value, joined := strings.Cut(w, "=")
		if name != "--"+f.Name && (f.Short == 0 || name != "-"+string(rune(f.Short))) {
			continue
		}
		switch {
		case f.Arg == "":
			return []string{name}
		case joined:
			return []string{name, value}
		case i+1 < len(words):
			return []string{name, words[i+1]}
		}
	}
	t.Fatalf("--%s: its example %q does not show it", f.Name, f.Example)
	return nil
}

// splitExample splits a command line at blanks outside of single quotes.
func splitExample(line string) []string {
	var out []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}

// matrix returns the command lines of all commands with no option, each option,
// and each pair of options, over all inputs.
func matrix(t *testing.T, inputs []string) [][]string {
	a := app()
	var out [][]string
	for _, c := range a.Commands {
		if c.Name == "__pages" {
			continue // it writes the manual
		}
		options := a.Options(c.Name)
		sets := [][]string{nil}
		for i, f := range options {
			sets = append(sets, flagWords(t, f))
			for _, g := range options[:i] {
				sets = append(sets, slices.Concat(flagWords(t, g), flagWords(t, f)))
			}
		}
		for _, s := range sets {
			for _, in := range inputs {
				line := append([]string{c.Name}, s...)
				if line = append(line, in); c.Name == "diff" {
					line = append(line, "calls.jsonl")
				}
				out = append(out, line)
			}
		}
	}
	return out
}

// commandStatuses are the exit statuses that a command can have.
func commandStatuses(c *command) []int {
	if c.wrong != 0 {
		return []int{diffSame, diffDiffer, diffTrouble}
	}
	out := []int{exitOK, exitUsage, exitStrict, exitRun}
	if slices.ContainsFunc(bcc.Tools, func(t *bcc.Tool) bool { return t.Command == c.Name }) {
		out = append(out, exitBCCUsage) // as bcc's own tools
	}
	return out
}

// matrixLimit ends a command that hangs. Machines that run tests are busy.
const matrixLimit = time.Minute

// TestMatrix runs every command with every pair of its options over scripts and
// recordings, good and bad: a known status, a message when it is not 0, no
// panic, no hang. It runs as a user without rights, so nothing is traced; a
// sample of the command lines, or all with PROBE_MATRIX=all.
func TestMatrix(t *testing.T) {
	dir, err := os.MkdirTemp("", "matrix")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	inputs := writeInputs(t, dir)
	program := copySelf(t, dir)
	if err := os.Chmod(dir, 0o777); err != nil { // for -o
		t.Fatal(err)
	}
	lines := matrix(t, inputs)
	all := len(lines)
	if os.Getenv("PROBE_MATRIX") != "all" {
		const sample = 400
		r := rand.New(rand.NewPCG(1, 2))
		r.Shuffle(len(lines), func(i, k int) { lines[i], lines[k] = lines[k], lines[i] })
		lines = lines[:sample]
	}
	t.Logf("%d of %d command lines", len(lines), all)
	next := make(chan []string)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for line := range next {
				if why := matrixRun(program, dir, line); why != "" {
					t.Errorf("probe %s\n%s", strings.Join(line, " "), why)
				}
			}
		})
	}
	for _, line := range lines {
		next <- line
	}
	close(next)
	wg.Wait()
}

// copySelf copies the program of the test, which is probe by that name, to where
// every user can run it.
func copySelf(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	name := filepath.Join(dir, "probe")
	out, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	return name
}

// matrixRun runs a command line and returns what is wrong, "" for nothing.
func matrixRun(program, dir string, line []string) string {
	ctx, cancel := context.WithTimeout(context.Background(), matrixLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, line...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "NO_COLOR=1", "HOME=" + dir, "TMPDIR=" + dir}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if line[0] == "repl" {
		cmd.Stdin = strings.NewReader("1 + 1\n:help\n:list\n:maps\n:save saved.pr\n@ = 1\n:nothing\nbegin { print(@); }\n:stop all\n")
	}
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return err.Error()
	}
	code := cmd.ProcessState.ExitCode()
	show := func(what string) string {
		return fmt.Sprintf("%s; status %d\n%s\n%s", what, code, cut(stdout.String()), cut(stderr.String()))
	}
	switch c := lookup(line[0]); {
	case ctx.Err() != nil:
		return show("it was still running after " + matrixLimit.String())
	case strings.Contains(stderr.String(), "panic") || strings.Contains(stderr.String(), "goroutine ") || strings.Contains(stderr.String(), "internal error"):
		return show("a panic")
	case !slices.Contains(commandStatuses(c), code):
		return show("an unknown status")
	case code != exitOK && stderr.Len() == 0 && stdout.Len() == 0:
		return show("no message")
	}
	return ""
}

func cut(s string) string { return s[:min(len(s), 2000)] }

// TestGuestMatrix runs a sample of the command lines that trace as root in a
// guest. Those that do not end by themselves are interrupted.
func TestGuestMatrix(t *testing.T) {
	dir := t.TempDir()
	inputs := writeInputs(t, dir)
	lines := slices.DeleteFunc(matrix(t, inputs), func(line []string) bool {
		return !slices.Contains([]string{"run", "record", "graph", "doctor", "ls"}, line[0])
	})
	sample := 40
	if os.Getenv("PROBE_MATRIX") == "all" {
		sample = 800
	}
	r := rand.New(rand.NewPCG(3, 4))
	r.Shuffle(len(lines), func(i, k int) { lines[i], lines[k] = lines[k], lines[i] })
	lines = lines[:sample]
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		guesttest.Sh(t, g, "mkdir -p /matrix && chmod 700 /matrix")
		for _, name := range inputs {
			if data, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
				if err := g.Put(t.Context(), "/matrix/"+name, data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, line := range lines {
			args := append([]string{"timeout", "-s", "KILL", "60", "timeout", "-s", "INT", "4", "probe"}, line...)
			res, err := g.Run(t.Context(), guest.Cmd{Args: args, Dir: "/matrix", Timeout: 2 * time.Minute})
			if err != nil {
				t.Fatalf("probe %s: %v", strings.Join(line, " "), err)
			}
			// 124 and 143 are what timeout returns after SIGINT. A hang has 137.
			known := append([]int{124, 130, 143}, commandStatuses(lookup(line[0]))...)
			panics := strings.Contains(res.Stderr, "panic") || strings.Contains(res.Stderr, "goroutine ") || strings.Contains(res.Stderr, "internal error")
			if panics || !slices.Contains(known, res.Code) && !strings.Contains(strings.Join(line, " "), "params.pr") {
				t.Errorf("probe %s: status %d\n%s\n%s", strings.Join(line, " "), res.Code, cut(res.Stdout), cut(res.Stderr))
			}
		}
	})
}

// TestFlagWords checks that the words of an option come from its example.
func TestFlagWords(t *testing.T) {
	f := &cli.Flag[options]{Name: "only", Arg: "PATTERN", Example: "probe graph --only 'fib_*,ip_*' ip_route_output_flow"}
	if got := strings.Join(flagWords(t, f), "|"); got != "--only|fib_*,ip_*" {
		t.Error(got)
	}
}
