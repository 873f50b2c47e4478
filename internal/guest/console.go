package guest

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync"
)

// consoleKeep is how many bytes of the end of a console are kept as evidence.
const consoleKeep = 64 << 10

// console keeps the end of what a guest's kernel and first process print and
// watches for the exit marker.
type console struct {
	mu     sync.Mutex
	tail   []byte
	marker []byte
	marked bool
	copy   io.Writer // may be nil
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.copy != nil {
		// A failing writer must not stop the guest, so ignore the error.
		c.copy.Write(p)
	}
	// The marker may be split between two writes.
	from := max(0, len(c.tail)-len(c.marker))
	c.tail = append(c.tail, p...)
	if len(c.marker) > 0 && bytes.Contains(c.tail[from:], c.marker) {
		c.marked = true
	}
	if len(c.tail) > 2*consoleKeep {
		c.tail = append([]byte(nil), c.tail[len(c.tail)-consoleKeep:]...)
	}
	return len(p), nil
}

// done reports whether the exit marker was seen.
func (c *console) done() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.marked
}

// text returns what is kept, with plain line ends.
func (c *console) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.TrimSpace(strings.ReplaceAll(string(c.tail), "\r\n", "\n"))
}

// lastLines returns at most n lines of the end of text.
func lastLines(text string, n int) string {
	lines := strings.Split(text, "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}

// crashWords match console lines that show why a guest went down, the most
// specific first.
var crashWords = []*regexp.Regexp{
	regexp.MustCompile(`Out of memory and no killable processes.*`),
	regexp.MustCompile(`Kernel panic - not syncing: .*`),
	regexp.MustCompile(`(BUG: |Oops: |general protection fault).*`),
	regexp.MustCompile(`guest (init|agent): .*`),
	regexp.MustCompile(`Out of memory: Killed process .*`),
}

// crashReason returns the line of a console that shows why the guest went down.
func crashReason(text string) string {
	for _, re := range crashWords {
		if s := re.FindString(text); s != "" {
			return strings.TrimSpace(s)
		}
	}
	return ""
}
