package repl

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

// In a guest the whole machine may be traced: functions, their arguments, and
// the command itself on a terminal.
func TestCommandInAGuest(t *testing.T) {
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		p, err := g.Start(ctx, guest.Cmd{Args: []string{"probe"}, PTY: true, Rows: 40, Cols: 120, Env: []string{"TERM=xterm", "NO_COLOR=1", "XDG_STATE_HOME=/tmp/state"}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Kill()
		send := func(text string) {
			t.Helper()
			if err := p.Send(text); err != nil {
				t.Fatalf("type %q: %v", text, err)
			}
		}
		expect := func(pattern string) {
			t.Helper()
			if _, err := p.Expect(ctx, pattern); err != nil {
				out, _ := p.Output()
				t.Fatalf("%s did not come: %v\n%s", pattern, err, out)
			}
		}
		enter := func(line, answer string) { t.Helper(); send(line + "\r"); expect(answer) }
		// tab types something and then TAB twice until the answer is there: a list that
		// is still being read has none.
		tab := func(text, answer string) {
			t.Helper()
			send(text)
			for {
				send("\t\t")
				once, cancel := context.WithTimeout(ctx, 5*time.Second)
				_, err := p.Expect(once, answer)
				cancel()
				if err == nil {
					return
				}
				if once.Err() == nil || ctx.Err() != nil {
					out, _ := p.Output()
					t.Fatalf("%s did not come: %v\n%s", answer, err, out)
				}
			}
		}
		read := func() { t.Helper(); guesttest.Sh(t, g, "cat /proc/version >/dev/null") }

		expect("probe> $")
		enter("1 << 20", `\n1048576\r\nprobe> `)
		enter("sizeof(struct sock) > 500", `\ntrue\r\nprobe> `)

		// What can be probed, and what it has for arguments.
		tab("kprobe:vfs_rea", `vfs_read `)
		tab("\x15call:vfs_read { args.", `buf +count +file +pos`)
		tab("\x15kprobe:vfs_read { $f = args.file; $f->f_inode->i_si", `i_size`)
		send("\x15")

		enter(`kprobe:vfs_read /comm == "cat"/ { @reads[comm] = count(); @size = max(args.count); }`, `\[1\] attached 1 probe\r\nprobe> `)
		read()
		enter("print(@reads)", `\n@reads\[cat\]: \d+\r\nprobe> `)
		if g.Kernel.Name == "5.10" { // no map_lookup_percpu_elem before 5.19
			enter("@size > 100", "reading an aggregation as a number(?s:.*)probe> $")
		} else {
			enter("@size > 100", `\ntrue\r\nprobe> `)
		}

		// Another clause on the same map, with output above a line.
		enter(`ret:vfs_read /comm == "cat" && retval > 0/ { printf("read %d\n", retval); @reads["bytes"] = count(); }`, `\[2\] attached 1 probe\r\nprobe> `)
		send("1 + ")
		expect(`1 \+ `)
		read()
		expect(`read \d+\r\nprobe> 1 \+ `)
		enter("1", `\n2\r\nprobe> `)
		enter("print(@reads)", `@reads\[bytes\]: \d+\r\n@reads\[cat\]: \d+\r\nprobe> `)
		enter(":stop all", `probe> `)
		enter(":clear @reads", `probe> `)
		read()
		enter(":maps", `@reads\[.*\]: .*, 0 keys (?s:.*)probe> $`)

		// Pointers stay what they are from one input to the next.
		enter("$t = curtask", `probe> `)
		enter("$t->tgid == pid", `\ntrue\r\nprobe> `)
		enter("*$t->fs", `struct fs_struct \{\r\n  \.users = (?s:.*)\.pwd = \(struct path\) .*\r\n\}\r\nprobe> `)
		enter(":proto vfs_read", `vfs_read\(struct file ?\* ?file, (?s:.*)probe> `)

		// A task by its number, and the next one in the list of all processes.
		enter("iter:task { if (ctx->task->pid == 1) { @one = ctx->task; } }", `\[3\] attached 1 probe\r\nprobe> `)
		enter("$one = @one", `probe> `)
		enter("$one == task(1)", `\ntrue\r\nprobe> `)
		enter("*task(1)->fs", `struct fs_struct \{\r\n  \.users = (?s:.*)\.pwd = \(struct path\) .*\r\n\}\r\nprobe> `)
		enter("task(4194303)", `\n0x0\r\nprobe> `)
		enter("$one->pid", `\n1\r\nprobe> `)
		enter("container_of($one->tasks.next, typeof(struct task_struct), tasks)->pid > 1", `\ntrue\r\nprobe> `)
		enter(":list", `\[3\] 1 probe, .*\r\n    ran \d+ times, (?s:.*)probe> `)

		enter("$t->tgd", "no such field(?s:.*)probe> $")
		enter("kprobe:vfs_reed { }", "vfs_read(?s:.*)probe> $")

		send("\x04")
		res, err := p.Wait(ctx)
		if err != nil || res.Code != 0 {
			t.Fatalf("ended with status %d, %v\n%s", res.Code, err, res.Stdout)
		}
		if !strings.Contains(res.Stdout, "\n@size: ") {
			t.Errorf("the maps are not printed at the end:\n%s", res.Stdout)
		}
		if got := guesttest.Sh(t, g, "stat -c %a /tmp/state/probe/history"); got != "600\n" {
			t.Errorf("the history has the mode %q", got)
		}
		if got := guesttest.Sh(t, g, `printf '@n = 6\n@n * 7\nprintf("%%d\\n", @n)\n' | probe repl`); got != "42\n6\n\n\n@n: 6\n" {
			t.Errorf("piped inputs printed %q", got)
		}
	})
}

// The examples of docs/repl.md that look at objects of the kernel do what the page says.
func TestObjectsOfTheDocsInAGuest(t *testing.T) {
	page, err := os.ReadFile("../../../docs/repl.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## Looking at objects of the kernel")
	section, _, _ = strings.Cut(section, "\n## ")
	var inputs []string
	for line := range strings.Lines(section) {
		for _, p := range []string{prompt, more} {
			if text, ok := strings.CutPrefix(line, p); ok {
				inputs = append(inputs, text)
			}
		}
	}
	if len(inputs) < 15 {
		t.Fatalf("the section has %d lines of input", len(inputs))
	}
	guesttest.Run(t, nil, func(t *testing.T, g *guest.Guest) {
		if err := g.Put(t.Context(), "/tmp/objects", []byte(strings.Join(inputs, "")), 0o644); err != nil {
			t.Fatal(err)
		}
		// A child of the first process with a socket under the number 3, as the page
		// has it.
		out := guesttest.Sh(t, g, `(nc -l -p 4242 &)
			until cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q ':1092 '; do sleep 0.1; done
			mkdir -p /tmp/work && cd /tmp/work && probe repl </tmp/objects 2>&1; kill $(pidof nc)`)
		for _, want := range []string{"struct path: 16 bytes\n", "\nwork\n", "\ninit\n", "\n0x0\n", " nc\n", "\n4242\n", "struct fs_struct {\n"} {
			if !strings.Contains(out, want) {
				t.Errorf("the session does not show %q", want)
			}
		}
		if strings.Contains(out, "error[") || t.Failed() {
			t.Errorf("it shows\n%s", out)
		}
	})
}
