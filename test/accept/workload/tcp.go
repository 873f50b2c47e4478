package main

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"
)

// The ports of the two families, both ends on the loopback device.
const (
	port4 = 4242
	port6 = 4646
)

func tcp(a []string) error {
	return connections(a, unix.AF_INET, &unix.SockaddrInet4{Port: port4, Addr: [4]byte{127, 0, 0, 1}})
}

func tcp6(a []string) error {
	return connections(a, unix.AF_INET6, &unix.SockaddrInet6{Port: port6, Addr: [16]byte{15: 1}})
}

// connections makes N connections one after the other, sends SIZE bytes over
// each, and receives them, all in this thread.
func connections(a []string, family int, addr unix.Sockaddr) error {
	if err := newNetwork(); err != nil {
		return err
	}
	listener, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(listener)
	if err := unix.SetsockoptInt(listener, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if err := unix.Bind(listener, addr); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(listener, 16); err != nil {
		return err
	}
	data := bytes.Repeat([]byte{'x'}, int(number(a[1])))
	for range number(a[0]) {
		if err := connection(listener, family, addr, data); err != nil {
			return err
		}
	}
	return nil
}

func connection(listener, family int, addr unix.Sockaddr, data []byte) error {
	client, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(client)
	if err := unix.Connect(client, addr); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	server, _, err := unix.Accept(listener)
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	defer unix.Close(server)
	if err := unix.Send(client, data, 0); err != nil {
		return err
	}
	got := make([]byte, len(data))
	for n := 0; n < len(data); {
		m, _, err := unix.Recvfrom(server, got[n:], 0)
		if err != nil || m == 0 {
			return fmt.Errorf("received %d of %d bytes: %w", n, len(data), err)
		}
		n += m
	}
	return nil
}

// newNetwork moves the thread into a network namespace of its own, with the
// loopback device up.
func newNetwork() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("new network namespace: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}
