package guest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// BuildProgram builds a main package of the source tree, such as
// "./cmd/probe", as a static program for guests and returns its path in the
// cache. The Go tool's own cache makes the second call quick.
func BuildProgram(ctx context.Context, pkg string) (string, error) {
	return BuildProgramFor(ctx, HostArch, pkg)
}

// BuildProgramFor is like BuildProgram, for an architecture as Go names it. The program
// keeps its symbols where it is not for the machine's own.
func BuildProgramFor(ctx context.Context, arch, pkg string) (string, error) {
	root, err := sourceRoot()
	if err != nil {
		return "", err
	}
	if arch != HostArch {
		return goBuild(ctx, root, arch, pkg, "build")
	}
	return goBuild(ctx, root, arch, pkg, "build", "-ldflags", "-s -w")
}

// BuildTest builds the tests of a package as a static program for guests and
// returns its path in the cache.
func BuildTest(ctx context.Context, pkg string) (string, error) {
	root, err := sourceRoot()
	if err != nil {
		return "", err
	}
	return goBuild(ctx, root, HostArch, pkg, "test", "-c")
}

// goBuild runs the Go tool with its output in the cache. The program appears
// under its name only when it is whole, since others may be reading it.
func goBuild(ctx context.Context, root, arch, pkg string, verb ...string) (string, error) {
	if err := DependOnSources(); err != nil {
		return "", err
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(dir, ".build-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	out := filepath.Join(temp, "program")
	args := append(verb, "-trimpath", "-buildvcs=false", "-o", out, pkg)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, strings.TrimSpace(string(text)))
	}
	name := strings.ReplaceAll(strings.TrimPrefix(path.Clean(pkg), "./"), "/", "-")
	if verb[0] == "test" {
		name += ".test"
	}
	if arch != HostArch {
		name += "-" + arch
	}
	final := filepath.Join(dir, name)
	if err := os.Rename(out, final); err != nil {
		if os.IsNotExist(err) {
			return "", fmt.Errorf("build %s: the package has no tests", pkg)
		}
		return "", err
	}
	return final, nil
}
