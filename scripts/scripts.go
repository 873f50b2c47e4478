// Package scripts carries the ready-made scripts in the binary, so that they
// run by name on a machine that has nothing but probe: probe run route_loss.
package scripts

import "embed"

// FS holds the scripts by file name.
//
//go:embed *.pr
var FS embed.FS
