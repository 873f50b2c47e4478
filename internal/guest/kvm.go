package guest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// kvmProbeTime is how long a boot sector may take under hardware
// virtualisation. It takes a fraction of a second if that works.
const kvmProbeTime = 5 * time.Second

// kvmOnce holds the answer for the life of the process.
var kvmOnce struct {
	sync.Once
	works bool
}

// kvmWorks reports whether hardware virtualisation runs guests here. The device
// file alone proves little: inside another virtual machine it may exist while
// guests hang. So kvmWorks runs a boot sector once and keeps the result in the
// cache until the machine boots again.
func kvmWorks(ctx context.Context, qemu string) bool {
	kvmOnce.Do(func() { kvmOnce.works = probeKVM(ctx, qemu) })
	return kvmOnce.works
}

func probeKVM(ctx context.Context, qemu string) bool {
	dev, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	dev.Close()
	cache, err := CacheDir()
	if err != nil {
		return false
	}
	unlock, err := cacheLock(ctx, cache, "kvm")
	if err != nil {
		return false
	}
	defer unlock()
	bootID, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return false
	}
	file := filepath.Join(cache, "kvm")
	want := strings.TrimSpace(string(bootID)) + " " + qemu
	if text, err := os.ReadFile(file); err == nil {
		if answer, ok := strings.CutPrefix(strings.TrimSpace(string(text)), want+" "); ok {
			return answer == "yes"
		}
	}
	works, answer := runBootSector(ctx, qemu, "kvm", filepath.Join(cache, "kvm.img")), "no"
	if works {
		answer = "yes"
	}
	if ctx.Err() == nil {
		// Ignore an error: without the file the next process tests again.
		writeWhole(file, want+" "+answer+"\n")
	}
	return works
}

// bootSector is a program for the processor's first mode: it writes 0x10 to
// port 0xf4, where QEMU's device isa-debug-exit ends the emulator with twice
// the value plus one as its status.
//
//	mov $0xf4, %dx; mov $0x10, %al; out %al, (%dx); hlt
var bootSector = []byte{0xba, 0xf4, 0x00, 0xb0, 0x10, 0xee, 0xf4}

// bootSectorStatus is that status; QEMU's own failures have others.
const bootSectorStatus = 2*0x10 + 1

// runBootSector runs bootSector with an accelerator of QEMU.
func runBootSector(ctx context.Context, qemu, accel, image string) bool {
	sector := make([]byte, 512)
	copy(sector, bootSector)
	sector[510], sector[511] = 0x55, 0xaa
	if err := os.WriteFile(image, sector, 0o644); err != nil {
		return false
	}
	defer os.Remove(image)
	ctx, cancel := context.WithTimeout(ctx, kvmProbeTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, qemu,
		"-machine", "pc", "-accel", accel, "-cpu", "max,-cx16", "-m", "64",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-drive", "file="+image+",format=raw,if=floppy",
		"-device", "isa-debug-exit,iobase=0xf4,iosize=1")
	err := cmd.Run()
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == bootSectorStatus
}
