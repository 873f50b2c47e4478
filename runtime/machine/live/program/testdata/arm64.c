// The functions that the test of arm64 looks at. arm64.so is this file,
// compiled with
//
//	aarch64-linux-gnu-gcc -g -O2 -nostdlib -shared -Wl,-z,max-page-size=4096 -Wl,--build-id=none \
//		-fdebug-prefix-map="$PWD"=. -o arm64.so arm64.c
struct pair { long a, b; };
struct large { long a, b, c; };
struct floats { float x, y, z; };
struct mixed { double d; int n; };
volatile long sink;

long plain(int a, unsigned b, char *c) { return sink = a + b + *c; }
long stack(int a, int b, int c, int d, int e, int f, long g, struct pair p, short i, long j) { return sink = a + b + c + d + e + f + g + p.a + i + j; }
struct large objects(struct pair p, struct large l, int n) { struct large r = { p.a + l.c + n }; return r; }
double vectors(double d, struct mixed m, struct floats f, int n) { return d + m.d + m.n + f.x + f.z + n; }
