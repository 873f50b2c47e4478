#include "textflag.h"

// long target_add(long a, long b) { return a + b; }
// Its name has no package, and its arguments are in R0 and R1, as in a C program.
TEXT target_add(SB), NOSPLIT|NOFRAME, $0
	ADD R1, R0, R0
	RET

// func callAdd(a, b int64) int64
TEXT ·callAdd(SB), NOSPLIT, $0-24
	MOVD a+0(FP), R0
	MOVD b+8(FP), R1
	BL target_add(SB)
	MOVD R0, ret+16(FP)
	RET
