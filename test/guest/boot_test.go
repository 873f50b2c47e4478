package guest

import (
	"os"
	"testing"
	"time"
)

func TestSmoke(t *testing.T) {
	g, err := Boot(t.Context(), Options{Kernel: os.Getenv("K"), Console: os.Stderr, Programs: []string{"ip"}, Modules: []string{"veth", "bridge"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(g.BootTime, g.Release, g.KVM)
	for _, c := range []string{"uname -a; ip a; cat /proc/modules; mount; exit 3", "sleep 100", "nosuch", "time sh -c true"} {
		t0 := time.Now()
		res, err := g.Run(t.Context(), Cmd{Args: []string{"sh", "-c", c}, Timeout: 3 * time.Second})
		t.Logf("%v %+v %v", time.Since(t0), res, err)
	}
	t0 := time.Now()
	data := make([]byte, 8<<20)
	t.Log(g.Put(t.Context(), "/tmp/x", data, 0o600), time.Since(t0))
	t0 = time.Now()
	b, err := g.Get(t.Context(), "/tmp/x")
	t.Log(len(b), err, time.Since(t0))
	t.Log(g.Close())
}
