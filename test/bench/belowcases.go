package main

import "strings"

// mechanism is a way to reach the functions below the root of an fgraph: probe:
// a row of the tables.
type mechanism struct {
	name string
	// config and without choose it among those that the kernel offers.
	config, without string
	// most is the maximum number of functions tried, 0 for all.
	most int
}

// mechanisms are those of a kernel, the newest first.
var mechanisms = []struct {
	kernel string
	list   []mechanism
}{
	{"7.2", []mechanism{
		{name: "fsession.multi", without: "kprobe_session"},
		{name: "kprobe.session", without: "fsession_multi"},
		{name: "kprobe.multi and kretprobe.multi", without: "fsession_multi,kprobe_session"},
		{name: "fentry and fexit for each", config: "attach = fentry", most: 100},
		{name: "kprobe and kretprobe for each", config: "attach = kprobe", most: 100},
	}},
	{"6.12", []mechanism{
		{name: "kprobe.session"},
		{name: "kprobe.multi and kretprobe.multi", without: "kprobe_session"},
		{name: "fentry and fexit for each", config: "attach = fentry", most: 100},
		{name: "kprobe and kretprobe for each", config: "attach = kprobe", most: 100},
	}},
	{"6.1", []mechanism{
		{name: "fentry and fexit for each", config: "attach = fentry", most: 100},
		{name: "kprobe and kretprobe for each", config: "attach = kprobe", most: 100},
		{name: "function_graph", config: "fgraph = ftrace"},
	}},
}

// Looking at the root folder makes belowCalls calls of these functions below
// graphRoot on all the kernels.
const (
	belowOnly = "filename_lookup,path_lookupat,path_init,nd_jump_root,set_root,complete_walk,try_to_unlazy,__legitimize_path,__legitimize_mnt," +
		"terminate_walk,dput,mntput,security_inode_getattr,vfs_getattr_nosec,path_put"
	belowCalls = 17
)

// idleFunc is below nothing that is measured.
const idleFunc = "vfs_fallocate"

// idleRoot is a root that nothing calls while it is measured, so that the calls
// of the functions below it are none of its.
const idleRoot = "vfs_truncate"

// args returns the command line for functions below a root.
func (m *mechanism) args(root, only, body string) []string {
	config := "config = { fgraph = bpf; " + m.config + " }"
	if strings.Contains(m.config, "fgraph") {
		config = "config = { " + m.config + " }"
	}
	var out []string
	if m.without != "" {
		out = append(out, "--no-feature", m.without)
	}
	return append(out, "-e", config+" fgraph:"+root+":only="+only+" "+body)
}

// leftOut are predicates that no call of graphRoot fulfils, the last with
// nothing that is known at the entry.
var leftOut = []string{`pid == 1`, `comm == "nobody"`, `args.dfd == 12345`, `pid == 1 && retval == 12345`, `retval == 12345`}

// leftOutKernel is where their cost is measured.
const leftOutKernel = "6.12"

// belowCounts are numbers of functions, and belowFuncs what their names look
// like: nothing calls them on a quiet machine.
var belowCounts = []int{10, 100, 500}

const belowFuncs = `^(udp|tcp|inet|inet6|ip6|ipv6|nf|xfrm)_[a-z0-9_]*$`
