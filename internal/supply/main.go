// Command supply checks what the program is made of. "make check" runs it:
//
//	supply          the licences of all modules in cmd/probe are allowed
//	supply -sbom P  writes the software bill of materials of the program P, as
//	                CycloneDX JSON, to standard output
//	supply -notices P
//	                writes the texts of the licences of what is in P, which has
//	                to be given to its users
//
// The bill comes from the build information in the program itself, so it lists
// what was linked and not what go.mod asks for. The format is a small JSON
// document, for which a library would be one more dependency.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

func main() {
	program := flag.String("sbom", "", "write the bill of materials of a program")
	texts := flag.String("notices", "", "write the licences of what is in a program")
	flag.Parse()
	var err error
	if *texts != "" {
		err = notices(*texts, os.Stdout)
	} else {
		err = run(*program, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "supply:", err)
		os.Exit(1)
	}
}

func run(program string, w io.Writer) error {
	if program != "" {
		return sbom(program, w)
	}
	mods, err := linked("probe/cmd/...")
	if err != nil {
		return err
	}
	for _, m := range mods {
		id, err := licenceOf(m.Dir)
		if err != nil {
			return fmt.Errorf("%s %s: %w", m.Path, m.Version, err)
		}
		if !slices.Contains(allowed, id) {
			return fmt.Errorf("%s %s has the licence %s; allowed are %s", m.Path, m.Version, id, strings.Join(allowed, ", "))
		}
	}
	return nil
}

// module is a module of go list.
type module struct{ Path, Version, Dir string }

// linked returns the modules of which packages use something, without this one.
func linked(packages string) ([]module, error) {
	out, err := exec.Command("go", "list", "-deps", "-f", `{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}`, packages).Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var mods []module
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		m := module{f[0], f[1], f[2]}
		if !slices.Contains(mods, m) {
			mods = append(mods, m)
		}
	}
	if len(mods) == 0 {
		return nil, fmt.Errorf("go list names no modules of %s", packages)
	}
	return mods, nil
}

// licenceFiles returns the files with licences in a module's folder.
func licenceFiles(dir string) ([]string, error) {
	var names []string
	for _, pattern := range []string{"LICEN[CS]E*", "COPYING*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, ".go") })
	if len(names) == 0 {
		return nil, fmt.Errorf("there is no file with a licence in %s", dir)
	}
	return names, nil
}

// licenceOf returns the SPDX identifiers of the licences in a module's folder,
// joined by AND.
func licenceOf(dir string) (string, error) {
	names, err := licenceFiles(dir)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		id := classify(string(b))
		if id == "" {
			return "", fmt.Errorf("the licence in %s is not known to internal/supply/licences.go", name)
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, " AND "), nil
}

// The parts of CycloneDX 1.5 that are used (https://cyclonedx.org/docs/1.5/json).
type bill struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type     string         `json:"type"`
	Ref      string         `json:"bom-ref"`
	Name     string         `json:"name"`
	Version  string         `json:"version,omitempty"`
	PURL     string         `json:"purl,omitempty"`
	Hashes   []hash         `json:"hashes,omitempty"`
	Licenses []licenceEntry `json:"licenses,omitempty"`
	Props    []property     `json:"properties,omitempty"`
}

type hash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

type licenceEntry struct {
	Expression string `json:"expression"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func sbom(program string, w io.Writer) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	mods, err := linked("probe/cmd/...")
	if err != nil {
		return err
	}
	out := bill{Format: "CycloneDX", Spec: "1.5", Version: 1}
	out.Metadata.Component = component{Type: "application", Ref: "probe", Name: "probe", Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}}}
	for _, s := range info.Settings {
		if s.Key == "GOOS" || s.Key == "GOARCH" || s.Key == "CGO_ENABLED" || s.Key == "-trimpath" {
			out.Metadata.Component.Props = append(out.Metadata.Component.Props, property{"go:build:" + s.Key, s.Value})
		}
	}
	out.Components = append(out.Components, component{Type: "library", Ref: "std", Name: "std", Version: strings.TrimPrefix(info.GoVersion, "go"),
		PURL: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go"), Licenses: []licenceEntry{{"BSD-3-Clause"}}})
	for _, d := range info.Deps {
		c, err := libraryOf(d, mods)
		if err != nil {
			return err
		}
		out.Components = append(out.Components, c)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

// libraryOf returns the component of a linked module.
func libraryOf(d *debug.Module, mods []module) (component, error) {
	i := slices.IndexFunc(mods, func(m module) bool { return m.Path == d.Path && m.Version == d.Version })
	if i < 0 {
		return component{}, fmt.Errorf("%s %s is in the program and not in the source tree: build the program again", d.Path, d.Version)
	}
	id, err := licenceOf(mods[i].Dir)
	if err != nil {
		return component{}, err
	}
	ref := "pkg:golang/" + d.Path + "@" + d.Version
	c := component{Type: "library", Ref: ref, Name: d.Path, Version: d.Version, PURL: ref, Licenses: []licenceEntry{{id}}}
	// The sum is over the list of the module's files, so it is no hash of a
	// download.
	if d.Sum != "" {
		c.Props = []property{{"go:sum", d.Sum}}
	}
	return c, nil
}
