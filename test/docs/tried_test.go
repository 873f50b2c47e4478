package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// pages are the documents, below the root, whose commands are all run.
var pages = []string{"docs/tutorial.md", "docs/cookbook.md", "docs/from-bpftrace.md", "docs/from-bcc.md", "docs/from-ftrace.md"}

func rel(dir, path string) string {
	name, err := filepath.Rel(dir, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(name)
}

// step is a command of a document.
type step struct {
	command string
	// try is a command that makes it print something.
	try string
	// hardware reports that guests lack what it needs.
	hardware bool
}

// comment is what stands behind a command, and two blanks or more.
var comment = regexp.MustCompile(`\s\s+# (try: )?(.*)$`)

// steps returns the commands of the "sh" blocks of a document:
//
//	COMMAND                      must end by itself, with status 0
//	COMMAND    # try: OTHER      must print more than nothing when OTHER has run
//	# needs hardware: …          before a command that guests cannot run
func steps(text string) []step {
	var out []step
	for _, b := range Blocks(text) {
		if b.Lang != "sh" {
			continue
		}
		hardware := false
		for line := range strings.Lines(b.Text) {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "#") {
				hardware = strings.HasPrefix(line, "# needs hardware: ")
				continue
			}
			if line == "" {
				continue
			}
			s := step{command: line, hardware: hardware}
			if m := comment.FindStringSubmatch(line); m != nil {
				s.command = strings.TrimSuffix(line, m[0])
				if m[1] != "" {
					s.try = m[2]
				}
			}
			out = append(out, s)
			hardware = false
		}
	}
	return out
}

func TestSteps(t *testing.T) {
	text := "```sh\nip link   # a note\n\n# needs hardware: disks\nprobe run x\nprobe run -e 'begin { # no comment }'    # try: ls /\n```\n```\nno command\n```\n"
	got := steps(text)
	want := []step{{"ip link", "", false}, {"probe run x", "", true}, {"probe run -e 'begin { # no comment }'", "ls /", false}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// attempt runs $1 until it ends, and when it has started $2, a few times. It
// fails if that has not made it print something.
const attempt = `
lines() { grep -c '[^[:space:]]' /tmp/out || true; }
rm -f /tmp/out /tmp/err
: > /tmp/out; : > /tmp/err
sh -c "exec $1" > /tmp/out 2> /tmp/err &
p=$!
i=0
until grep -q 'Attached\|recording' /tmp/err || [ "$(lines)" -gt 0 ] || ! kill -0 $p 2>/dev/null; do
	i=$((i + 1)); [ $i -lt 600 ] || break
	sleep 0.1
done
before=$(lines)
# It may have seen the commands of this loop.
kill -0 $p 2>/dev/null || before=0
for i in 1 2 3; do sh -c "$2" > /dev/null 2>&1 || true; sleep 0.3; done
i=0
while kill -0 $p 2>/dev/null && [ "$(lines)" -le "$before" ] && [ $i -lt "$3" ]; do
	i=$((i + 1)); sleep 0.1
	[ $((i % 20)) -ne 0 ] || sh -c "$2" > /dev/null 2>&1 || true
done
kill -INT $p 2>/dev/null || true
s=0; wait $p || s=$?
cat /tmp/out; cat /tmp/err >&2
[ "$(lines)" -gt "$before" ] || { echo 'NOTHING MORE WAS PRINTED' >&2; exit 99; }
exit $s
`

// runSteps runs the commands of a document in their order.
func runSteps(t *testing.T, g *guest.Guest, page string) {
	all := steps(read(t, page))
	if len(all) == 0 {
		t.Fatal("the page shows no commands")
	}
	for _, s := range all {
		word, _, _ := strings.Cut(s.command, " ")
		switch word {
		case "make", "git", "cp":
			continue // TestCommands looks at them
		}
		t.Run(s.command, func(t *testing.T) {
			args := []string{"sh", "-c", s.command}
			switch {
			case s.command == "probe":
				prompt(t, g)
				return
			case s.hardware:
				args[2] = strings.Replace(s.command, "probe run", "probe check", 1)
			case s.try != "":
				// Maps are printed when it is ended; what ends by itself is awaited.
				wait := "10"
				if strings.Contains(s.command, "--count 1 ") || strings.Contains(s.command, "-M 1 ") {
					wait = "600"
				}
				args = []string{"bash", "-euc", attempt, "attempt", s.command, s.try, wait}
			}
			res, err := g.Run(t.Context(), guest.Cmd{Dir: "/docs", Args: args, Timeout: 5 * time.Minute})
			if err != nil || !res.OK() {
				t.Errorf("%s\ntry: %s\nstatus %d, error %v\n%s%s", s.command, s.try, res.Code, err, res.Stdout, res.Stderr)
			}
		})
	}
}

// triedSetup is the guest in which documents are tried.
func triedSetup(t *testing.T) guesttest.Setup {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script.bt")
	if err := os.WriteFile(path, []byte(example), 0o644); err != nil {
		t.Fatal(err)
	}
	setup := guesttest.Network()
	setup.Files = map[string]string{"/docs/script.bt": path}
	return setup
}

// TestReadme runs every command of the README.
func TestReadme(t *testing.T) {
	guesttest.RunWith(t, triedSetup(t), func(t *testing.T, g *guest.Guest) { runSteps(t, g, "README.md") })
}

// TestTried runs every command of the pages for those who learn.
func TestTried(t *testing.T) {
	setup := triedSetup(t)
	setup.Kernels = []string{"6.12"}
	guesttest.RunWith(t, setup, func(t *testing.T, g *guest.Guest) {
		for _, page := range pages {
			t.Run(page, func(t *testing.T) { runSteps(t, g, page) })
		}
	})
}
