import ctypes, os, pty, socket, sys, threading

c = ctypes.CDLL(None)
c.malloc.restype = ctypes.c_void_p
c.free.argtypes = [ctypes.c_void_p]
try:
    import ssl
except ImportError:
    ssl = None


def pair():
    """Two ends of TLS over memory, with a cipher that needs no certificate."""
    ends = []
    for server in (True, False):
        x = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        x.maximum_version = ssl.TLSVersion.TLSv1_2
        if not server:
            x.check_hostname, x.verify_mode = False, ssl.CERT_NONE
        x.set_ciphers("AECDH-AES128-SHA:@SECLEVEL=0")
        i, o = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends.append((x.wrap_bio(i, o, server_side=server), i, o))
    (a, ai, ao), (b, bi, bo) = ends
    done = set()
    while len(done) < 2:
        for e in (b, a):
            try:
                e.do_handshake()
                done.add(e)
            except ssl.SSLWantReadError:
                pass
            ai.write(bo.read())
            bi.write(ao.read())
    return (a, ao), (b, bi)


def shell():
    """A bash that reads its lines with readline, and its end of a terminal."""
    if not os.path.exists("/bin/bash"):
        return None
    pid, fd = pty.fork()
    if pid == 0:
        os.execv("/bin/bash", ["bash", "--norc", "-i"])
    return fd


def say(fd, line):
    os.write(fd, line + b"; echo do''ne\n")
    seen = b""
    while b"done" not in seen:
        seen += os.read(fd, 1000)


ends = pair() if ssl else None
bash = shell()
print(flush=True)
for _ in sys.stdin:
    for name in ("localhost", "127.0.0.1"):
        try:
            socket.getaddrinfo(name, 80)
        except socket.gaierror:
            pass
    for i in range(20):
        c.free(c.malloc(1000 + i))
    c.malloc(3000)
    for i in range(3):
        h = threading.Thread(target=int)
        h.start()
        h.join()
    if ends:
        (a, out), (b, into) = ends
        for i in range(3):
            a.write(b"GET /secret")
            into.write(out.read())
            b.read(100)
    if bash:
        say(bash, b"true")
    print(flush=True)
