package value

import (
	"errors"
	"strconv"
	"time"
)

// MaxTimeText is the longest text time() prints, in bytes (F-TIME).
const MaxTimeText = 63

// ErrTimeText is the error of TimeText for a text that is empty or too long.
var ErrTimeText = errors.New("the formatted time is empty or longer than 63 bytes")

// TimeText returns what time(format) prints: strftime in the C locale, at most
// MaxTimeText bytes.
func TimeText(format string, t time.Time) (string, error) {
	s := appendTime(nil, format, t, false)
	if len(s) == 0 || len(s) > MaxTimeText {
		return "", ErrTimeText
	}
	return string(s), nil
}

// AppendStrftime appends what strftime(format, ns) prints: the conversions of C
// in the C locale, with %f, %l and %k for microseconds, milliseconds and
// nanoseconds of the second (F-STRFTIME). Unknown conversions stay as written.
func AppendStrftime(dst []byte, format string, t time.Time) []byte {
	return appendTime(dst, format, t, true)
}

// appendTime formats t. With fractions set %f, %l and %k are parts of the
// second; otherwise %l and %k are hours, as in the GNU C library.
func appendTime(dst []byte, format string, t time.Time, fractions bool) []byte {
	for i := 0; i < len(format); {
		if format[i] != '%' {
			dst = append(dst, format[i])
			i++
			continue
		}
		d := directive{fractions: fractions}
		end := d.parse(format[i+1:])
		start := len(dst)
		out, ok := d.append(dst, t)
		if !ok {
			dst = append(dst[:start], format[i:i+1+end]...)
		} else {
			dst = out
		}
		i += 1 + end
	}
	return dst
}

// directive is one % of a format: GNU flags and width, the conversion letter.
type directive struct {
	conv      byte // 0 at the end of the format
	pad       byte // '_', '-', '0' or 0
	caps      bool // ^
	swap      bool // #
	width     int
	fractions bool
}

// parse reads a directive after its percent sign and returns its length.
func (d *directive) parse(s string) int {
	i := 0
flags:
	for ; i < len(s); i++ {
		switch s[i] {
		case '_', '-', '0':
			d.pad = s[i]
		case '^':
			d.caps = true
		case '#':
			d.swap = true
		default:
			break flags
		}
	}
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		d.width = min(d.width*10+int(s[i]-'0'), MaxWidth)
	}
	if i < len(s) && (s[i] == 'E' || s[i] == 'O') {
		i++ // the C locale has no alternative forms
	}
	if i < len(s) {
		d.conv = s[i]
		i++
	}
	return i
}

// append formats one directive; ok is false when there is no such conversion.
func (d *directive) append(dst []byte, t time.Time) (out []byte, ok bool) {
	start := len(dst)
	if d.fractions {
		switch d.conv {
		case 'f':
			return appendPadded(dst, int64(t.Nanosecond()/1e3), 6, '0'), true
		case 'l':
			return appendPadded(dst, int64(t.Nanosecond()/1e6), 3, '0'), true
		case 'k':
			return appendPadded(dst, int64(t.Nanosecond()), 9, '0'), true
		}
	}
	if n, digits, pad, ok := number(d.conv, t); ok {
		if d.pad != 0 {
			pad = d.pad
		}
		if pad == '_' {
			pad = ' '
		}
		width := max(digits, d.width)
		if pad == '-' {
			width, pad = d.width, ' '
		}
		return appendPadded(dst, n, width, pad), true
	}
	switch d.conv {
	case 'a':
		dst = append(dst, t.Weekday().String()[:3]...)
	case 'A':
		dst = append(dst, t.Weekday().String()...)
	case 'b', 'h':
		dst = append(dst, t.Month().String()[:3]...)
	case 'B':
		dst = append(dst, t.Month().String()...)
	case 'p', 'P':
		half := "AM"
		if t.Hour() >= 12 {
			half = "PM"
		}
		dst = append(dst, half...)
		if d.conv == 'P' || d.swap {
			lower(dst[start:])
		}
	case 'Z':
		zone, _ := t.Zone()
		dst = append(dst, zone...)
		if d.swap {
			lower(dst[start:])
		}
	case 'z':
		_, offset := t.Zone()
		dst = appendOffset(dst, offset)
	case 'c':
		dst = appendTime(dst, "%a %b %e %H:%M:%S %Y", t, false)
	case 'x', 'D':
		dst = appendTime(dst, "%m/%d/%y", t, false)
	case 'X', 'T':
		dst = appendTime(dst, "%H:%M:%S", t, false)
	case 'F':
		dst = appendTime(dst, "%Y-%m-%d", t, false)
	case 'R':
		dst = appendTime(dst, "%H:%M", t, false)
	case 'r':
		dst = appendTime(dst, "%I:%M:%S %p", t, false)
	case 'n':
		dst = append(dst, '\n')
	case 't':
		dst = append(dst, '\t')
	case '%':
		dst = append(dst, '%')
	default:
		return dst, false
	}
	if d.caps || d.swap && d.conv != 'p' && d.conv != 'Z' {
		upper(dst[start:])
	}
	fill := byte(' ')
	if d.pad == '0' {
		fill = '0'
	}
	return pad(dst, start, &Spec{Width: d.width, Zero: fill == '0'}), true
}

// number returns the value, minimum digits and fill character of a numeric
// conversion. ok is false for any other.
func number(conv byte, t time.Time) (n int64, digits int, pad byte, ok bool) {
	hour12 := (t.Hour()+11)%12 + 1
	isoYear, isoWeek := t.ISOWeek()
	yday, wday := t.YearDay()-1, int(t.Weekday())
	v, digits, pad := 0, 2, byte('0')
	switch conv {
	case 'C':
		v = floorDiv(t.Year(), 100)
	case 'd':
		v = t.Day()
	case 'e':
		v, pad = t.Day(), ' '
	case 'G':
		v, digits = isoYear, 1
	case 'g':
		v = isoYear - 100*floorDiv(isoYear, 100)
	case 'H':
		v = t.Hour()
	case 'I':
		v = hour12
	case 'j':
		v, digits = yday+1, 3
	case 'k':
		v, pad = t.Hour(), ' '
	case 'l':
		v, pad = hour12, ' '
	case 'M':
		v = t.Minute()
	case 'm':
		v = int(t.Month())
	case 'S':
		v = t.Second()
	case 's':
		return t.Unix(), 1, '0', true
	case 'U':
		v = (yday - wday + 7) / 7
	case 'u':
		v, digits = (wday+6)%7+1, 1
	case 'V':
		v = isoWeek
	case 'W':
		v = (yday - (wday+6)%7 + 7) / 7
	case 'w':
		v, digits = wday, 1
	case 'Y':
		v, digits = t.Year(), 1
	case 'y':
		v = t.Year() - 100*floorDiv(t.Year(), 100)
	default:
		return 0, 0, 0, false
	}
	return int64(v), digits, pad, true
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func lower(b []byte) {
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c - 'A' + 'a'
		}
	}
}

// appendPadded appends a number; zeros go between the sign and the digits.
func appendPadded(dst []byte, n int64, width int, fill byte) []byte {
	var num [20]byte
	digits := strconv.AppendInt(num[:0], n, 10)
	if fill == '0' && n < 0 {
		dst = append(dst, '-')
		digits = digits[1:]
		width--
	}
	for range width - len(digits) {
		dst = append(dst, fill)
	}
	return append(dst, digits...)
}

// appendOffset appends +hhmm.
func appendOffset(dst []byte, seconds int) []byte {
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	minutes := int64(seconds / 60)
	return appendPadded(append(dst, sign), minutes/60*100+minutes%60, 4, '0')
}
