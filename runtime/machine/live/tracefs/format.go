package tracefs

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Format is the layout of an event's record, from the event's format file
// (written by f_show in the kernel's kernel/trace/trace_events.c).
type Format struct {
	Name string
	ID   int
	// Common are the fields every event starts with; they belong to the
	// tracer and are not shown to scripts.
	Common []Field
	Fields []Field
	// Print is the text after "print fmt:", as the kernel wrote it.
	Print string
}

// Field is one field of a record.
type Field struct {
	Name string
	// Type is the C type without the name: "const char *", "unsigned long".
	// For an array it is the type of the elements.
	Type string
	// Offset and Size are in bytes; Size is that of the whole field; for a
	// field with a Loc it is 4.
	Offset, Size uint32
	Signed       bool
	Array        bool
	// Len is the number of elements of an array; 0 when it is flexible, when
	// Loc says where its bytes are, or when the kernel wrote a length that is
	// no number and the element's size is not known here; Size is right in
	// every case.
	Len uint32
	Loc Loc
}

// Loc says where the bytes of a field are.
type Loc uint8

const (
	// InPlace: the bytes are in the field itself.
	InPlace Loc = iota
	// DataLoc: the field holds length<<16 | offset, from the record's start.
	DataLoc
	// RelLoc: the same, but the offset counts from the end of the field.
	RelLoc
)

// String returns the kernel's word for the location.
func (l Loc) String() string {
	switch l {
	case InPlace:
		return "in place"
	case DataLoc:
		return "__data_loc"
	case RelLoc:
		return "__rel_loc"
	}
	return "Loc(" + strconv.Itoa(int(l)) + ")"
}

// Field finds a field by name, among those after the common ones.
func (f *Format) Field(name string) (*Field, bool) {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return &f.Fields[i], true
		}
	}
	return nil, false
}

// Size returns the number of bytes up to the end of the last fixed field.
func (f *Format) Size() uint32 {
	size := uint32(0)
	for _, list := range [2][]Field{f.Common, f.Fields} {
		for i := range list {
			size = max(size, list[i].Offset+list[i].Size)
		}
	}
	return size
}

// maxOffset bounds offsets and sizes: a record fits into a sub-buffer, which
// has 64 KiB at most in practice.
const maxOffset = 1 << 24

// ParseFormat parses the text of a format file.
func ParseFormat(text []byte) (*Format, error) {
	f := &Format{}
	inFields, blank := false, false
	for n := 1; len(text) > 0; n++ {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		s := strings.TrimSpace(string(line))
		switch {
		case s == "":
			blank = inFields
		case strings.HasPrefix(s, "name:"):
			f.Name = strings.TrimSpace(s[len("name:"):])
		case strings.HasPrefix(s, "ID:"):
			id, err := strconv.Atoi(strings.TrimSpace(s[len("ID:"):]))
			if err != nil {
				return nil, fmt.Errorf("line %d: ID is not a number in %q", n, s)
			}
			f.ID = id
		case s == "format:":
		case strings.HasPrefix(s, "field:"):
			field, err := parseField(s)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			inFields = true
			// The blank line divides the common fields from the rest; the
			// prefix decides where it is missing.
			if !blank && strings.HasPrefix(field.Name, "common_") {
				f.Common = append(f.Common, field)
			} else {
				f.Fields = append(f.Fields, field)
			}
		case strings.HasPrefix(s, "print fmt:"):
			// "print fmt:" is the last part, and its text may contain newlines.
			rest := strings.TrimSpace(string(text))
			f.Print = strings.TrimSpace(s[len("print fmt:"):])
			if rest != "" {
				f.Print += "\n" + rest
			}
			text = nil
		}
	}
	if !inFields {
		return nil, fmt.Errorf("no fields: this is not the format of an event")
	}
	return f, nil
}

// parseField parses "field:TYPE NAME[N];\toffset:O;\tsize:S;\tsigned:B;".
func parseField(s string) (Field, error) {
	var f Field
	decl, rest, ok := strings.Cut(strings.TrimPrefix(s, "field:"), ";")
	if !ok {
		return f, fmt.Errorf("no end of the declaration in %q", s)
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(rest, ";") {
		key, val, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(val), 10, 64)
		if err != nil || n < 0 || n > maxOffset {
			return f, fmt.Errorf("%s is %q in %q", key, val, s)
		}
		seen[key] = true
		switch key {
		case "offset":
			f.Offset = uint32(n)
		case "size":
			f.Size = uint32(n)
		case "signed":
			f.Signed = n != 0
		}
	}
	if !seen["offset"] || !seen["size"] {
		return f, fmt.Errorf("no offset or size in %q", s)
	}
	if err := f.declaration(decl); err != nil {
		return f, fmt.Errorf("%w in %q", err, s)
	}
	return f, nil
}

// declaration splits type and name. The forms in use are "T name",
// "T name[N]", "__data_loc T[] name", "__data_loc T name" and, for pointers to
// functions, "T (*name)(...)".
func (f *Field) declaration(decl string) error {
	decl = strings.TrimSpace(decl)
	for _, loc := range []Loc{DataLoc, RelLoc} {
		if rest, ok := strings.CutPrefix(decl, loc.String()+" "); ok {
			f.Loc, decl = loc, rest
		}
	}
	if before, after, ok := strings.Cut(decl, "(*"); ok {
		name, args, ok := strings.Cut(after, ")")
		if !ok || !identifier(strings.TrimSpace(name)) {
			return fmt.Errorf("no name")
		}
		f.Name, f.Type = strings.TrimSpace(name), squeeze(before)+" (*)"+strings.TrimSpace(args)
		return nil
	}
	length := ""
	if open := strings.IndexByte(decl, '['); open >= 0 {
		end := strings.LastIndexByte(decl, ']')
		if end < open {
			return fmt.Errorf("unmatched bracket")
		}
		f.Array = true
		length = strings.TrimSpace(decl[open+1 : end])
		// The brackets follow the type or the name: "T[] name" and "T name[N]"
		// both occur.
		decl = decl[:open] + " " + decl[end+1:]
	}
	decl = strings.TrimSpace(decl)
	start := len(decl)
	for start > 0 && identByte(decl[start-1]) {
		start--
	}
	f.Name, f.Type = decl[start:], squeeze(decl[:start])
	if !identifier(f.Name) {
		return fmt.Errorf("no name")
	}
	if f.Type == "" {
		return fmt.Errorf("no type")
	}
	if f.Array {
		f.setLen(length)
	}
	return nil
}

// setLen takes the number of elements from the text in the brackets. Where
// that is a constant's name (5.17 wrote char comm[TASK_COMM_LEN]) or an
// expression, the sizes decide.
func (f *Field) setLen(text string) {
	if f.Loc != InPlace || text == "" {
		return
	}
	if n, err := strconv.ParseUint(text, 0, 32); err == nil && n <= maxOffset {
		f.Len = uint32(n)
		return
	}
	if elem := typeSize(f.Type); elem > 0 {
		f.Len = f.Size / elem
	}
}

// typeSize returns the size in bytes of the C types that arrays in formats are
// made of, 0 for any other.
func typeSize(typ string) uint32 {
	switch strings.TrimPrefix(typ, "const ") {
	case "char", "unsigned char", "signed char", "u8", "s8", "__u8", "__s8", "uint8_t", "bool":
		return 1
	case "short", "unsigned short", "u16", "s16", "__u16", "__s16", "__be16", "uint16_t":
		return 2
	case "int", "unsigned int", "unsigned", "u32", "s32", "__u32", "__s32", "__be32", "uint32_t", "pid_t":
		return 4
	case "long", "unsigned long", "long long", "unsigned long long", "u64", "s64", "__u64", "__s64", "uint64_t":
		return 8
	}
	if strings.HasSuffix(typ, "*") {
		return 8
	}
	return 0
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

func identByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func identifier(s string) bool {
	if s == "" || '0' <= s[0] && s[0] <= '9' {
		return false
	}
	for i := range len(s) {
		if !identByte(s[i]) {
			return false
		}
	}
	return true
}
