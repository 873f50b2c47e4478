/* A static program without a library, with one static probe: two arguments, in a
 * register and as a constant. The layout of the note is that of systemtap. */
static long call(long n, long a, long b, long c)
{
	register long x8 asm("x8") = n;
	register long x0 asm("x0") = a;
	register long x1 asm("x1") = b;
	register long x2 asm("x2") = c;

	asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}

static __attribute__((noinline)) void fire(long n)
{
	asm volatile(
		"990: nop\n"
		".pushsection .note.stapsdt,\"\",%%note\n"
		".balign 4\n"
		".4byte 992f-991f, 994f-993f, 3\n"
		"991: .asciz \"stapsdt\"\n"
		"992: .balign 4\n"
		"993: .8byte 990b\n"
		".8byte _.stapsdt.base\n"
		".8byte 0\n"
		".asciz \"demo\"\n"
		".asciz \"fire\"\n"
		".asciz \"-8@%0 -4@7\"\n"
		"994: .balign 4\n"
		".popsection\n"
		".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"
		".weak _.stapsdt.base\n"
		".hidden _.stapsdt.base\n"
		"_.stapsdt.base: .space 1\n"
		".size _.stapsdt.base, 1\n"
		".popsection\n"
		: : "r"(n));
}

void _start(void)
{
	for (long i = 0; i < 5; i++)
		fire(i * 100);
	call(93, 0, 0, 0); /* exit */
	__builtin_unreachable();
}
