package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"probe/cmd/front/cli"
)

// pagesCommand writes the pages of docs/ that are generated from the tables.
// `make docs` runs it; it is hidden from users.
var pagesCommand = &command{
	Command: cli.Command{Name: "__pages", Usage: []string{"ROOT"}, Summary: "write docs/man and docs/reference/cli.md below ROOT", Min: 1, Max: 1, Hidden: true},
	run: func(o *options, std stdio) int {
		return written(std, writePages(o.words[0]))
	},
}

// pages calls yield with the name below docs/ and the text of each page.
func pages(yield func(name string, text []byte) error) error {
	a := app()
	page := func(name string, write func(io.Writer) error) error {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return yield(name, b.Bytes())
	}
	for _, p := range a.Pages() {
		if err := page("man/"+p.Name, p.Write); err != nil {
			return err
		}
	}
	return page("reference/cli.md", a.Reference)
}

// writePages writes the pages, and removes the manual pages of commands that no
// longer exist.
func writePages(root string) error {
	docs := filepath.Join(root, "docs")
	old, err := filepath.Glob(filepath.Join(docs, "man", "*.1"))
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return pages(func(name string, text []byte) error {
		path := filepath.Join(docs, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		return os.WriteFile(path, text, 0o666)
	})
}
