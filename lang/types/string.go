package types

import (
	"fmt"
	"strings"
)

var kindNames = map[Kind]string{
	Invalid: "none", Void: "void", Bool: "bool", Mac: "mac_address", KSym: "ksym_t", USym: "usym_t",
	Timestamp: "timestamp", CgroupPath: "cgroup_path_t", Username: "username_t", ErrName: "errname_t", Sysctl: "sysctl_t",
	Word: "timestamp_mode", Ctx: "ctx", MapRef: "map",
	Hist: "hist_t", LHist: "lhist_t", TSeries: "tseries_t", Count: "count_t",
}

var modeNames = [...]string{"bpftrace", "perf", "raw", "build_id"}

// String returns the spelling used in messages (reference section 2.1).
func (t *Type) String() string {
	if t == nil {
		return "none"
	}
	u := "u"
	if t.Signed {
		u = ""
	}
	switch t.Kind {
	case Int:
		return fmt.Sprintf("%sint%d", u, t.Size*8)
	case String:
		return fmt.Sprintf("string[%d]", t.Len)
	case Buffer:
		return fmt.Sprintf("buffer[%d]", t.Len)
	case Inet:
		return "inet[24]"
	case Pointer:
		if t.Elem == nil {
			return "void *"
		}
		return t.Elem.String() + " *"
	case Array:
		return fmt.Sprintf("%s[%d]", t.Elem, t.Len)
	case Enum:
		if t.Enum == nil || t.Enum.Name == "" {
			return "enum"
		}
		return "enum " + t.Enum.Name
	case Graph:
		return "graph"
	case KStack:
		return fmt.Sprintf("kstack_%s_%d", modeNames[t.Mode], t.Limit)
	case UStack:
		return fmt.Sprintf("ustack_%s_%d", modeNames[t.Mode], t.Limit)
	case Sum:
		return u + "sum_t"
	case Min:
		return u + "min_t"
	case Max:
		return u + "max_t"
	case Avg:
		return u + "avg_t"
	case Stats:
		return u + "stats_t"
	case Record:
		return t.Struct.String()
	}
	if n, ok := kindNames[t.Kind]; ok {
		return n
	}
	panic(fmt.Sprintf("types: kind %d has no name", t.Kind))
}

// String returns "struct X", "(t1,t2)" or "record { .a = t1 }".
func (s *Struct) String() string {
	word := "struct"
	switch s.Flavour {
	case CUnion:
		word = "union"
	case Tuple:
		return "(" + s.list(func(f Field) string { return f.Type.String() }, ",") + ")"
	case RecordLit:
		return "record { " + s.list(func(f Field) string { return "." + f.Name + " = " + f.Type.String() }, ", ") + " }"
	}
	if s.Name != "" {
		return word + " " + s.Name
	}
	return word + " {" + s.list(func(f Field) string { return f.Type.String() }, ",") + "}"
}

func (s *Struct) list(one func(Field) string, sep string) string {
	var parts []string
	for _, f := range s.Fields() {
		parts = append(parts, one(f))
	}
	return strings.Join(parts, sep)
}
