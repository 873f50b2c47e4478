package types

import "strings"

// Plain returns a type as authors of scripts write it: without the sizes of
// strings and buffers, which follow from what is stored in them.
func (t *Type) Plain() string {
	text := t.String()
	for _, word := range []string{"string[", "buffer["} {
		var out strings.Builder
		for {
			head, tail, found := strings.Cut(text, word)
			out.WriteString(head)
			size, rest, closed := strings.Cut(tail, "]")
			switch {
			case !found:
			case closed && size != "" && strings.Trim(size, "0123456789") == "":
				out.WriteString(strings.TrimSuffix(word, "["))
				text = rest
				continue
			default:
				out.WriteString(word + tail)
			}
			break
		}
		text = out.String()
	}
	return text
}
