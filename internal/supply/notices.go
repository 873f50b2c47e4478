package main

import (
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// notices writes the texts of the licences of Go's library and of the modules
// that are linked into a program, as they ask for.
func notices(program string, w io.Writer) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	mods, err := linked("probe/cmd/...")
	if err != nil {
		return err
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	if _, err := fmt.Fprintln(w, "probe contains the following software."); err != nil {
		return err
	}
	if err := notice(w, "Go "+strings.TrimPrefix(info.GoVersion, "go"), strings.TrimSpace(string(root))); err != nil {
		return err
	}
	for _, d := range info.Deps {
		i := slices.IndexFunc(mods, func(m module) bool { return m.Path == d.Path && m.Version == d.Version })
		if i < 0 {
			return fmt.Errorf("%s %s is in the program and not in the source tree: build the program again", d.Path, d.Version)
		}
		if err := notice(w, d.Path+" "+d.Version, mods[i].Dir); err != nil {
			return err
		}
	}
	return nil
}

// notice writes the licences in a folder.
func notice(w io.Writer, title, dir string) error {
	names, err := licenceFiles(dir)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "\n%s\n%s\n%s\n", strings.Repeat("=", 72), title, strings.Repeat("=", 72)); err != nil {
		return err
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "\n%s\n", b); err != nil {
			return err
		}
	}
	return nil
}
