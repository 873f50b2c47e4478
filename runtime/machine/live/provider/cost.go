package provider

import (
	"time"

	"probe/lang/hir"
)

// callCosts is what the kernel takes to call an empty program and to return, for
// each way to attach, in nanoseconds. The figures are those of the kernel's
// benchmark for tracing (commit 4eaf0b5c5e04, "bpf: Add selftests to measure
// performance of BPF tracing mechanisms") and of uprobes (commit f727b13dbea1)
// on machines of 2020 to 2024.
var callCosts = [...]int64{
	hir.AttachRawTP:          13,
	hir.AttachFentry:         22,
	hir.AttachFexit:          22,
	hir.AttachKprobeMulti:    40,
	hir.AttachKretprobeMulti: 80,
	hir.AttachKprobe:         56,
	hir.AttachKretprobe:      165,
	hir.AttachTracepoint:     60,
	hir.AttachUprobe:         1000,
	hir.AttachUretprobe:      2000,
	hir.AttachUprobeMulti:    1000,
	hir.AttachUretprobeMulti: 2000,
	hir.AttachProfile:        500,
	hir.AttachSoftware:       500,
	hir.AttachHardware:       1000,
	hir.AttachWatchpoint:     1000,
}

// CallCost estimates what the kernel takes to call a program, which is no part
// of the time that it measures for the program itself.
func CallCost(kind hir.AttachKind) time.Duration {
	if int(kind) >= len(callCosts) {
		return 0
	}
	return time.Duration(callCosts[kind])
}
