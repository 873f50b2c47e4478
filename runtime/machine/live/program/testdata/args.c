// Functions with arguments in all kinds of places. It is compiled in several
// ways by the test beside.
typedef unsigned int number;
struct pair { long a, b; };
struct mixed { double d; int n; };
struct floats { float x, y, z; };
struct large { long a, b, c; };
struct odd { char bytes[3]; };
struct bits { unsigned a : 3, b : 7; int : 0; unsigned char c : 1; };
union either { int i; char c[8]; };
enum level { LOW = -1, HIGH = 200 };
struct whole {
	struct whole *next;
	struct { int inner; };
	union either either;
	struct bits bits;
	enum level level;
	int grid[2][3];
	char flexible[];
};
struct away;
volatile long sink;

#define KEEP __attribute__((noinline))
KEEP int plain(int a, number b, char *c, const struct whole *d) { return sink = a + b + *c + d->inner; }
KEEP long stack(int a, int b, int c, int d, int e, int f, short g, long h) { return sink = a + b + c + d + e + f + g + h; }
KEEP struct large objects(struct pair p, struct large l, int n, struct odd o) { struct large r = { p.a + l.c + n + o.bytes[2] }; return r; }
KEEP double vectors(double d, struct mixed m, struct floats f, int n) { return d + m.d + m.n + f.x + f.z + n; }
KEEP _Bool small(_Bool b, unsigned char c, enum level l, struct away *w) { return sink = b + c + l + (w != 0); }
KEEP static long removed(long always, long used) { return sink = always * used; }

int main(int argc, char **argv)
{
	static struct whole w;
	struct pair p = { argc, 2 };
	struct large l = { 1, argc, 3 };
	struct odd o = { "ab" };
	struct mixed m = { argc, 2 };
	struct floats f = { 1, argc, 3 };
	char c = argc;

	plain(argc, 2, &c, &w);
	stack(1, 2, 3, 4, 5, 6, 7, argc);
	objects(p, l, argc, o);
	vectors(1.5, m, f, argc);
	small(1, 2, HIGH, 0);
	removed(7, argc);
	return removed(7, argc + 1);
}
