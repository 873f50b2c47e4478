package load

import "testing"

// TestMembers loads scripts that read all members of large kernel structs, whose types
// the verifier knows in some kinds of probes: arrays, bit-fields, unions, pointers of all
// kinds. None is refused.
func TestMembers(t *testing.T) {
	run(t, func(kernel string) []Job {
		jobs := []Job{
			{Name: "task of a tracepoint", Text: "rawtracepoint:sched_switch { READS }", Struct: "task_struct", Expr: "args.prev"},
			{Name: "current task", Text: "kprobe:vfs_read { READS }", Struct: "task_struct", Expr: "curtask"},
			{Name: "current task behind a cast", Text: "interval:s:1 { $t = (struct task_struct *)curtask; READS }", Struct: "task_struct", Expr: "$t"},
			{Name: "file", Text: "fentry:vfs_read { READS }", Struct: "file", Expr: "args.file"},
			{Name: "inode", Text: "fexit:vfs_read { READS }", Struct: "inode", Expr: "args.file->f_inode"},
			{Name: "dentry", Text: "fentry:vfs_read { READS }", Struct: "dentry", Expr: "args.file->f_path.dentry"},
			{Name: "socket", Text: "fentry:tcp_close { READS }", Struct: "sock", Expr: "args.sk"},
			{Name: "socket of another type", Text: "fentry:tcp_close { READS }", Struct: "tcp_sock", Expr: "((struct tcp_sock *)args.sk)"},
			{Name: "packet", Text: "kprobe:tcp_v4_rcv { READS }", Struct: "sk_buff", Expr: "((struct sk_buff *)arg0)"},
			{Name: "packet of a trampoline", Text: "fentry:tcp_v4_rcv { READS }", Struct: "sk_buff", Expr: "args.skb"},
			{Name: "device", Text: "fentry:tcp_v4_rcv { READS }", Struct: "net_device", Expr: "args.skb->dev"},
		}
		return jobs
	}, func(t *testing.T, _ string, r Result, _ string) {
		if r.Error != "" {
			t.Errorf("not compiled: %s", r.Error)
		}
		if len(r.Programs) < 2 {
			t.Errorf("%d programs", len(r.Programs))
		}
	})
}
