package main

import (
	"errors"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"probe/lang/diag"
	"probe/lang/source"
	"probe/runtime/engine"
	"probe/runtime/policy"
	"probe/runtime/trust"
)

// thePolicy is the administrator's policy, read once: nil if there is none.
var thePolicy = sync.OnceValues(func() (*policy.Policy, error) { return policy.Load(policy.Path) })

// refusedBy returns the message for what the policy refuses.
func refusedBy(err error) *diag.Diagnostic {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "policy", Message: err.Error()}
	var r *policy.Refusal
	if errors.As(err, &r) {
		return d.WithHelp("ask the administrator of this machine, who made the rule, or change it as root")
	}
	d.Message = "nothing is traced, since the policy of this machine cannot be used: " + err.Error()
	return d.WithHelp("as root: correct the file, or remove it to allow everything")
}

// permitted reports whether the policy lets this user trace with the options of
// the command line, and prints why not.
func (o *options) permitted(std stdio) bool {
	p, err := thePolicy()
	if err == nil && p != nil {
		err = p.User(caller())
		if err == nil && o.unsafe {
			err = p.Unsafe()
		}
	}
	return o.tellRefusal(std, err)
}

// permittedScript reports whether the policy lets a script run, and prints why
// not.
func (o *options) permittedScript(std stdio, f *source.File) bool {
	p, err := thePolicy()
	if err == nil {
		err = permitFile(p, f)
	}
	return o.tellRefusal(std, err)
}

// permittedOther reports whether the policy lets something run that is no script
// on its own, and prints why not.
func (o *options) permittedOther(std stdio, what string) bool {
	p, err := thePolicy()
	if err == nil {
		err = p.OnlyAllowed(what)
	}
	return o.permitted(std) && o.tellRefusal(std, err)
}

// permittedGraph reports whether the policy lets calls of functions be recorded,
// and prints why not.
func (o *options) permittedGraph(std stdio, functions []string) bool {
	p, err := thePolicy()
	if err == nil {
		err = p.Probe("fgraph")
	}
	for _, f := range functions {
		if err == nil {
			err = p.Function(f)
		}
	}
	return o.tellRefusal(std, err)
}

// capped returns the budget of a run under a policy that allows at most limit, a
// share of one CPU; 0 is no limit.
func capped(budget, limit float64) float64 {
	if limit > 0 && (budget <= 0 || budget > limit) {
		return limit
	}
	return budget
}

func (o *options) tellRefusal(std stdio, err error) bool {
	if err != nil {
		o.show(std, diag.List{All: []*diag.Diagnostic{refusedBy(err)}})
	}
	return err == nil
}

// permitFile applies the rules about scripts to a file.
func permitFile(p *policy.Policy, f *source.File) error {
	text, ok := bundled(f.Name)
	return p.Script(f.Name, f.Text, ok && text == f.Text, func() ([]byte, error) {
		sig, err := trust.Open(f.Name + ".sig")
		if err != nil {
			return nil, err
		}
		defer sig.Close()
		const longer = 65 // a signature has 64 bytes
		return io.ReadAll(io.LimitReader(sig, longer))
	})
}

// importer returns the importer of scripts: under a policy that lists scripts,
// imported files must be listed, too. Those of the library always are.
func importer() engine.Importer {
	p, err := thePolicy()
	if err != nil || p.OnlyAllowed("") == nil {
		return nil
	}
	return func(from *source.File, path string) (*source.File, error) {
		f, err := engine.Import(from, path)
		if err != nil {
			return nil, err
		}
		if own, err := engine.Library(from, path); err == nil && own.Text == f.Text {
			return f, nil
		}
		return f, permitFile(p, f)
	}
}

// caller is the user that called probe: for root the one who called sudo, if it
// says so.
func caller() policy.User {
	id := os.Getuid()
	if id == 0 {
		if n, err := strconv.Atoi(os.Getenv("SUDO_UID")); err == nil {
			id = n
		}
	}
	u := policy.User{ID: id}
	// Package os/user takes the name of a user without an entry from the
	// environment, which the user decides.
	group := ""
	for f := range entries("/etc/passwd") {
		if len(f) > 3 && f[2] == strconv.Itoa(id) {
			u.Name, group = f[0], f[3]
			break
		}
	}
	groups := []string{group}
	if id == os.Getuid() {
		own, _ := os.Getgroups() // without, there are those of the file
		for _, g := range append(own, os.Getgid()) {
			groups = append(groups, strconv.Itoa(g))
		}
	}
	for f := range entries("/etc/group") {
		if len(f) < 3 || f[2] == "" {
			continue
		}
		members := ""
		if len(f) > 3 {
			members = f[3]
		}
		if slices.Contains(groups, f[2]) || u.Name != "" && slices.Contains(strings.Split(members, ","), u.Name) {
			u.Groups = append(u.Groups, f[0], f[2])
		}
	}
	return u
}

// entries yields the fields of each line of a file like /etc/passwd.
func entries(name string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		text, err := os.ReadFile(name)
		if err != nil {
			return // users and groups then have numbers only
		}
		for line := range strings.Lines(string(text)) {
			if !yield(strings.Split(strings.TrimSuffix(line, "\n"), ":")) {
				return
			}
		}
	}
}
