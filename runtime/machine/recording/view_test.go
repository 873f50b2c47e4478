package recording

import (
	"testing"

	"probe/lang/diag"
	"probe/lang/hir"
	"probe/runtime/machine"
)

// TestViews: what one script asks in vain is no business of another.
func TestViews(t *testing.T) {
	m := New("file", sample())
	ask := func(v machine.View, name string) (sites int, list diag.List) {
		parts := []hir.Part{{Text: "ret"}, {Text: name}}
		return len(v.Probes().Expand(&hir.ExpandRequest{Parts: parts, Raw: "ret:" + name}, &list)), list
	}
	one, two := m.View(machine.Query{}), m.View(machine.Query{PID: 7, Comm: "ping"})
	if n, list := ask(one, "nothing"); n != 0 || list.HasErrors() || len(list.All) != 1 {
		t.Fatalf("%d sites, %v", n, list.All)
	}
	n, list := ask(two, "outer")
	one.Checked(&diag.List{})
	two.Checked(&list)
	if n != 1 || len(list.All) != 0 {
		t.Errorf("%d sites of the other script, %v", n, list.All)
	}
	_, missed := ask(one, "nothing")
	one.Checked(&missed)
	if !missed.HasErrors() {
		t.Error("a script without any probe that runs has no error")
	}
	type filter interface{ Filter() (int, string) }
	if pid, comm := two.Env().(filter).Filter(); pid != 7 || comm != "ping" {
		t.Errorf("the filters are %d and %q", pid, comm)
	}
	if !one.Partial() || !one.Interprets() || one.KeyLimit() != 0 || m.Refuses() != nil {
		t.Error("the view of a recording is that of a kernel")
	}
}

// Values are shown with what was recorded, and nothing of this machine.
func TestNoFacts(t *testing.T) {
	m := New("file", sample())
	if m.Username(0) != "" || m.Sysctl("kernel.ostype") != "" || m.USym(1, 1) != "" || m.KFrame(1) != nil || m.UFrame(1, 1, machine.FrameAt{}) != nil || m.CgroupPath("", 1) != "" {
		t.Error("this machine has answered")
	}
}
