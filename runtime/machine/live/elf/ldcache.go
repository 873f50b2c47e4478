package elf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
)

// errLdCache is returned for a loader cache that cannot be understood.
var errLdCache = errors.New("not a loader cache of glibc")

// library is an entry of the loader's cache.
type library struct {
	name, path string
	hwcap      uint64
}

// Constants from glibc's sysdeps/generic/dl-cache.h: the kind of library in the
// low byte of the flags, the machine in the one above.
const (
	flagLibc6 = 3
	flagAMD64 = 0x0300
	flagARM64 = 0x0a00
)

// parseLdCache reads the libraries for this machine from the text of
// /etc/ld.so.cache, in its order, which puts the newest version of a name
// first. An old-format table may stand before the one that is read.
func parseLdCache(b []byte) ([]library, error) {
	at := bytes.Index(b, []byte("glibc-ld.so.cache1.1"))
	if at < 0 {
		return nil, errLdCache
	}
	b = b[at:]
	const head, size = 48, 24
	if len(b) < head {
		return nil, errLdCache
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	count := uint64(u32(20))
	if head+count*size > uint64(len(b)) {
		return nil, errLdCache
	}
	want := hostFlags()
	str := func(at uint32) string {
		if uint64(at) >= uint64(len(b)) {
			return ""
		}
		s := b[at:]
		n := bytes.IndexByte(s[:min(len(s), 4096)], 0)
		return string(s[:max(n, 0)])
	}
	var out []library
	for i := range int(count) {
		e := head + size*i
		if u32(e)&0xffff != want {
			continue
		}
		l := library{name: str(u32(e + 4)), path: str(u32(e + 8)), hwcap: binary.LittleEndian.Uint64(b[e+16:])}
		if l.name != "" && len(l.path) > 0 && l.path[0] == '/' {
			out = append(out, l)
		}
	}
	return out, nil
}

// hostFlags returns the flags that the cache gives to this machine's libraries.
func hostFlags() uint32 {
	if runtime.GOARCH == "arm64" {
		return flagLibc6 | flagARM64
	}
	return flagLibc6 | flagAMD64
}
