// A chain of inlined functions in one that is called, for the test of frames.
#include <unistd.h>
volatile int seen;
static inline __attribute__((always_inline)) void deep(int n)
{
	seen += n;
}
static inline __attribute__((always_inline)) void middle(int n)
{
	deep(n * 2);
}
__attribute__((noinline)) void leaf(int n)
{
	middle(n + 1);
	seen--;
}
__attribute__((noinline)) void outer(int n)
{
	leaf(n);
	seen--;
}
int main(void)
{
	outer(getpid());
	close(1);
	pause();
	return 0;
}
