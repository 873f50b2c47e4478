package value

import "strconv"

// gfpFlags are the kernel's page allocation flags, compound names first, so
// that the larger set wins (FMT-12; kernel: include/linux/gfp_types.h, in the
// order of include/trace/events/mmflags.h). The bits are those of kernel 5.2
// and later. Two names have changed since and are listed in both forms:
// before 6.3 GFP_ATOMIC had a bit of its own, and newer kernels put
// __GFP_NOWARN into GFP_NOWAIT. Bits from 0x1000000 on depend on the kernel's
// configuration and have no name here.
var gfpFlags = [...]struct {
	mask uint64
	name string
}{
	{0x1c24ca, "GFP_TRANSHUGE"},
	{0x1c20ca, "GFP_TRANSHUGE_LIGHT"},
	{0x100cca, "GFP_HIGHUSER_MOVABLE"},
	{0x100cc2, "GFP_HIGHUSER"},
	{0x100cc0, "GFP_USER"},
	{0x400cc0, "GFP_KERNEL_ACCOUNT"},
	{0xcc0, "GFP_KERNEL"},
	{0xc40, "GFP_NOFS"},
	{0xa20, "GFP_ATOMIC"},
	{0x820, "GFP_ATOMIC"},
	{0xc00, "GFP_NOIO"},
	{0x2800, "GFP_NOWAIT"},
	{0x800, "GFP_NOWAIT"},
	{0x1, "GFP_DMA"},
	{0x2, "__GFP_HIGHMEM"},
	{0x4, "GFP_DMA32"},
	{0x20, "__GFP_HIGH"},
	{0x200, "__GFP_ATOMIC"},
	{0x40, "__GFP_IO"},
	{0x80, "__GFP_FS"},
	{0x2000, "__GFP_NOWARN"},
	{0x4000, "__GFP_RETRY_MAYFAIL"},
	{0x8000, "__GFP_NOFAIL"},
	{0x10000, "__GFP_NORETRY"},
	{0x40000, "__GFP_COMP"},
	{0x100, "__GFP_ZERO"},
	{0x80000, "__GFP_NOMEMALLOC"},
	{0x20000, "__GFP_MEMALLOC"},
	{0x100000, "__GFP_HARDWALL"},
	{0x200000, "__GFP_THISNODE"},
	{0x10, "__GFP_RECLAIMABLE"},
	{0x8, "__GFP_MOVABLE"},
	{0x400000, "__GFP_ACCOUNT"},
	{0x1000, "__GFP_WRITE"},
	{0x400, "__GFP_DIRECT_RECLAIM"},
	{0x800000, "__GFP_ZEROTAGS"},
}

// AppendGFPFlags appends page allocation flags by name, joined by '|'; what
// has no name comes last in hex, and no flags at all are "0".
func AppendGFPFlags(dst []byte, flags uint64) []byte {
	if flags == 0 {
		return append(dst, '0')
	}
	start := len(dst)
	for i := range gfpFlags {
		f := &gfpFlags[i]
		if flags&f.mask == f.mask {
			dst = append(sep(dst, start), f.name...)
			flags &^= f.mask
		}
	}
	if flags != 0 {
		dst = append(sep(dst, start), "0x"...)
		dst = strconv.AppendUint(dst, flags, 16)
	}
	return dst
}

func sep(dst []byte, start int) []byte {
	if len(dst) > start {
		dst = append(dst, '|')
	}
	return dst
}
