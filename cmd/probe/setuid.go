package main

import (
	"fmt"

	"probe/lang/diag"
)

// setID reports that the program was given the rights of another user or group by the
// mode of its file: nil for a process that has its own. Everything it reads (scripts,
// the environment, files to write to) comes from a user who has not got these rights, so
// it stops before it reads anything. Capabilities that the file has are no reason: who
// gives them to it means its users.
func setID(uid, euid, gid, egid int) *diag.Diagnostic {
	d := &diag.Diagnostic{Severity: diag.Error, Code: "no-permission"}
	switch {
	case uid != euid:
		d.Message = fmt.Sprintf("probe does not run setuid: user %d runs it with the rights of user %d", uid, euid)
	case gid != egid:
		d.Message = fmt.Sprintf("probe does not run setgid: a user of group %d runs it with the rights of group %d", gid, egid)
	default:
		return nil
	}
	d.WithNote("whoever may run it could read and write every file of that user, and trace everything")
	return d.WithHelp("take the bit away, `chmod ug-s PROBE`, and run it with sudo, or give the file capabilities: `setcap cap_bpf,cap_perfmon,cap_dac_read_search+ep PROBE`")
}
