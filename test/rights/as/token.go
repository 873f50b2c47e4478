package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// The environment variable that makes this program the inner half of -token.
const inner = "AS_TOKEN_DIR"

// delegate runs the command as root of a user namespace of user 1000, with a BPF
// file system at dir that delegates everything to it. The kernel wants the file
// system to belong to the namespace and its delegation to come from outside of
// it, so the two halves pass the descriptor to each other.
func delegate(dir string, args []string) error {
	if os.Getenv(inner) != "" {
		return mountInside(dir, args)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe", append([]string{"-token", dir}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inner+"="+dir)
	cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(pair[1]), "inner")}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 1000, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 1000, Size: 1}},
		Credential:  &syscall.Credential{Uid: 0, Gid: 0},
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	unix.Close(pair[1])
	if err := complete(pair[0]); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return err
	}
	return finish(cmd.Wait())
}

// complete takes the context of a file system and creates it with its delegation.
func complete(sock int) error {
	buf, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(sock, buf, oob, 0)
	if err != nil {
		return err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(msgs) == 0 {
		return fmt.Errorf("no descriptor came: %v", err)
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil {
		return err
	}
	for _, key := range []string{"delegate_cmds", "delegate_maps", "delegate_progs", "delegate_attachs"} {
		if err := unix.FsconfigSetString(fds[0], key, "any"); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	if err := unix.FsconfigCreate(fds[0]); err != nil {
		return fmt.Errorf("create the file system: %w", err)
	}
	_, err = unix.Write(sock, []byte{1})
	return err
}

// mountInside opens the file system in the namespace, has it completed from
// outside, and mounts it.
func mountInside(dir string, args []string) error {
	const sock = 3
	fs, err := unix.Fsopen("bpf", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return fmt.Errorf("fsopen: %w", err)
	}
	if err := unix.Sendmsg(sock, []byte{1}, unix.UnixRights(fs), nil, 0); err != nil {
		return err
	}
	b := make([]byte, 1)
	if n, err := unix.Read(sock, b); n != 1 {
		return fmt.Errorf("the outer half gave up: %v", err)
	}
	unix.CloseOnExec(sock)
	mnt, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("fsmount: %w", err)
	}
	if err := unix.MoveMount(mnt, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount %s: %w", strconv.Quote(dir), err)
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	os.Unsetenv(inner)
	return syscall.Exec(path, args, os.Environ())
}
