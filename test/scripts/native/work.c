// A program for what the ready scripts see in libraries. It is linked with the
// machine's own C library and a small library in the place of OpenSSL, without
// headers and start files, which a machine with a compiler alone does not have.
//
//	work leak      allocates 10 times 1000 bytes and frees them, and 7 times
//	               3000 bytes that it keeps
//	work threads   starts 3 threads
//	work prompt    types "echo from the prompt" at an interactive bash
//	work ssl       writes "GET /secret" and reads "200 OK" through libssl

extern void *malloc(unsigned long), *calloc(unsigned long, unsigned long);
extern void free(void *);
extern int pthread_create(unsigned long *, void *, void *(*)(void *), void *);
extern int pthread_join(unsigned long, void **);
extern int strcmp(const char *, const char *);
extern int usleep(unsigned);
extern void _exit(int);
extern int posix_openpt(int), grantpt(int), unlockpt(int), open(const char *, int), dup2(int, int), fork(void), setsid(void);
extern char *ptsname(int);
extern long write(int, const void *, unsigned long), read(int, void *, unsigned long);
extern int execl(const char *, const char *, ...);
extern int SSL_write(void *, const void *, int), SSL_read(void *, void *, int);
extern int SSL_write_ex(void *, const void *, unsigned long, unsigned long *), SSL_read_ex(void *, void *, unsigned long, unsigned long *);

__attribute__((noinline)) void *kept(unsigned long n)
{
	void *volatile p = malloc(n);
	return p;
}

static void leak(void)
{
	int i;

	for (i = 0; i < 10; i++) {
		void *volatile p = malloc(1000);
		free(p);
	}
	for (i = 0; i < 7; i++)
		*(volatile char *)kept(3000) = 1;
	usleep(2500000);
}

void *begins_here(void *arg)
{
	return arg;
}

static void threads(void)
{
	unsigned long id;
	int i;

	for (i = 0; i < 3; i++)
		if (pthread_create(&id, 0, begins_here, 0) == 0)
			pthread_join(id, 0);
	usleep(1000000); // what has ended has no symbols
}

static void prompt(void)
{
	int end = posix_openpt(2), i; // O_RDWR
	char b[512];

	grantpt(end);
	unlockpt(end);
	if (fork() == 0) {
		int side;

		setsid();
		side = open(ptsname(end), 2);
		for (i = 0; i < 3; i++)
			dup2(side, i);
		execl("/bin/bash", "bash", "--norc", "-i", (char *)0);
		_exit(127);
	}
	usleep(1500000);
	write(end, "echo from the prompt\n", 21);
	usleep(700000);
	write(end, "exit\n", 5);
	while (read(end, b, sizeof b) > 0)
		;
}

static void ssl(void)
{
	char b[64];
	unsigned long n;

	SSL_write(b, "GET /secret", 11);
	SSL_read(b, b, sizeof b);
	SSL_write_ex(b, "more", 4, &n);
	SSL_read_ex(b, b, 0, &n);
	SSL_read_ex(b, b, sizeof b, &n);
}

void begin(long *stack)
{
	char **argv = (char **)(stack + 1);

	if (stack[0] < 2)
		_exit(2);
	if (!strcmp(argv[1], "leak"))
		leak();
	if (!strcmp(argv[1], "threads"))
		threads();
	if (!strcmp(argv[1], "prompt"))
		prompt();
	if (!strcmp(argv[1], "ssl"))
		ssl();
	_exit(0);
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\nand $-16, %rsp\ncall begin\n");
