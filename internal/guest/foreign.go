package guest

import (
	"context"
	"path/filepath"
)

// foreignCommands are the commands of busybox in guests for another processor. On the
// host it does not run, so it cannot be asked for them.
var foreignCommands = []string{
	"cat", "chmod", "cp", "dd", "dmesg", "echo", "env", "false", "grep", "head", "kill", "ls", "mkdir", "mount",
	"mv", "ps", "rm", "sed", "sh", "sleep", "sort", "stat", "tail", "test", "touch", "true", "umount", "uname", "wc",
}

// addForeignBusybox puts a busybox for another processor, which is static, into an image.
func addForeignBusybox(ctx context.Context, m *image, arch string) error {
	root, err := packageFor(ctx, foreignSuite, arch, "busybox-static")
	if err != nil {
		return err
	}
	at, err := findProgram(root, "busybox")
	if err != nil {
		return err
	}
	if err := m.file("/usr/bin/busybox", filepath.Join(root, at)); err != nil {
		return err
	}
	for _, name := range foreignCommands {
		m.link("/usr/bin/"+name, "busybox")
	}
	return nil
}

// foreignSuite is the suite of the programs in guests for another processor.
const foreignSuite = "trixie"
