package repl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"probe/runtime/trust"
)

// maxHistory is the maximum number of inputs that the history keeps between
// sessions.
const maxHistory = 1000

// history is the file with the inputs of earlier sessions, one a line, with
// lineSign in place of the line ends of an input. Each input is appended when it is entered, so that concurrent sessions lose
// nothing.
type history struct {
	name string // "" when there is no place for it
	last string
}

// historyFile returns the name of the history file, by the XDG base directory
// rules; "" when the environment names no place.
func historyFile(getenv func(string) string) string {
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "probe", "history")
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "probe", "history")
	}
	return ""
}

// maxFile is the maximum size of the file in bytes.
const maxFile = 16 << 20

// ours returns an error if probe runs as root and another user can decide what the file is:
// the environment names it, and with sudo that is the caller's, who could have what is
// typed appended to a file of root's. Of a path that does not exist yet, what exists counts.
func (h *history) ours() error {
	if os.Geteuid() != 0 {
		return nil
	}
	for at := h.name; ; at = filepath.Dir(at) {
		err := trust.File(at, trust.Owners{})
		if !errors.Is(err, os.ErrNotExist) || at == filepath.Dir(at) {
			return err
		}
	}
}

// open opens the file, which must be a regular one.
func (h *history) open(flags int) (*os.File, error) {
	if err := h.ours(); err != nil {
		return nil, err
	}
	f, err := trust.OpenFile(h.name, flags|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, errors.Join(err, f.Close(), fmt.Errorf("%s is not a regular file", h.name))
	}
	return f, nil
}

// read returns the text of the file.
func (h *history) read() ([]byte, error) {
	f, err := h.open(os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", h.name, maxFile)
	}
	return b, err
}

// load reads the inputs of earlier sessions, the oldest first. It cuts a file
// that has grown to twice maxHistory.
func (h *history) load() ([]string, error) {
	if h.name == "" {
		return nil, nil
	}
	b, err := h.read()
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		h.name = "" // nothing is kept, either
		return nil, fmt.Errorf("read the history: %w", err)
	}
	var out []string
	for line := range bytes.Lines(b) {
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 && utf8.Valid(line) && bytes.IndexByte(line, 0) < 0 {
			out = append(out, fromEditor(string(line)))
		}
	}
	if len(out) > 2*maxHistory {
		out = out[len(out)-maxHistory:]
		if err := replaceFile(h.name, fileText(out)); err != nil {
			return out, fmt.Errorf("cut the history: %w", err)
		}
	}
	if len(out) > 0 {
		h.last = out[len(out)-1]
	}
	return out[max(len(out)-maxHistory, 0):], nil
}

// add keeps one input. Inputs may hold secrets, so only their owner may read
// the file.
func (h *history) add(input string) error {
	if h.name == "" || input == h.last {
		return nil
	}
	err := h.ours()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(h.name), 0o700)
	}
	if err != nil {
		return fmt.Errorf("keep the history: %w", err)
	}
	f, err := h.open(os.O_WRONLY | os.O_APPEND | os.O_CREATE)
	if err != nil {
		return fmt.Errorf("keep the history: %w", err)
	}
	_, err = f.WriteString(fileText([]string{input}))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("keep the history: %w", err)
	}
	h.last = input
	return nil
}

// fileText returns inputs as they stand in the file.
func fileText(inputs []string) string {
	var b strings.Builder
	for _, in := range inputs {
		b.WriteString(strings.ReplaceAll(in, "\n", lineSign) + "\n")
	}
	return b.String()
}

// replaceFile writes a file that only its owner may read, whole or not at all.
func replaceFile(name, text string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".history-")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
