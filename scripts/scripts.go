// Package scripts embeds the ready-made scripts in the binary, so that they run
// by name on a machine that only has probe: probe run route_loss.
package scripts

import "embed"

// FS holds the scripts by file name.
//
//go:embed *.pr
var FS embed.FS
