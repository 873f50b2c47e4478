package guest

import "time"

// SetGrace sets how long the end of a killed command is awaited.
func (g *Guest) SetGrace(d time.Duration) { g.grace = d }
