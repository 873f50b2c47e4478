package guest

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// aptSource is one entry of the machine's package sources: one URI with one
// suite.
type aptSource struct {
	URI        string
	Suite      string
	Components []string
	SignedBy   string // path of a keyring; empty when not given
}

// parseSourcesList reads the one-line format of sources.list(5):
//
//	deb [option=value …] URI suite component…
func parseSourcesList(text string) []aptSource {
	var out []aptSource
	sc := bufio.NewScanner(strings.NewReader(text))
	for sc.Scan() {
		line, _, _ := strings.Cut(sc.Text(), "#")
		line, ok := strings.CutPrefix(strings.TrimSpace(line), "deb")
		if !ok || line == "" || !strings.ContainsRune(" \t[", rune(line[0])) {
			continue
		}
		line = strings.TrimSpace(line)
		var signedBy string
		if rest, ok := strings.CutPrefix(line, "["); ok {
			options, rest, ok := strings.Cut(rest, "]")
			if !ok {
				continue
			}
			for _, o := range strings.Fields(options) {
				if v, ok := strings.CutPrefix(o, "signed-by="); ok {
					signedBy = v
				}
			}
			line = rest
		}
		f := strings.Fields(line)
		if len(f) < 3 {
			continue // a flat repository has no components
		}
		out = append(out, aptSource{URI: f[0], Suite: f[1], Components: f[2:], SignedBy: signedBy})
	}
	return out
}

// parseDeb822 reads the format of .sources files: paragraphs of "Field:
// values" lines, in which lines that start with a blank continue the one
// before.
func parseDeb822(text string) []aptSource {
	var out []aptSource
	fields := make(map[string]string)
	var last string
	flush := func() {
		defer clear(fields)
		last = ""
		if !slices.Contains(strings.Fields(fields["types"]), "deb") {
			return
		}
		switch strings.ToLower(fields["enabled"]) {
		case "no", "false", "0", "off", "without", "disable":
			return
		}
		signedBy := fields["signed-by"]
		if !strings.HasPrefix(signedBy, "/") || strings.ContainsAny(signedBy, " \n") {
			signedBy = "" // a fingerprint or an embedded key, which is not supported
		}
		for _, uri := range strings.Fields(fields["uris"]) {
			for _, suite := range strings.Fields(fields["suites"]) {
				out = append(out, aptSource{
					URI: uri, Suite: suite, SignedBy: signedBy,
					Components: strings.Fields(fields["components"]),
				})
			}
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == ' ' || line[0] == '\t':
			fields[last] += "\n" + strings.TrimSpace(line)
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				continue
			}
			last = strings.ToLower(strings.TrimSpace(name))
			fields[last] = strings.TrimSpace(value)
		}
	}
	flush()
	return out
}

// machineSources reads the sources of the apt configuration in the folder etc,
// which is /etc/apt on a machine.
func machineSources(etc string) []aptSource {
	var out []aptSource
	files := []string{filepath.Join(etc, "sources.list")}
	for _, pattern := range []string{"*.list", "*.sources"} {
		// Glob fails only for a malformed pattern.
		more, _ := filepath.Glob(filepath.Join(etc, "sources.list.d", pattern))
		files = append(files, more...)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if strings.HasSuffix(name, ".sources") {
			out = append(out, parseDeb822(string(text))...)
		} else {
			out = append(out, parseSourcesList(string(text))...)
		}
	}
	return out
}

// mirrors holds the archives from which this machine gets Debian.
type mirrors struct {
	Main     aptSource // URI of the archive
	Security aptSource // URI of the security archive; zero when there is none
}

// suiteNames lists the names under which Debian itself publishes releases.
// Third-party archives use them too, but rarely with the component main.
var suiteNames = []string{
	"bullseye", "bookworm", "trixie", "forky", "sid",
	"unstable", "testing", "stable", "oldstable", "oldoldstable",
}

// findMirrors picks Debian's own archives from sources. It prefers sources with
// the codename of the running release and accepts other suites of Debian.
func findMirrors(sources []aptSource, codename string) (mirrors, bool) {
	var m mirrors
	best := 0
	for _, s := range sources {
		if !slices.Contains(s.Components, "main") {
			continue
		}
		if strings.HasSuffix(s.Suite, "-security") || strings.HasSuffix(s.Suite, "/updates") {
			base := strings.TrimSuffix(strings.TrimSuffix(s.Suite, "-security"), "/updates")
			if m.Security.URI == "" && (base == codename || slices.Contains(suiteNames, base)) {
				m.Security = s
			}
			continue
		}
		score := 0
		switch {
		case s.Suite == codename:
			score = 3
		case slices.Contains(suiteNames, s.Suite):
			score = 1
		}
		if score > 0 && strings.Contains(s.SignedBy, "debian-archive") {
			score++
		}
		if score > best {
			best, m.Main = score, s
		}
	}
	return m, best > 0
}
