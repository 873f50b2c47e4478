// A program in C for the cases of what compilers leave in binaries: static
// probes, debug information, optimised code. It needs no C library and no
// headers, which a machine with a compiler alone does not have.
//
//	native usdt N    fires the static probes, N times each
//	native watch N   writes N times to the 8 bytes at 0x600000
//	native call N    calls the functions of many types, N times each
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

// Functions with arguments of many types, for the cases about debugging
// information. They are not inlined, and what they do with their arguments
// keeps the compiler from leaving these out.
enum colour { RED, GREEN = 5, BLUE };
struct point { int x; short y; signed char z; };
struct pair { long first, second; };
struct name { u32 len; char text[20]; };
struct shape {
	struct shape *next;
	const char *label;
	struct point at;
	struct name name;
	unsigned narrow : 3, wide : 13;
	union { int number; char letters[4]; };
	enum colour colour;
	int sizes[3];
};
static volatile long sink;

__attribute__((noinline)) int scalars(int a, u64 b, signed char c, _Bool d, enum colour e)
{
	sink = a + b + c + d + e;
	return a - 100;
}

__attribute__((noinline)) struct shape *pointers(struct shape *shape, const char *text, int *numbers)
{
	sink = shape->at.x + text[0] + numbers[1];
	return shape;
}

__attribute__((noinline)) long many(int a, int b, int c, int d, int e, int f, int g, long h)
{
	return sink = a + b + c + d + e + f + g + h;
}

__attribute__((noinline)) long objects(struct pair pair, struct point point, struct name name)
{
	return sink = pair.first + pair.second + point.x + name.text[0];
}

__attribute__((noinline)) static long specialised(long always, long n)
{
	return sink += always * n;
}

static struct shape second = { 0, "second", { 7, -8, 9 }, { 5, "inner" }, 3, 300, { 65 }, BLUE, { 1, 2, 3 } };
static struct shape first = { &second, "first", { 1, 2, 3 }, { 3, "one" }, 5, 1000, { 66 }, GREEN, { 4, 5, 6 } };

__attribute__((noinline)) static void call_all(long n)
{
	static int numbers[2] = { 11, 22 };
	struct pair pair = { 111, 222 };
	struct point point = { 1, -2, 3 };
	struct name name = { 4, "text" };

	while (n-- > 0) {
		scalars(-3, 1UL << 40, -1, 1, BLUE);
		pointers(&first, "hello", numbers);
		many(1, 2, 3, 4, 5, 6, 7, 8);
		objects(pair, point, name);
		specialised(17, n + 40);
		sink += specialised(17, n + 41);
	}
}

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
	if (argc == 3 && same(argv[1], "call")) {
		call_all(number(argv[2]));
		status = 0;
	}
	syscall1(231, status); // exit_group
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\nand $-16, %rsp\ncall run\n");
