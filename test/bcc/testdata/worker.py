# The traced process: it runs each line of its input as Python and then prints
# "done". Its system calls and calls of libc are those of the line and those of
# Python itself, which both tools see alike.
import ctypes, os, sys

L = ctypes.CDLL(None, use_errno=True)
L.prctl(15, b"worker", 0, 0, 0)  # PR_SET_NAME
L.malloc.restype = L.getenv.restype = ctypes.c_void_p
L.malloc.argtypes = [ctypes.c_size_t]
L.free.argtypes = [ctypes.c_void_p]


class Timespec(ctypes.Structure):
    _fields_ = [("sec", ctypes.c_long), ("nsec", ctypes.c_long)]


def nap(nsec):
    "Sleeps by the system call itself: libc uses another one."
    L.syscall(35, ctypes.byref(Timespec(0, nsec)), None)


def touch(name, times=1, flags=0):
    "Opens a file by libc's open."
    for _ in range(times):
        fd = L.open(name, flags)
        if fd >= 0:
            L.close(fd)


def child():
    "Starts a process that ends at once."
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


print("ready", os.getpid(), flush=True)
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
