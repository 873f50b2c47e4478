package tracefs

import (
	"os"
	"path/filepath"
	"strings"
)

// ftraceSwitch is the sysctl kernel.ftrace_enabled.
const ftraceSwitch = "/proc/sys/kernel/ftrace_enabled"

// Off is a mechanism that the administrator has switched off: probes that use it
// can be attached and do not run.
type Off struct {
	What string // what is switched off: "kprobes", "ftrace"
	Is   string // the verb for it: "are", "is"
	File string // the file that says so, which holds 0
}

// KprobesOff reports whether kprobes are switched off; nil if not, or if the file
// cannot be read.
func (t *FS) KprobesOff() *Off {
	return switchedOff("kprobes", "are", filepath.Join(t.debug, "kprobes", "enabled"))
}

// FtraceOff does the same for ftrace, which calls programs at the entry of
// functions.
func FtraceOff() *Off { return switchedOff("ftrace", "is", ftraceSwitch) }

func switchedOff(what, is, file string) *Off {
	b, err := os.ReadFile(file)
	if err != nil || strings.TrimSpace(string(b)) != "0" {
		return nil
	}
	return &Off{What: what, Is: is, File: file}
}
