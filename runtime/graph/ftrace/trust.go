package ftrace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"probe/runtime/machine/live/tracefs"
	"probe/runtime/trust"
)

// The values in a journal are written to files of the kernel with root's
// rights. So a journal is read only if nobody else can have written it, and it
// can name only the files that probe itself changes.

// maxJournal is the maximum size of a journal in bytes. The longest journal has
// two lists of all functions of the kernel, some 4 MB.
const maxJournal = 32 << 20

// UntrustedError is returned for a journal that probe did not write, or that is
// damaged. Nothing was restored.
type UntrustedError struct {
	Path  string // of the journal
	Aside string // where it is now; "" if it could not be renamed
	Why   string // completes the sentence "the tracing journal PATH …"
}

// Error says what is wrong with the journal, and where it is now.
func (e *UntrustedError) Error() string {
	s := "the tracing journal " + e.Path + " " + e.Why + "; nothing was put back"
	if e.Aside != "" {
		s += ", and it was set aside as " + e.Aside
	}
	return s
}

// owners returns the users who may write the journal: the effective user and
// root, but not the user who called sudo.
func owners() trust.Owners {
	return trust.Owners{Users: []int{os.Geteuid()}, Groups: []int{os.Getegid()}}
}

// isTracefs reports whether a folder is a tracing directory; tests have folders of
// ordinary files.
var isTracefs = tracefs.Is

// openOwn opens a file of the run directory. It does not follow links or wait
// for the other end of a pipe, and accepts only a regular file that only its
// owner can write.
func openOwn(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return nil, &trust.Error{Path: path, Why: "is a symbolic link"}
	}
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = &trust.Error{Path: path, Why: "is no regular file"}
	}
	if err == nil {
		err = trust.File(path, owners())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readJournal returns the journal of a folder, nil when there is none. The error is an
// *UntrustedError for one that others may have written or that is damaged.
func readJournal(dir string) (*journal, error) {
	path := filepath.Join(dir, journalFile)
	f, err := openOwn(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var foreign *trust.Error
	if errors.As(err, &foreign) {
		if foreign.Path != path {
			foreign.Why = "is not trusted: " + foreign.Error()
		}
		return nil, &UntrustedError{Path: path, Why: foreign.Why}
	}
	if err != nil {
		return nil, fmt.Errorf("read the tracing journal: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxJournal+1))
	if err != nil {
		return nil, fmt.Errorf("read the tracing journal: %w", err)
	}
	if len(text) > maxJournal {
		return nil, &UntrustedError{Path: path, Why: fmt.Sprintf("is larger than %d bytes", maxJournal)}
	}
	j, err := parseJournal(text)
	if err != nil {
		return nil, &UntrustedError{Path: path, Why: "is damaged: " + err.Error()}
	}
	if j.Version != journalVersion {
		return nil, fmt.Errorf("the tracing journal %s is of version %d, this probe knows version %d: clean up with the probe that wrote it, or remove the file", path, j.Version, journalVersion)
	}
	return j, nil
}

// setAside renames a journal that is not trusted, so that it blocks no further
// run and can be examined. It returns other errors unchanged.
func setAside(err error) error {
	var e *UntrustedError
	if errors.As(err, &e) {
		if aside := e.Path + ".untrusted"; os.Rename(e.Path, aside) == nil {
			e.Aside = aside
		}
	}
	return err
}

// parseJournal parses a journal. The error names the first entry that no probe
// writes. Of a journal of another version only the version is returned.
func parseJournal(text []byte) (*journal, error) {
	var v struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	if v.Version != journalVersion {
		return &journal{Version: v.Version}, nil
	}
	j := &journal{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(j); err != nil {
		return nil, err
	}
	return j, j.valid()
}

// valid returns an error that names the first entry of a journal that no probe
// writes.
func (j *journal) valid() error {
	switch {
	case j.PID <= 0:
		return fmt.Errorf("process %d", j.PID)
	case !filepath.IsAbs(j.Tracing) || filepath.Clean(j.Tracing) != j.Tracing:
		return fmt.Errorf("the tracing directory %q", j.Tracing)
	case j.Instance != "" && j.Instance != "probe-"+strconv.Itoa(j.PID):
		return fmt.Errorf("the tracing instance %q of process %d", j.Instance, j.PID)
	}
	for _, e := range j.Events {
		n, ok := strings.CutPrefix(e, "probe_"+strconv.Itoa(j.PID)+"/r")
		if !ok || !isNumber(n) {
			return fmt.Errorf("the event %q of process %d", e, j.PID)
		}
	}
	seen := map[string]bool{}
	for _, c := range j.Changes {
		form := formOf(c.File)
		switch {
		case form == nil || seen[c.File]:
			return fmt.Errorf("a change of %q", c.File)
		case !form(c.Old):
			return fmt.Errorf("the value %q of %s", shortened(c.Old), c.File)
		case !form(c.New):
			return fmt.Errorf("the value %q of %s", shortened(c.New), c.File)
		}
		seen[c.File] = true
	}
	return nil
}

// shortened is the start of a value that a message shows.
func shortened(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// formOf returns the function that checks the values of a file that probe
// changes, nil for other files.
func formOf(file string) func(string) bool {
	known := false
	for _, s := range settings {
		known = known || s.name == file
	}
	switch {
	case !known:
		return nil
	case isThreads(file):
		return func(s string) bool { return eachLine(s, isNumber) }
	case isList(file):
		return func(s string) bool { return eachLine(s, isFunction) }
	case file == "trace_clock" || file == "current_tracer":
		return isWord
	case file == "tracing_on" || strings.HasPrefix(file, "options/"):
		return func(s string) bool { return s == "0" || s == "1" }
	}
	return isNumber
}

// eachLine reports whether each line of a list has a form. A list may be empty.
func eachLine(list string, form func(string) bool) bool {
	if list == "" {
		return true
	}
	for line := range strings.SplitSeq(list, "\n") {
		if !form(line) {
			return false
		}
	}
	return true
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil && s[0] != '+'
}

// isWord reports whether s is the name of a clock or a tracer: x86-tsc, function_graph.
func isWord(s string) bool {
	return len(s) > 0 && len(s) <= 64 && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-')
	}) < 0
}

// isFunction reports whether s can be the name of a function, and nothing else that the
// files of functions take: a pattern, a negation, or a command such as "f:traceoff".
func isFunction(s string) bool {
	const maxSymbol = 512 // the kernel's KSYM_NAME_LEN
	return len(s) > 0 && len(s) < maxSymbol && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.' || r == '$' || r == '@')
	}) < 0
}
