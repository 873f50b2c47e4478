// A program in C for the cases of what compilers leave in binaries: static
// probes, debug information, optimised code. It needs no C library and no
// headers, which a machine with a compiler alone does not have.
//
//	native usdt N    fires the static probes, N times each
//	native watch N   writes N times to the 8 bytes at 0x600000
//
// Build: gcc -O1 -g -static -nostdlib -fno-stack-protector -Wl,--section-start=.watched=0x600000 -o native native.c

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

static long syscall1(long n, long a)
{
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "0"(n), "D"(a) : "rcx", "r11", "memory");
	return r;
}

// The notes of static probes (SystemTap's sys/sdt.h, as its wiki describes the
// format): provider, name and where the arguments are. The sections must be
// there for a probe to be found after prelinking.
#define NOTE(provider, name, semaphore, args)                                   \
	"990:	nop\n"                                                             \
	".pushsection .note.stapsdt,\"?\",\"note\"\n"                              \
	".balign 4\n"                                                              \
	".4byte 992f-991f, 994f-993f, 3\n"                                         \
	"991:	.asciz \"stapsdt\"\n"                                              \
	"992:	.balign 4\n"                                                       \
	"993:	.8byte 990b, _.stapsdt.base, " semaphore "\n"                      \
	".asciz \"" provider "\"\n"                                                \
	".asciz \"" name "\"\n"                                                    \
	".asciz \"" args "\"\n"                                                    \
	"994:	.balign 4\n"                                                       \
	".popsection\n"

__asm__(".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"
	".weak _.stapsdt.base\n.hidden _.stapsdt.base\n_.stapsdt.base: .space 1\n"
	".size _.stapsdt.base, 1\n.popsection\n");

// The counter of those who listen to the probe "guarded".
__attribute__((section(".probes"), used)) volatile u16 guarded_semaphore = 0;

static struct { u32 pad; int word; u64 list[4]; } memory = { 0, -7, { 10, 20, 30, 40 } };

__attribute__((noinline)) static void fire_usdt(long n)
{
	register u64 byte __asm__("r8") = 0xfff0;
	long i;

	*(volatile u32 *)&memory.pad = 1; // a probe reads no page that was never touched
	for (i = 0; i < n; i++) {
		// A register of 4 bytes, one of 8, a constant, memory behind a register.
		__asm__ volatile(NOTE("native", "registers", "0", "-4@%%edi 8@%%rsi 2@$-3 -4@4(%%rdx) 8@8(%%rdx,%%rcx,8) 1@%%r8b -1@%%r8b")
				 : : "D"(-5L), "S"(0x1122334455667788L), "d"(&memory), "c"(2L), "r"(byte) : "memory");
		// A name at two places, with its argument in two.
		__asm__ volatile(NOTE("native", "twice", "0", "8@%%rdi") : : "D"(100 + i) : "memory");
		__asm__ volatile(NOTE("native", "twice", "0", "8@%%rsi") : : "S"(200 + i) : "memory");
		__asm__ volatile(NOTE("native", "plain", "0", "") : : : "memory");
		__asm__ volatile(NOTE("other", "plain", "0", "8f@%%xmm0 8@%%rdi") : : "D"(i) : "memory");
		if (guarded_semaphore)
			__asm__ volatile(NOTE("native", "guarded", "guarded_semaphore", "8@%%rdi") : : "D"(i) : "memory");
	}
}

// The linker puts it at 0x600000.
__attribute__((section(".watched"))) static volatile u64 watched = 1;

static int same(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return *a == *b;
}

static long number(const char *s)
{
	long n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (*s - '0');
	return n;
}

__attribute__((used)) static void run(long *stack)
{
	long argc = stack[0];
	char **argv = (char **)(stack + 1);
	int status = 2;

	if (argc == 3 && same(argv[1], "usdt")) {
		fire_usdt(number(argv[2]));
		status = 0;
	}
	if (argc == 3 && same(argv[1], "watch")) {
		long n = number(argv[2]);

		while (n-- > 0)
			watched = n;
		status = 0;
	}
	syscall1(231, status); // exit_group
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\nand $-16, %rsp\ncall run\n");
