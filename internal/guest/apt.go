package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// apt runs Debian's package tools on a configuration of their own: one suite,
// with its own package lists and download folder in the cache. The machine's
// suites and its installed packages stay as they are, and no root is needed.
type apt struct {
	suite string
	arch  string
	dir   string // lists, downloads and configuration
}

// aptName names the configuration of a suite and an architecture in the cache.
func aptName(suite, arch string) string {
	if arch == HostArch {
		return suite
	}
	return suite + "-" + arch
}

// keyrings lists the places of Debian's archive keys.
var keyrings = []string{
	"/usr/share/keyrings/debian-archive-keyring.gpg",
	"/usr/share/keyrings/debian-archive-keyring.pgp",
}

// openApt prepares the private configuration for a suite such as "bookworm" and an
// architecture. The caller holds the cache's lock of these.
func openApt(cache, suite, arch string) (*apt, error) {
	op := "prepare package source " + suite
	for _, tool := range []string{"apt-get", "apt-cache", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, &Error{Op: op, Err: ErrNoApt, Help: "fetch the kernels on a Debian machine and copy its cache folder (PROBE_CACHE)"}
		}
	}
	m, ok := findMirrors(machineSources("/etc/apt"), hostCodename())
	if !ok {
		return nil, &Error{Op: op, Err: ErrNoSources, Help: "add Debian's archive to /etc/apt/sources.list.d, with component main"}
	}
	a := &apt{suite: suite, arch: arch, dir: filepath.Join(cache, "apt", aptName(suite, arch))}
	for _, d := range []string{"state/lists/partial", "cache/archives/partial", "empty"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	// An empty status file makes apt see a machine with nothing installed.
	for name, text := range map[string]string{
		"status":       "",
		"sources.list": sourcesFor(m, suite),
		"apt.conf":     a.config(),
	} {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// hostCodename returns the codename of the machine's Debian release, or "".
func hostCodename() string {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return ""
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if v, ok := strings.CutPrefix(line, "VERSION_CODENAME="); ok {
			return strings.Trim(v, `"'`)
		}
	}
	return ""
}

// sourcesFor writes the source list for one suite with its security updates.
func sourcesFor(m mirrors, suite string) string {
	options := func(s aptSource) string {
		for _, k := range keyrings {
			if _, err := os.Stat(k); err == nil {
				return "[signed-by=" + k + "] "
			}
		}
		if s.SignedBy != "" {
			return "[signed-by=" + s.SignedBy + "] "
		}
		return ""
	}
	list := fmt.Sprintf("deb %s%s %s main\n", options(m.Main), m.Main.URI, suite)
	if m.Security.URI != "" && suite != "sid" { // sid has no security suite
		list += fmt.Sprintf("deb %s%s %s-security main\n", options(m.Security), m.Security.URI, suite)
	}
	return list
}

// config is read after the machine's own apt.conf.d, whose proxies and
// authentication therefore stay in force.
func (a *apt) config() string {
	return fmt.Sprintf(`#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
Dir::Etc::sourcelist "%[1]s/sources.list";
Dir::Etc::sourceparts "%[1]s/empty";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "%[1]s/empty";
Dir::State "%[1]s/state";
Dir::State::lists "%[1]s/state/lists";
Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s/cache";
Dir::Cache::archives "%[1]s/cache/archives";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "";
Dir::Log "%[1]s";
// apt's own lock needs root; the caller holds the cache's lock instead.
Debug::NoLocking "true";
// The user _apt may have no access to the cache.
APT::Sandbox::User "";
APT::Architecture "%[2]s";
#clear APT::Architectures;
APT::Architectures { "%[2]s"; };
APT::Install-Recommends "false";
APT::Get::Assume-Yes "true";
Acquire::Languages "none";
// The index of a suite that is no longer updated has expired; its signature is
// still checked.
Acquire::Check-Valid-Until "false";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11-icons-small::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11-icons::DefaultEnabled "false";
Acquire::IndexTargets::deb::CNF::DefaultEnabled "false";
`, a.dir, a.arch)
}

// run executes one of apt's tools in the folder dir and returns its output.
func (a *apt) run(ctx context.Context, dir, tool string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, tool, append([]string{"-c", filepath.Join(a.dir, "apt.conf")}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("%s %s: %w: %s", tool, strings.Join(args, " "), err, firstErrors(stderr.String()))
	}
	return stdout.String(), nil
}

// firstErrors picks the lines with errors from apt's messages.
func firstErrors(text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "E:") && len(out) < 3 {
			out = append(out, strings.TrimSpace(line[2:]))
		}
	}
	if out == nil {
		return strings.TrimSpace(text)
	}
	return strings.Join(out, "; ")
}

// update fetches the package lists of the suite.
func (a *apt) update(ctx context.Context) error {
	progress(ctx, "download the package list of %s (about 10 MB)", a.suite)
	// Without this option apt-get only warns of a suite that it cannot reach.
	_, err := a.run(ctx, a.dir, "apt-get", "-o", "APT::Update::Error-Mode=any", "update")
	if err != nil {
		return &Error{
			Op:   "fetch the package list of " + a.suite,
			Err:  errors.Join(ErrNoPackage, err),
			Help: "check the network and that the mirror in /etc/apt has the suite; what is in the cache works without",
		}
	}
	return nil
}

// retry calls do; when that fails, it fetches the package lists, which may be
// missing or name files that the mirror no longer has, and calls it again.
func (a *apt) retry(ctx context.Context, do func() error) error {
	if err := do(); err == nil || ctx.Err() != nil {
		return err
	}
	if err := a.update(ctx); err != nil {
		return err
	}
	if err := do(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &Error{Op: "fetch from " + a.suite, Err: errors.Join(ErrNoPackage, err)}
	}
	return nil
}

// record is a package as the lists describe it: fields by lower-case name.
type record map[string]string

// show returns the newest version of a package.
func (a *apt) show(ctx context.Context, name string) (record, error) {
	text, err := a.run(ctx, a.dir, "apt-cache", "--no-all-versions", "show", name)
	if err != nil {
		return nil, err
	}
	r := make(record)
	for line := range strings.SplitSeq(text, "\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && line[0] != ' ' {
			if _, seen := r[strings.ToLower(k)]; !seen {
				r[strings.ToLower(k)] = strings.TrimSpace(v)
			}
		}
	}
	if r["package"] == "" {
		return nil, fmt.Errorf("suite %s has no package %s", a.suite, name)
	}
	return r, nil
}

// depends returns the names of the packages that r needs, first alternatives
// only.
func (r record) depends() []string {
	var out []string
	for part := range strings.SplitSeq(r["depends"]+","+r["pre-depends"], ",") {
		if f := strings.Fields(part); len(f) > 0 {
			name, _, _ := strings.Cut(f[0], ":")
			out = append(out, name)
		}
	}
	return out
}

// download fetches packages, without what they depend on, into the folder dir
// and returns the files.
func (a *apt) download(ctx context.Context, dir string, names ...string) ([]string, error) {
	a.tellDownload(ctx, names...)
	if _, err := a.run(ctx, dir, "apt-get", append([]string{"-q", "download"}, names...)...); err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(dir, "*.deb"))
}

// closure fetches packages with everything they depend on and returns the
// files.
func (a *apt) closure(ctx context.Context, names ...string) ([]string, error) {
	args := append([]string{"-qq", "--no-install-recommends", "install"}, names...)
	plan, err := a.run(ctx, a.dir, "apt-get", append([]string{"--simulate"}, args...)...)
	if err != nil {
		return nil, err
	}
	if uris, err := a.run(ctx, a.dir, "apt-get", append([]string{"--print-uris"}, args...)...); err == nil {
		if n, bytes := uriSizes(uris); n > 0 {
			progress(ctx, "download %s from %s with what it needs (%d packages, %.1f MB)", strings.Join(names, ", "), a.suite, n, float64(bytes)/1e6)
		}
	}
	if _, err := a.run(ctx, a.dir, "apt-get", append([]string{"--download-only"}, args...)...); err != nil {
		return nil, err
	}
	var files []string
	for _, name := range plannedFiles(plan) {
		files = append(files, filepath.Join(a.dir, "cache", "archives", name))
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("apt-get plans nothing for %s", strings.Join(names, " "))
	}
	return files, nil
}

// plannedFiles returns the names that apt gives the package files of a
// simulated installation, which prints lines such as
//
//	Inst libc6 (2.36-9 Debian:12.1/stable [amd64])
func plannedFiles(plan string) []string {
	var out []string
	for line := range strings.SplitSeq(plan, "\n") {
		f := strings.Fields(line)
		if len(f) < 4 || f[0] != "Inst" || !strings.HasPrefix(f[2], "(") {
			continue
		}
		name, _, _ := strings.Cut(f[1], ":")
		version := strings.ReplaceAll(f[2][1:], ":", "%3a")
		_, arch, _ := strings.Cut(line, "[") // may be followed by more brackets
		arch, _, _ = strings.Cut(arch, "]")
		out = append(out, name+"_"+version+"_"+arch+".deb")
	}
	return out
}
