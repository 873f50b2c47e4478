#include "textflag.h"

// Functions for uprobes. Their names have no package, so that they look like
// functions of a C program, and they take their arguments as C does on x86-64:
// DI, SI, DX, CX, R8, R9, then the stack.

// long target_add(long a, long b) { return a + b; }
TEXT target_add(SB), NOSPLIT|NOFRAME, $0
	LEAQ (DI)(SI*1), AX
	RET

// long target_args(long a, …, long h) { return a + h; }
TEXT target_args(SB), NOSPLIT|NOFRAME, $0
	MOVQ 16(SP), AX
	ADDQ DI, AX
	RET

// char *target_string(char *s) { return s; }
TEXT target_string(SB), NOSPLIT|NOFRAME, $0
	MOVQ DI, AX
	RET

// int target_struct(struct pair *p) { return p->x; }
TEXT target_struct(SB), NOSPLIT|NOFRAME, $0
	MOVL (DI), AX
	RET

// long target_negative(void) { return -7; }
TEXT target_negative(SB), NOSPLIT|NOFRAME, $0
	MOVQ $-7, AX
	RET

// long target_inner(long n) { return n + 1; }, with a frame pointer
TEXT target_inner(SB), NOSPLIT|NOFRAME, $0
	PUSHQ BP
	MOVQ SP, BP
	LEAQ 1(DI), AX
	POPQ BP
	RET

// long target_outer(long n) { return target_inner(n); }
TEXT target_outer(SB), NOSPLIT|NOFRAME, $0
	PUSHQ BP
	MOVQ SP, BP
	CALL target_inner(SB)
	POPQ BP
	RET

// void target_spin(long n) { while (--n) ; }
TEXT target_spin(SB), NOSPLIT|NOFRAME, $0
	DECQ DI
	JNE  -1(PC)
	RET

// The functions in the order of the constants in calls.go.
DATA functions<>+0(SB)/8, $target_add(SB)
DATA functions<>+8(SB)/8, $target_args(SB)
DATA functions<>+16(SB)/8, $target_string(SB)
DATA functions<>+24(SB)/8, $target_struct(SB)
DATA functions<>+32(SB)/8, $target_negative(SB)
DATA functions<>+40(SB)/8, $target_outer(SB)
DATA functions<>+48(SB)/8, $target_spin(SB)
GLOBL functions<>(SB), RODATA|NOPTR, $56

// func call(f function, args *[8]uint64) uint64
TEXT ·call(SB), NOSPLIT, $16-24
	MOVQ f+0(FP), AX
	MOVQ args+8(FP), R10
	MOVQ 48(R10), R11
	MOVQ R11, 0(SP)
	MOVQ 56(R10), R11
	MOVQ R11, 8(SP)
	MOVQ 0(R10), DI
	MOVQ 8(R10), SI
	MOVQ 16(R10), DX
	MOVQ 24(R10), CX
	MOVQ 32(R10), R8
	MOVQ 40(R10), R9
	LEAQ functions<>(SB), R11
	MOVQ (R11)(AX*8), R11
	CALL R11
	MOVQ AX, ret+16(FP)
	RET
