package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	list, err := parse("# a comment\n\na/b.go\ttests need it\na/c.go T.M\tlibrary: others call it\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].file != "a/b.go" || list[0].name != "" || list[1].name != "T.M" || list[0].library || !list[1].library {
		t.Errorf("parse = %+v", list)
	}
	for _, bad := range []string{"a/b.go", "a/b.go\t", "a/b.go F G\twhy", "\twhy"} {
		if _, err := parse(bad); err == nil || !strings.HasPrefix(err.Error(), "exceptions.txt:1: ") {
			t.Errorf("parse(%q) = %v", bad, err)
		}
	}
	if _, err := parse(exceptionList); err != nil {
		t.Error(err)
	}
}

func TestJudge(t *testing.T) {
	at := func(file, name string) function {
		f := function{Name: name}
		f.Position.File, f.Position.Line = file, 7
		return f
	}
	funcs := []function{at("/r/lang/a.go", "F"), at("lang/a.go", "G"), at("lang/b.go", "H"), at("test/c.go", "I")}
	whole, one, stale := &exception{file: "lang/b.go"}, &exception{file: "lang/a.go", name: "G"}, &exception{file: "lang/a.go", name: "X"}
	got := judge("/r", funcs, []string{"lang/"}, []*exception{whole, one, stale}, "nobody reaches")
	if diff := cmp.Diff([]string{"lang/a.go:7: nobody reaches F"}, got); diff != "" {
		t.Error(diff)
	}
	if !whole.used || !one.used || stale.used {
		t.Errorf("used: %v, %v, %v", whole.used, one.used, stale.used)
	}
}
