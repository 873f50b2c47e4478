/* Functions without code of their own, for the test of where they went. */
volatile int seen;

static inline int twice(int n)
{
	return n * 2 + seen;
}

static inline int nested(int n)
{
	return twice(n) + 1;
}

__attribute__((noinline)) int first(int n)
{
	if (n > 3) {
		int m = twice(n);
		seen = m;
	}
	return seen;
}

__attribute__((noinline)) int second(int n)
{
	seen = nested(n);
	return seen;
}

__attribute__((noinline)) int neither(int n)
{
	return n + seen;
}

int main(int argc, char **argv)
{
	(void)argv;
	return first(argc) + second(argc) + neither(argc);
}
