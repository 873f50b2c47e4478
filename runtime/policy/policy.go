// Package policy reads the rules by which the administrator of a machine limits
// what probe does there, and applies them. The rules bind those who get their
// rights from probe, as where its file has capabilities or sudo allows it alone;
// whoever is root otherwise can change the file.
package policy

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"probe/runtime/trust"
)

// Path is where the rules are.
const Path = "/etc/probe/policy.toml"

// maxSize bounds what is read, in bytes.
const maxSize = 1 << 20

// file is the form of the rules. A list that is missing limits nothing; an empty
// one allows nothing.
type file struct {
	Users         *[]string `toml:"users"`
	Probes        *[]string `toml:"probes"`
	Functions     *[]string `toml:"functions"`
	DenyFunctions []string  `toml:"deny_functions"`
	Unsafe        *bool     `toml:"unsafe"`
	Budget        string    `toml:"budget"`
	Scripts       struct {
		Only    bool     `toml:"only"`
		Bundled *bool    `toml:"bundled"`
		SHA256  []string `toml:"sha256"`
		Keys    []string `toml:"keys"`
	} `toml:"scripts"`
}

// Policy is a set of rules. A nil *Policy allows everything.
type Policy struct {
	path   string
	text   string
	rules  file
	budget float64
	keys   []ed25519.PublicKey
}

// Refusal is the error for what a rule does not allow.
type Refusal struct {
	// Place is the file and the line of the rule, Rule its name, "scripts.only".
	Place, Rule string
	// What is refused, as a clause: "probes of type kprobe are not allowed".
	What string
}

// Error names the rule and its place.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%s: the rule %s in %s", r.What, r.Rule, r.Place)
}

// Load reads the rules. The result is nil if there is no such file. Rules that
// cannot be read, are damaged, or that others than root can change are an error:
// nothing must run then, since it is not known what is allowed.
func Load(name string) (*Policy, error) {
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err := trust.File(name, trust.Owners{}); err != nil {
		if trust.IsError(err) {
			return nil, fmt.Errorf("%w: the policy and the folders above it must belong to root, and nobody else may write to them", err)
		}
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxSize {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxSize)
	}
	return parse(name, string(b))
}

func parse(name, text string) (*Policy, error) {
	p := &Policy{path: name, text: text}
	meta, err := toml.Decode(text, &p.rules)
	if err != nil {
		var bad toml.ParseError
		if errors.As(err, &bad) {
			return nil, fmt.Errorf("%s:%d: %s", name, bad.Position.Line, bad.Message)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if extra := meta.Undecoded(); len(extra) > 0 {
		return nil, fmt.Errorf("%s: there is no rule %s; the rules are users, probes, functions, deny_functions, unsafe, budget, scripts.only, scripts.bundled, scripts.sha256, scripts.keys", p.place(extra[0].String()), extra[0])
	}
	bad := func(rule, format string, args ...any) error {
		return fmt.Errorf("%s: %s: %s", p.place(rule), rule, fmt.Sprintf(format, args...))
	}
	for _, list := range []struct {
		rule     string
		patterns *[]string
	}{{"functions", p.rules.Functions}, {"deny_functions", &p.rules.DenyFunctions}} {
		if list.patterns == nil {
			continue
		}
		for _, pattern := range *list.patterns {
			if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
				return nil, bad(list.rule, "%q is no pattern", pattern)
			}
		}
	}
	if p.rules.Budget != "" {
		number, percent := strings.CutSuffix(p.rules.Budget, "%")
		p.budget, err = strconv.ParseFloat(number, 64)
		if err != nil || !percent || !(p.budget > 0 && p.budget <= 100) {
			return nil, bad("budget", "%q is no percentage such as \"1%%\"", p.rules.Budget)
		}
	}
	for _, digest := range p.rules.Scripts.SHA256 {
		if b, err := hex.DecodeString(digest); err != nil || len(b) != sha256.Size {
			return nil, bad("scripts.sha256", "%q is no SHA-256 digest of 64 hexadecimal digits", digest)
		}
	}
	for _, key := range p.rules.Scripts.Keys {
		b, err := base64.StdEncoding.DecodeString(key)
		if err != nil || len(b) != ed25519.PublicKeySize {
			return nil, bad("scripts.keys", "%q is no ed25519 key: 32 bytes in base64", key)
		}
		p.keys = append(p.keys, b)
	}
	return p, nil
}

// place returns the file and the line of a rule.
func (p *Policy) place(rule string) string {
	table, key := "", rule
	if i := strings.LastIndexByte(rule, '.'); i >= 0 {
		table, key = rule[:i], rule[i+1:]
	}
	at := "" // the table that the lines belong to
	n := 0
	for line := range strings.Lines(p.text) {
		n++
		line = strings.TrimSpace(line)
		if head, ok := strings.CutPrefix(line, "["); ok {
			head, _, _ = strings.Cut(head, "]")
			at = strings.TrimSpace(head)
			if at == rule {
				return fmt.Sprintf("%s:%d", p.path, n)
			}
			continue
		}
		name, _, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if ok && (at == table && name == key || at == "" && name == rule || at == "" && name == table && table != "") {
			return fmt.Sprintf("%s:%d", p.path, n)
		}
	}
	return p.path
}

func (p *Policy) refuse(rule, format string, args ...any) error {
	return &Refusal{Place: p.place(rule), Rule: rule, What: fmt.Sprintf(format, args...)}
}

// User is who runs probe.
type User struct {
	ID     int
	Name   string
	Groups []string // names and numbers
}

// User returns an error if a user may not trace. Rules name users by name or
// number, groups with an @ before.
func (p *Policy) User(u User) error {
	if p == nil || p.rules.Users == nil {
		return nil
	}
	for _, who := range *p.rules.Users {
		group, isGroup := strings.CutPrefix(who, "@")
		if isGroup && slices.Contains(u.Groups, group) || who == u.Name || who == strconv.Itoa(u.ID) {
			return nil
		}
	}
	name := u.Name
	if name == "" {
		name = strconv.Itoa(u.ID)
	}
	return p.refuse("users", "user %s may not trace", name)
}

// Unsafe returns an error if --unsafe is not allowed.
func (p *Policy) Unsafe() error {
	if p == nil || p.rules.Unsafe == nil || *p.rules.Unsafe {
		return nil
	}
	return p.refuse("unsafe", "--unsafe is not allowed")
}

// Probe returns an error if probes of a kind are not allowed.
func (p *Policy) Probe(kind string) error {
	if p == nil || p.rules.Probes == nil || slices.Contains(*p.rules.Probes, kind) {
		return nil
	}
	return p.refuse("probes", "probes of type %s are not allowed", kind)
}

// Function returns an error if a function of the kernel may not be probed.
func (p *Policy) Function(name string) error {
	if p == nil {
		return nil
	}
	if pattern, ok := matches(p.rules.DenyFunctions, name); ok {
		return p.refuse("deny_functions", "the function %s may not be probed (%s)", name, pattern)
	}
	if p.rules.Functions == nil {
		return nil
	}
	if _, ok := matches(*p.rules.Functions, name); !ok {
		return p.refuse("functions", "the function %s may not be probed", name)
	}
	return nil
}

// Limited reports whether the rules are about single functions, so that a probe
// whose function has no name must be refused.
func (p *Policy) Limited() bool {
	return p != nil && (p.rules.Functions != nil || len(p.rules.DenyFunctions) > 0)
}

// Unnamed returns the refusal of a probe whose function has no name, such as one
// at an address.
func (p *Policy) Unnamed() error {
	rule := "functions"
	if p.rules.Functions == nil {
		rule = "deny_functions"
	}
	return p.refuse(rule, "a probe at an address, without the name of a function, is not allowed")
}

// Budget returns the largest share of one CPU that probes may take, 0 if there is
// no limit.
func (p *Policy) Budget() float64 {
	if p == nil {
		return 0
	}
	return p.budget / 100
}

// OnlyAllowed returns an error if only listed scripts may run, for what is no
// script on its own, such as a prompt.
func (p *Policy) OnlyAllowed(what string) error {
	if p == nil || !p.rules.Scripts.Only {
		return nil
	}
	return p.refuse("scripts.only", "%s is not allowed, since only listed scripts may run", what)
}

// Script returns an error if a script, or a file that one imports, may not run:
// it is none of those that come with probe, its digest is not listed, and the
// file beside it with the ending .sig has no signature by one of the keys.
// signature returns that file's content.
func (p *Policy) Script(name, text string, bundled bool, signature func() ([]byte, error)) error {
	if p == nil || !p.rules.Scripts.Only {
		return nil
	}
	if bundled && (p.rules.Scripts.Bundled == nil || *p.rules.Scripts.Bundled) {
		return nil
	}
	digest := sha256.Sum256([]byte(text))
	for _, d := range p.rules.Scripts.SHA256 {
		if strings.EqualFold(d, hex.EncodeToString(digest[:])) {
			return nil
		}
	}
	if len(p.keys) > 0 && signature != nil {
		if sig, err := signature(); err == nil {
			for _, key := range p.keys {
				if ed25519.Verify(key, []byte(text), sig) {
					return nil
				}
			}
		}
	}
	return p.refuse("scripts.only", "the script %s is not among those that may run (sha256 %x)", name, digest)
}

// matches returns the first pattern that a name matches.
func matches(patterns []string, name string) (string, bool) {
	for _, pattern := range patterns {
		if ok, _ := path.Match(pattern, name); ok {
			return pattern, true
		}
	}
	return "", false
}
