package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// function is one of the functions in calls_amd64.s.
type function int

// The functions, in the order of the table in calls_amd64.s.
const (
	targetAdd function = iota
	targetArgs
	targetString
	targetStruct
	targetNegative
	targetOuter
	targetSpin
)

func add(a []string) error {
	x, y := number(a[0]), number(a[1])
	for range number(a[2]) {
		if got := int64(call(targetAdd, &[8]uint64{uint64(x), uint64(y)})); got != x+y {
			return fmt.Errorf("target_add returned %d", got)
		}
	}
	return nil
}

func sixArgs(a []string) error {
	args := [8]uint64{11, 22, 33, 44, 55, 66, 77, 88}
	for range number(a[0]) {
		if got := call(targetArgs, &args); got != 11+88 {
			return fmt.Errorf("target_args returned %d", got)
		}
	}
	return nil
}

func text(a []string) error {
	data := append([]byte(a[0]), 0)
	p := uint64(uintptr(unsafe.Pointer(&data[0])))
	for range number(a[1]) {
		if got := call(targetString, &[8]uint64{p}); got != p {
			return fmt.Errorf("target_string returned %#x", got)
		}
	}
	runtime.KeepAlive(data)
	return nil
}

func crowd(a []string) error {
	n := int(number(a[0]))
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			runtime.LockOSThread() // and end the thread with the goroutine
			word := strings.Repeat(string(rune('a'+i)), 80)
			errs[i] = inCrowd(word, a[1], i == n-1)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// inCrowd calls target_string with a word on the first CPU. A thread that interrupts the
// others sleeps before each call, and then runs at once, whichever of them runs.
func inCrowd(word, calls string, interrupts bool) error {
	var cpus unix.CPUSet
	cpus.Set(0)
	if err := unix.SchedSetaffinity(0, &cpus); err != nil {
		return err
	}
	if !interrupts {
		return text([]string{word, calls})
	}
	if err := unix.SchedSetAttr(0, &unix.SchedAttr{Policy: unix.SCHED_FIFO, Priority: 1}, 0); err != nil {
		return err
	}
	for range number(calls) {
		if err := nanosleep([]string{"50000", "1"}); err != nil {
			return err
		}
		if err := text([]string{word, "1"}); err != nil {
			return err
		}
	}
	return nil
}

// pair is the argument of target_struct. In C:
//
//	struct inner { unsigned short a; signed char b; };
//	struct pair {
//		int x; char n[4]; unsigned long long big;
//		struct inner in; unsigned int low : 3; int high : 5;
//		int arr[4]; int *ip; struct pair *next; char *text;
//		union { unsigned int word; unsigned char bytes[4]; };
//		short grid[2][3];
//	};
type pair struct {
	x    int32
	n    [4]byte
	big  uint64
	inA  uint16
	inB  int8
	_    byte
	bits uint32 // low is 5, high is -3
	arr  [4]int32
	ip   *int32
	next *pair
	text *byte
	word uint32
	grid [2][3]int16
}

func structure(a []string) error {
	value := int32(-77)
	tail := []byte("tail\x00")
	last := &pair{x: 9, n: [4]byte{'e', 'n', 'd', 0}, text: &tail[0]}
	p := &pair{
		x: 3, n: [4]byte{'a', 'b', 0, 0}, big: 1 << 40, inA: 65535, inB: -4,
		bits: 5 | (-3&31)<<3, arr: [4]int32{10, 20, -30, 40}, ip: &value, next: last,
		word: 0x04030201, grid: [2][3]int16{{1, 2, 3}, {4, 5, -6}},
	}
	for range number(a[0]) {
		if got := call(targetStruct, &[8]uint64{uint64(uintptr(unsafe.Pointer(p)))}); got != 3 {
			return fmt.Errorf("target_struct returned %d", got)
		}
	}
	runtime.KeepAlive(p)
	return nil
}

func negative(a []string) error {
	for range number(a[0]) {
		if got := call(targetNegative, &[8]uint64{}); int64(got) != -7 {
			return fmt.Errorf("target_negative returned %d", int64(got))
		}
	}
	return nil
}

func nested(a []string) error {
	for range number(a[0]) {
		if got := call(targetOuter, &[8]uint64{41}); got != 42 {
			return fmt.Errorf("target_outer returned %d", got)
		}
	}
	return nil
}

func spin(a []string) error {
	end := time.Now().Add(time.Duration(number(a[0])) * time.Millisecond)
	for time.Now().Before(end) {
		call(targetSpin, &[8]uint64{2_000_000})
	}
	return nil
}
