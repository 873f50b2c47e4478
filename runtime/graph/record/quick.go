package record

import (
	"bytes"
	"encoding/json"
)

// quick parses a line with calls in the form that the writer gives it. It takes
// a fifth of the time of encoding/json, which goes over each line three times.
// It returns false for anything unusual, which encoding/json then parses.
func (l *line) quick(b []byte) bool {
	var to **treeLine
	switch {
	case bytes.HasPrefix(b, []byte(`{"tree":{`)):
		to = &l.Tree
	case bytes.HasPrefix(b, []byte(`{"more":{`)):
		to = &l.More
	default:
		return false
	}
	if *to == nil {
		*to = &treeLine{ID: -1}
	}
	used, ok := (*to).quick(b[len(`{"tree":`):])
	return ok && string(b[len(`{"tree":`)+used:]) == "}"
}

// quick parses the object that b begins with.
func (t *treeLine) quick(b []byte) (used int, ok bool) {
	seen := map[string]bool{}
	for i := 1; i < len(b) && b[i] == '"'; {
		end := bytes.IndexByte(b[i+1:], '"')
		if end < 0 {
			return 0, false
		}
		key := string(b[i+1 : i+1+end])
		i += end + 2
		if i >= len(b) || b[i] != ':' || seen[key] {
			return 0, false
		}
		seen[key] = true
		i++
		n, ok := t.value(key, b[i:])
		if !ok || i+n >= len(b) {
			return 0, false
		}
		i += n
		switch b[i] {
		case '}':
			return i + 1, true
		case ',':
			i++
		default:
			return 0, false
		}
	}
	return 0, false
}

// value parses the value of a key.
func (t *treeLine) value(key string, b []byte) (used int, ok bool) {
	switch key {
	case "calls":
		return t.Calls.parse(b)
	case "args":
		return t.Args.parse(b)
	case "more":
		t.More = true
		return len("true"), bytes.HasPrefix(b, []byte("true"))
	case "comm":
		if len(b) == 0 || b[0] != '"' {
			return 0, false
		}
		end := bytes.IndexByte(b[1:], '"')
		if end < 0 || bytes.IndexByte(b[1:1+end], '\\') >= 0 {
			return 0, false
		}
		return end + 2, json.Unmarshal(b[:end+2], &t.Comm) == nil
	}
	n, used, ok := number(b)
	if !ok {
		return 0, false
	}
	switch key {
	case "id":
		t.ID = int(n)
	case "tid":
		t.TID, ok = int32(n), n == int64(int32(n))
	case "pid":
		t.PID, ok = int32(n), n == int64(int32(n))
	case "start":
		t.Start = n
	case "lost":
		t.Lost, ok = uint64(n), n >= 0
	case "interruptions":
		t.Interruptions = int(n)
	case "folded_calls":
		t.FoldedCalls = int(n)
	case "folded_ns":
		t.FoldedTime = n
	case "skipped":
		t.Skipped = int(n)
	default:
		return 0, false
	}
	return used, ok
}
