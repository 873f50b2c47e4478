package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"probe/internal/guest"
)

// runShell connects this terminal with a shell on a terminal in the guest.
func runShell(ctx context.Context, g *guest.Guest) (int, error) {
	in := int(os.Stdin.Fd())
	old, err := unix.IoctlGetTermios(in, unix.TCGETS)
	if err != nil {
		return 1, errors.New("shell needs a terminal; use run for a single command")
	}
	size, err := unix.IoctlGetWinsize(in, unix.TIOCGWINSZ)
	if err != nil {
		return 1, err
	}
	fmt.Printf("kernel %s; leave the shell to end the guest\n", g.Release)
	raw := *old
	// As cfmakeraw(3): every key goes to the guest, Ctrl-C included.
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(in, unix.TCSETS, &raw); err != nil {
		return 1, err
	}
	defer unix.IoctlSetTermios(in, unix.TCSETS, old)
	p, err := g.Start(ctx, guest.Cmd{
		Args: []string{"sh", "-c", "command -v bash >/dev/null && exec bash -i; exec sh -i"},
		PTY:  true, Rows: int(size.Row), Cols: int(size.Col),
		Input: true, Stdout: os.Stdout, MaxOutput: math.MaxInt32,
	})
	if err != nil {
		return 1, err
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := os.Stdin.Read(buf)
			if n > 0 && p.Send(string(buf[:n])) != nil || err != nil && err != io.EOF {
				return
			}
		}
	}()
	res, err := p.Wait(ctx)
	return status(res), err
}
