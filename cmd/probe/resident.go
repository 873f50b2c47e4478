package main

import (
	"debug/elf"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Entries of the vector that the kernel passes to a program (include/uapi/linux/auxvec.h).
const (
	auxPHDR  = 3 // address of the program headers
	auxPHENT = 4 // size of one
	auxPHNUM = 5 // their number
)

// leavePages takes the pages of the program's file out of this process's memory.
// The packages of the program are initialised all over it, and for each page that
// is touched the kernel maps those around it as well, so that most of the file is
// mapped before anything has begun. What is needed later comes back from the page
// cache, some 64 KB at a time; the pages are never written, and remain there.
//
// Where it is not known what is mapped where, all pages stay.
func leavePages() {
	vec, err := unix.Auxv()
	if err != nil {
		return
	}
	at := func(key uintptr) uintptr {
		if i := slices.IndexFunc(vec, func(e [2]uintptr) bool { return e[0] == key }); i >= 0 {
			return vec[i][1]
		}
		return 0
	}
	table, n, size := at(auxPHDR), at(auxPHNUM), at(auxPHENT)
	if table == 0 || size != unsafe.Sizeof(elf.Prog64{}) {
		return
	}
	page := uintptr(os.Getpagesize())
	var base uintptr
	for _, h := range unsafe.Slice((*elf.Prog64)(unsafe.Add(nil, table)), n) {
		if h.Type == uint32(elf.PT_PHDR) {
			base = table - uintptr(h.Vaddr) // 0 unless the program was moved
		}
		if h.Type != uint32(elf.PT_LOAD) || h.Flags&uint32(elf.PF_W) != 0 {
			continue
		}
		start := base + uintptr(h.Vaddr)&^(page-1)
		end := (base + uintptr(h.Vaddr+h.Filesz)) &^ (page - 1)
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, end-start, unix.MADV_DONTNEED)
	}
}
