package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// adminPath is the PATH in which administration tools are looked up. The PATH
// of a plain user who became root often lacks the sbin folders.
const adminPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// ifdownLimit ends an ifdown that hangs.
const ifdownLimit = 30 * time.Second

// errNoIfdown is the reason for which the lab does ifdown's work itself.
var errNoIfdown = errors.New("the ifdown command of Debian is not installed")

// findIfdown looks for the ifdown of Debian's ifupdown and returns its path and
// version. BusyBox, ifupdown2 and ifupdown-ng have commands of this name, too,
// with other options and other files.
func findIfdown(ctx context.Context) (path, version string, err error) {
	err = errNoIfdown
	for _, dir := range filepath.SplitList(os.Getenv("PATH") + ":" + adminPath) {
		candidate := filepath.Join(dir, "ifdown")
		if !filepath.IsAbs(candidate) {
			continue
		}
		if _, lookErr := exec.LookPath(candidate); lookErr != nil {
			continue
		}
		// The other implementations reject this option or print another text.
		out, runErr := exec.CommandContext(ctx, candidate, "--version").CombinedOutput()
		if version, ok := ifupdownVersion(string(out)); ok && runErr == nil {
			return candidate, version, nil
		}
		err = fmt.Errorf("%s is not Debian's", candidate)
	}
	return "", "", err
}

// ifupdownVersion parses the output of "ifdown --version".
func ifupdownVersion(out string) (string, bool) {
	line, _, _ := strings.Cut(out, "\n")
	version, ok := strings.CutPrefix(line, "ifdown version ")
	version = strings.TrimSpace(version)
	return version, ok && version != ""
}

// interfacesFile returns the /etc/network/interfaces for one link with a static
// address.
func interfacesFile(p place) string {
	family := "inet"
	if p.addr.Addr().Is6() {
		family = "inet6"
	}
	return fmt.Sprintf("iface %s %s static\n\taddress %s\n", p.link, family, p.addr)
}

// runIfdown takes the client's NIC down with a real ifdown, inside the client's
// namespace and with configuration and state of its own.
func runIfdown(ctx context.Context, s *site) (method string, err error) {
	path, version, err := findIfdown(ctx)
	if err != nil {
		return "", err
	}
	link := s.client.link
	config := filepath.Join(s.net.dir, "interfaces")
	if err := os.WriteFile(config, []byte(interfacesFile(s.client)), 0o600); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, ifdownLimit)
	defer cancel()
	// --force, since no ifup has recorded that the link is up. --no-scripts,
	// since the hook scripts of /etc/network know nothing of namespaces and
	// would change the host's name servers and firewall as if the host's own
	// eth0 had gone.
	cmd := exec.CommandContext(ctx, path, "--force", "--no-scripts", "--interfaces", config, "--state-dir", s.net.dir, link)
	cmd.Env = append(os.Environ(), "PATH="+adminPath)
	cmd.WaitDelay = time.Second
	var out []byte
	err = s.client.ns.do(func() (err error) { out, err = cmd.CombinedOutput(); return err })
	if err != nil {
		if text := strings.TrimSpace(string(out)); text != "" {
			return "", fmt.Errorf("ifdown %s: %w: %s", link, err, text)
		}
		return "", fmt.Errorf("ifdown %s: %w", link, err)
	}
	s.net.trace("ip netns exec %s ifdown --force --no-scripts --interfaces %s %s", s.client.ns.name, config, link)
	if err := ifdownDone(s); err != nil {
		return "", err
	}
	return "ifdown " + link + " (ifupdown " + version + ")", nil
}
