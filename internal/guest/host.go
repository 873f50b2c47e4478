package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// hostPackages are Debian's packages with the programs that guests need on the
// host.
var hostPackages = map[string]string{
	qemuProgram: "qemu-system-x86",
	"dpkg-deb":  "dpkg",
	"apt-get":   "apt",
	"apt-cache": "apt",
}

// Available returns nil if guests with the given kernels can run here, or an
// *Error that says what is missing and what to do. Kernels that are not in the
// cache are fetched, since only that shows whether they can be had.
func Available(ctx context.Context, kernels ...string) error {
	if err := checkArch(); err != nil {
		return err
	}
	if len(kernels) == 0 {
		_, err := qemuPath(HostArch)
		return err
	}
	for _, k := range kernels {
		if _, err := qemuPath(ArchOf(k)); err != nil {
			return err
		}
		if _, err := Fetch(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// InstallHost installs the host programs that guests need and that are
// missing, and returns the names of the packages it installed. It needs
// Debian, and root unless nothing is missing.
func InstallHost(ctx context.Context) ([]string, error) {
	if err := checkArch(); err != nil {
		return nil, err
	}
	var missing []string
	for program, pkg := range hostPackages {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	op := "install " + strings.Join(missing, ", ")
	install := append([]string{"install", "-y", "--no-install-recommends"}, missing...)
	help := "apt-get " + strings.Join(install, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil, &Error{Op: op, Err: ErrNoApt, Help: "install these programs: QEMU for x86_64, dpkg, apt"}
	}
	if os.Geteuid() != 0 {
		return nil, &Error{Op: op, Err: ErrNotRoot, Help: "as root: " + help}
	}
	// Package lists may be missing on a fresh machine; those that are there
	// may be too old, so they are fetched either way.
	for _, args := range [][]string{{"update"}, install} {
		size := ""
		if len(args) > 1 {
			if out, err := exec.CommandContext(ctx, "apt-get", append([]string{"-qq", "--print-uris"}, args...)...).Output(); err == nil {
				n, bytes := uriSizes(string(out))
				size = fmt.Sprintf(" (downloads %d packages, %.1f MB)", n, float64(bytes)/1e6)
			}
		}
		progress(ctx, "apt-get %s%s", strings.Join(args, " "), size)
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
		if text, err := cmd.CombinedOutput(); err != nil {
			return nil, &Error{
				Op:   op,
				Err:  errors.Join(ErrNoPackage, fmt.Errorf("apt-get %s: %w: %s", args[0], err, firstErrors(string(text)))),
				Help: help,
			}
		}
	}
	return missing, nil
}
