package record

// The numbers of a tree are most of a recording, and most of what writing one
// costs. strconv looks for the case that fits each time and copies its result;
// here the digits go to where they belong.

// numberMax is how many bytes a number takes at most, with what separates it
// from the next.
const numberMax = 21

// pairs are the numbers from 00 to 99.
var pairs = func() (p [200]byte) {
	for i := range 100 {
		p[2*i], p[2*i+1] = byte('0'+i/10), byte('0'+i%10)
	}
	return p
}()

// put writes a number to b, which has room for numberMax bytes, and gives the
// number of bytes.
func put(b []byte, n int64) int {
	if uint64(n) < 10 {
		b[0] = byte('0' + n)
		return 1
	}
	return putLong(b, n)
}

// putLong is put for all numbers, and not inlined.
func putLong(b []byte, n int64) int {
	at, u := 0, uint64(n)
	if n < 0 {
		b[0], at, u = '-', 1, -u
	}
	end := at + digits(u)
	i := end
	for u >= 100 {
		r := u % 100 * 2
		u /= 100
		i -= 2
		b[i+1] = pairs[r+1]
		b[i] = pairs[r]
	}
	if u >= 10 {
		b[i-1], b[i-2] = pairs[u*2+1], pairs[u*2]
	} else {
		b[i-1] = byte('0' + u)
	}
	return end
}

// digits counts the decimal digits of a number.
func digits(u uint64) int {
	n := 1
	for ; u >= 10000; u /= 10000 {
		n += 4
	}
	switch {
	case u >= 1000:
		return n + 3
	case u >= 100:
		return n + 2
	case u >= 10:
		return n + 1
	}
	return n
}
