package syntax

import (
	"sync"
	"testing"

	"probe/lang/source"
)

// TestParallel parses in several goroutines at once, wrong scripts among them;
// each must get its own tree and messages.
func TestParallel(t *testing.T) {
	scripts := corpus(t)
	scripts["wrong"] = "begin { $x = ; f( }"
	want := map[string]string{}
	for name, text := range scripts {
		f, diags := Parse(source.New(name, text))
		want[name] = Dump(f) + diagText(diags.Err())
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for name, text := range scripts {
				f, diags := Parse(source.New(name, text))
				if got := Dump(f) + diagText(diags.Err()); got != want[name] {
					t.Errorf("%s came out differently:\n%s", name, got)
				}
			}
		}()
	}
	wg.Wait()
}

func diagText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
