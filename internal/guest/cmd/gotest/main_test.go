package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	events := `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestGood"}
{"Action":"output","Package":"p","Test":"TestGood","Output":"=== RUN   TestGood\n"}
{"Action":"output","Package":"p","Test":"TestGood","Output":"    a_test.go:1: chatter\n"}
{"Action":"pass","Package":"p","Test":"TestGood"}
{"Action":"output","Package":"p","Test":"TestBad","Output":"=== RUN   TestBad\n"}
{"Action":"output","Package":"p","Test":"TestBad","Output":"    a_test.go:2: wrong\n"}
{"Action":"output","Package":"p","Test":"TestBad","Output":"--- FAIL: TestBad (0.00s)\n"}
{"Action":"fail","Package":"p","Test":"TestBad"}
{"Action":"output","Package":"p","Test":"TestSkip","Output":"    a_test.go:3: no emulator\n"}
{"Action":"output","Package":"p","Test":"TestSkip","Output":"        help: install it\n"}
{"Action":"output","Package":"p","Test":"TestSkip","Output":"--- SKIP: TestSkip (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestSkip"}
{"Action":"output","Package":"p","Test":"TestSkip2","Output":"    a_test.go:9: no emulator\n"}
{"Action":"output","Package":"p","Test":"TestSkip2","Output":"        help: install it\n"}
{"Action":"skip","Package":"p","Test":"TestSkip2"}
{"Action":"output","Package":"p","Test":"TestHang","Output":"    a_test.go:4: last words\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
{"Action":"output","Package":"q","Output":"PASS\n"}
{"Action":"output","Package":"q","Output":"ok  \tq\t0.1s\n"}
{"Action":"pass","Package":"q"}
{"Action":"output","Package":"r","Output":"?   \tr\t[no test files]\n"}
{"Action":"skip","Package":"r"}
{"ImportPath":"s","Action":"build-output","Output":"s.go:1: syntax error\n"}
{"ImportPath":"s","Action":"build-fail"}
`
	var b bytes.Buffer
	r := newReport(&b)
	if err := r.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	r.skips()
	want := "    a_test.go:2: wrong\n--- FAIL: TestBad (0.00s)\n" +
		"FAIL\tp\t0.1s\n    a_test.go:4: last words\n" +
		"ok  \tq\t0.1s\n?   \tr\t[no test files]\ns.go:1: syntax error\n" +
		"skipped: p TestSkip and 1 more: no emulator help: install it\n"
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestReportRubbish(t *testing.T) {
	var b bytes.Buffer
	err := newReport(&b).read(strings.NewReader(`{"Action":"start"}` + "\nno JSON at all\n"))
	if err == nil || !strings.Contains(b.String(), "no JSON at all") {
		t.Errorf("error %v, printed %q", err, b.String())
	}
}
