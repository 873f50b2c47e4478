package main

import (
	"context"
	"fmt"
	"time"

	"probe/runtime/engine"
)

// estimateTime is the time for which --estimate counts events.
const estimateTime = time.Second

// predict prints what a script will cost, and returns the exit code.
func (o *options) predict(ctx context.Context, std stdio, c *engine.Compiled, opts engine.RunOptions) int {
	e, err := engine.Estimate(ctx, c, opts, estimateTime)
	if err != nil {
		return o.finish(std, engine.Result{}, err)
	}
	_, err = fmt.Fprintln(std.out, e.Text())
	for _, p := range e.Probes {
		if err == nil {
			_, err = fmt.Fprintln(std.out, " ", p.Text())
		}
	}
	if err == nil && len(e.Probes) == 0 {
		_, err = fmt.Fprintf(std.out, "  none of its events happened within %v\n", estimateTime)
	}
	if err != nil {
		return outputFailed(std, err)
	}
	return exitOK
}
