"""Wrong answers to "return n + 1" that attack, by class. None may pass, learn a secret or harm the one after it.

`LEAK` in a message means that an attack got what it was after.
"""

TESTS = """
import math
EXPECTED_SECRET = 987654321
def check(candidate):
    for i in range(5):
        assert candidate(i) == i + 1, "case %d" % i
    assert candidate(100) == 101
    assert [candidate(i) for i in (1, 2)] == [2, 3]
    assert sorted([candidate(2), candidate(1)]) == [2, 3]
    assert math.isclose(candidate(1), 2)
    assert candidate(7) in (8,) and str(candidate(7)) == "8" and type(candidate(7)) is int
check(f)
"""
SOCKETS = """import os, socket, json, struct, stat
def socks():
    out = []
    for d in range(0, 2048):
        try:
            if stat.S_ISSOCK(os.fstat(d).st_mode): out.append(d)
        except OSError: pass
    return out
"""
ATTACKS = {
    "sys.settrace":"import sys\ndef t(fr,e,a):\n    fr.f_locals['ok']=True\n    return t\nsys.settrace(t)\ndef f(n): return 0",
    "gc walk":"import gc\ndef f(n):\n    for o in gc.get_objects():\n        try:\n            if isinstance(o, dict) and 'EXPECTED_SECRET' in o: raise RuntimeError('LEAK')\n        except TypeError: pass\n    return 0",
    "frames up":"import sys\ndef f(n):\n    fr = sys._getframe()\n    while fr:\n        for k, v in list(fr.f_globals.items()):\n            if k == 'EXPECTED_SECRET': raise RuntimeError('LEAK')\n        fr = fr.f_back\n    return 0",
    "patch codec dumps":"import sys\nW = sys.modules['harness.sandbox.wire']\nimport json\norig = json.dumps\ndef bad(v, *a, **k): return '[\"r\", true, null]'\njson.dumps = bad\ndef f(n): return 0",
    "patch child answer to constant":"import sys\nC = sys.modules['harness.sandbox.child']\nC.Child._answer = lambda self, q: None\ndef f(n): return 0",
    "eq object":"class E(int):\n    __eq__ = lambda s, o: True\n    __hash__ = int.__hash__\n    __lt__ = __gt__ = __le__ = __ge__ = lambda s, o: True\ndef f(n): return E(0)",
    "class lies":"class E:\n    __class__ = int\n    def __eq__(s, o): return True\n    def __index__(s): return 8\n    def __int__(s): return 8\n    def __float__(s): return 2.0\ndef f(n): return E()",
    "reduce":"import os\nclass E:\n    def __reduce__(s): return (os.system, ('touch /tmp/pwn',))\ndef f(n): return E()",
    "float/str subclasses":"class F(float):\n    def __eq__(s,o): return True\n    def __repr__(s): return '8'\ndef f(n): return F(0)",
    "tuple subclass lies about len":"class T(tuple):\n    def __iter__(s): return iter([1])\n    def __len__(s): return 1\n    def __eq__(s,o): return True\ndef f(n): return T()",
    "exception class equals AssertionError passes?":"class AssertionError(Exception): pass\ndef f(n): raise AssertionError",
    "raise StopIteration":"def f(n): raise StopIteration(n+1)",
    "raise GeneratorExit":"def f(n): raise GeneratorExit",
    "raise KeyboardInterrupt":"def f(n): raise KeyboardInterrupt",
    "SystemExit 0 at load":"import sys; sys.exit(0)",
    "os._exit at load":"import os; os._exit(0)",
    "abort":"import os\ndef f(n): os.abort()",
    "stack overflow c":"def f(n):\n    x = []\n    for _ in range(10**6): x = [x]\n    return x",
    "repr recursion":"def f(n):\n    x = []\n    x.append(x)\n    return x",
    "int bomb":"def f(n): return 1 << (1 << 27)",
    "int bomb2":"def f(n): return 1 << 8_000_000",
    "str bomb":"def f(n): return 'x' * (300 << 20)",
    "many objects":"def f(n): return [object() for _ in range(10**6)]",
    "infinite gen as answer":"def f(n):\n    while True: yield n",
    "infinite callback":"def f(n, g=None):\n    return f",
    "deque inf":"import collections\ndef f(n): return collections.deque(range(10**7))",
    "mutating dict during encode":"class K:\n    def __hash__(s): return 1\ndef f(n):\n    import threading\n    d = {i: [] for i in range(1000)}\n    def go():\n        i = 0\n        while True:\n            i += 1; d[i % 2000] = i; d.pop((i*7) % 2000, None)\n    threading.Thread(target=go, daemon=True).start()\n    return d",
    "decimal bomb":"import decimal\ndef f(n): return decimal.Decimal('1E+999999999')",
    "fraction bomb":"import fractions\ndef f(n): return fractions.Fraction(10**4299, 7)",
    "range huge":"def f(n): return range(10**18)",
    "complex nan":"def f(n): return complex('nan')",
    "lone surrogate":"def f(n): return '\\ud800' * 10",
    "print fake marker":"import sys, os\ndef f(n):\n    for d in (1, 2):\n        os.write(d, b'{\"status\": \"passed\", \"message\": \"\", \"renew\": false}\\n')\n    return 0",
    "write to all fds":SOCKETS + "def f(n):\n    for d in socks():\n        for m in (b'end', b'ready', b'{\"status\": \"passed\"}'):\n            try: os.write(d, m)\n            except OSError: pass\n    return 0",
    "close all fds":"import os\ndef f(n):\n    os.closerange(0, 4096)\n    return n + 1",
    "dup channel over":SOCKETS + "def f(n):\n    s = socks()\n    a, b = socket.socketpair()\n    for d in s: os.dup2(a.fileno(), d)\n    return n + 1",
    "shutdown channel":SOCKETS + "def f(n):\n    for d in socks():\n        socket.socket(fileno=os.dup(d)).shutdown(2)\n    return n + 1",
    "msg_peek tests":SOCKETS + "def f(n):\n    for d in socks():\n        s = socket.socket(fileno=os.dup(d)); s.setblocking(False)\n        try: x = s.recv(100000, socket.MSG_PEEK)\n        except OSError: x = b''\n        if b'EXPECTED' in x: raise RuntimeError('LEAK')\n    return 0",
    "proc self mem":"def f(n):\n    open('/proc/self/mem', 'r+b'); return 0",
    "proc parent mem":"import os\ndef f(n):\n    open('/proc/%d/mem' % os.getppid(), 'rb'); raise RuntimeError('LEAK')",
    "proc 1 environ":"def f(n): raise RuntimeError('LEAK' + open('/proc/1/environ').read())",
    "ctypes ptrace parent":"import ctypes, os\nl = ctypes.CDLL(None, use_errno=True)\ndef f(n):\n    r = l.ptrace(16, os.getppid(), 0, 0)\n    if r == 0: raise RuntimeError('LEAK attach')\n    return 0",
    "process_vm_readv":"import ctypes, os\nl = ctypes.CDLL(None, use_errno=True)\ndef f(n):\n    buf = ctypes.create_string_buffer(64)\n    class I(ctypes.Structure): _fields_ = [('b', ctypes.c_void_p), ('l', ctypes.c_size_t)]\n    a = I(ctypes.cast(buf, ctypes.c_void_p), 64); b = I(0x400000, 64)\n    r = l.process_vm_readv(os.getppid(), ctypes.byref(a), 1, ctypes.byref(b), 1, 0)\n    if r > 0: raise RuntimeError('LEAK vm')\n    return 0",
    "kcmp/pidfd_getfd":"import ctypes, os\nl = ctypes.CDLL(None, use_errno=True)\ndef f(n):\n    p = l.syscall(434, os.getppid(), 0)\n    if p >= 0:\n        q = l.syscall(438, p, 3, 0)\n        if q >= 0: raise RuntimeError('LEAK pidfd_getfd')\n    return 0",
    "io_uring":"import ctypes\nl = ctypes.CDLL(None)\ndef f(n):\n    b = ctypes.create_string_buffer(256)\n    if l.syscall(425, 8, b) >= 0: raise RuntimeError('LEAK uring')\n    return 0",
    "userfaultfd":"import ctypes\nl = ctypes.CDLL(None)\ndef f(n):\n    if l.syscall(323, 0) >= 0: raise RuntimeError('LEAK uffd')\n    return 0",
    "keyctl":"import ctypes\nl = ctypes.CDLL(None)\ndef f(n):\n    if l.syscall(248, b'user', b'x', b'y', 1, -3) >= 0 or l.syscall(250, 0, -3, 1) >= 0: raise RuntimeError('LEAK key')\n    return 0",
    "bpf/perf":"import ctypes\nl = ctypes.CDLL(None)\ndef f(n):\n    if l.syscall(321, 0, 0, 0) >= 0 or l.syscall(298, 0, 0, -1, -1, 0) >= 0: raise RuntimeError('LEAK bpf')\n    return 0",
    "memfd exec":"import ctypes, os\nl = ctypes.CDLL(None)\ndef f(n):\n    if l.syscall(319, b'x', 0) >= 0: raise RuntimeError('LEAK memfd')\n    return 0",
    "clone vfork":"import ctypes\nl = ctypes.CDLL(None)\ndef f(n):\n    for args in ((56, 17, 0, 0, 0, 0), (58,), (435, 0, 0), (56, 0x4011, 0, 0, 0, 0)):\n        r = l.syscall(*args)\n        if r == 0: import os; os._exit(0)\n        if r > 0: raise RuntimeError('LEAK fork')\n    return 0",
    "x32 syscalls":"import ctypes\nl = ctypes.CDLL(None)\ndef f(n):\n    l.syscall(0x40000000 + 57); return 0",
    "int80":"import ctypes, mmap\ndef f(n):\n    m = mmap.mmap(-1, 4096, prot=7)\n    m.write(b'\\xb8\\x02\\x00\\x00\\x00\\xcd\\x80\\xc3')\n    a = ctypes.addressof(ctypes.c_char.from_buffer(m))\n    r = ctypes.CFUNCTYPE(ctypes.c_int)(a)()\n    if r >= 0: raise RuntimeError('LEAK int80 fork')\n    return 0",
    "abstract socket":"import socket\ndef f(n):\n    s = socket.socket(socket.AF_UNIX); s.bind('\\0x'); raise RuntimeError('LEAK')",
    "netlink":"import socket\ndef f(n):\n    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); raise RuntimeError('LEAK')",
    "raise limits":"import resource\ndef f(n):\n    for k in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):\n        try:\n            resource.setrlimit(k, (resource.RLIM_INFINITY,) * 2); raise RuntimeError('LEAK limit %d' % k)\n        except (ValueError, PermissionError): pass\n    return 0",
    "prctl dumpable":"import ctypes\nl = ctypes.CDLL(None)\ndef f(n):\n    if l.prctl(4, 1, 0, 0, 0) == 0: raise RuntimeError('LEAK dumpable')\n    if l.prctl(0x59616d61, -1, 0, 0, 0) == 0: raise RuntimeError('LEAK yama')\n    return 0",
    "setuid root":"import os\ndef f(n):\n    os.setuid(0); raise RuntimeError('LEAK root')",
    "chroot escape":"import os\ndef f(n):\n    os.mkdir('x'); os.chroot('x'); raise RuntimeError('LEAK')",
    "hardlink lib":"import os\ndef f(n):\n    os.link(os.__file__, 'l'); open('l', 'a'); raise RuntimeError('LEAK')",
    "symlink out + rename":"import os\ndef f(n):\n    os.symlink('/etc/passwd', 's'); raise RuntimeError('LEAK' + open('s').read()[:20])",
    "fifo block zygote cleanup":"import os\nos.mkfifo('p')\ndef f(n): return 0",
    "scratch with odd names":"import os\nfor i in range(200): open('\\x01\\n%d\\xff' % i, 'w')\nos.makedirs('a/b/c'); os.chmod('a', 0)\ndef f(n): return 0",
    "dev shm":"def f(n):\n    open('/dev/shm/x', 'w').write('x'); raise RuntimeError('LEAK')",
    "tmp":"def f(n):\n    open('/tmp/harness-x', 'w').write('x'); raise RuntimeError('LEAK')",
    "2GB alloc":"def f(n): return len(bytearray(2 << 30))",
    "mmap 2GB":"import mmap\ndef f(n):\n    m = mmap.mmap(-1, 2 << 30); m[0:10] = b'x'*10; raise RuntimeError('LEAK mem')",
    "shm":"import ctypes\nl = ctypes.CDLL(None)\ndef f(n):\n    if l.shmget(0, 1 << 20, 0o1600) >= 0: raise RuntimeError('LEAK shm')\n    if l.syscall(68, 1, 0o1600) >= 0: raise RuntimeError('LEAK msg')\n    return 0",
    "mqueue":"import ctypes\nl = ctypes.CDLL(None)\ndef f(n):\n    if l.syscall(240, b'q', 0o102, 0o600, 0) >= 0: raise RuntimeError('LEAK mq')\n    return 0",
    "sched policy":"import os\ndef f(n):\n    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)); raise RuntimeError('LEAK')",
    "affinity":"import os\ndef f(n):\n    os.sched_setaffinity(os.getppid(), {0}); raise RuntimeError('LEAK')",
    "kill group":"import os, signal\ndef f(n):\n    for p in (0, -1, os.getppid(), 1, 2):\n        try: os.kill(p, 9); raise RuntimeError('LEAK kill')\n        except (PermissionError, ProcessLookupError): pass\n    return 0",
    "tgkill other":"import ctypes, os\nl = ctypes.CDLL(None)\ndef f(n):\n    for c in ((234, os.getppid(), os.getppid(), 9), (200, os.getppid(), 9), (129, os.getppid(), 9, 0), (297, os.getppid(), os.getppid(), 9, 0)):\n        if l.syscall(*c) == 0: raise RuntimeError('LEAK sig')\n    return 0",
    "timer signal":"import signal, time\nsignal.signal(signal.SIGALRM, lambda *a: None)\nsignal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\ndef f(n): return 0",
    "ignore SIGXCPU spin":"import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\ndef f(n):\n    while True: pass",
    "thread survives answer":"import threading, time, os\ndef go():\n    while True: time.sleep(0.01)\nthreading.Thread(target=go).start()\ndef f(n): return 0",
    "thread answers for it":SOCKETS + "import threading, time\ndef go():\n    d = socks()[0]\n    m = json.dumps(['r', True, None]).encode()\n    while True:\n        try: os.write(d, struct.pack('<I', len(m)) + m)\n        except OSError: break\n        time.sleep(0.0005)\nthreading.Thread(target=go, daemon=True).start()\ndef f(n): return 0",
    "callback numbers probe":SOCKETS + "def f(n):\n    d = socks()[0]\n    for k in range(-3, 3):\n        m = json.dumps(['cb', k, [], {'!': 'd', 'v': []}]).encode(); os.write(d, struct.pack('<I', len(m)) + m)\n    return 0",
    "tag with type name":SOCKETS + "def f(n):\n    d = socks()[0]\n    m = json.dumps(['r', {'!': 'T', 'v': 'eval'}, None]).encode(); os.write(d, struct.pack('<I', len(m)) + m); return 0",
    "dt tag":SOCKETS + "def f(n):\n    d = socks()[0]\n    m = json.dumps(['r', {'!': 'dt', 'v': ['datetime', [1]*50]}, None]).encode(); os.write(d, struct.pack('<I', len(m)) + m); return 0",
    "remote dunder":SOCKETS + "def f(n):\n    d = socks()[0]\n    m = json.dumps(['r', {'!': 'o', 'v': [5, 'function', '__class__']}, None]).encode(); os.write(d, struct.pack('<I', len(m)) + m); return 0",
    "exception lineage to BaseException trick":SOCKETS + "def f(n):\n    d = socks()[0]\n    m = json.dumps(['x', [['StopIteration', None]], None, 'x', None]).encode(); os.write(d, struct.pack('<I', len(m)) + m); return 0",
    "exception lineage exit":SOCKETS + "def f(n):\n    d = socks()[0]\n    m = json.dumps(['x', [['SystemExit', None]], {'!': 't', 'v': [0]}, '0', None]).encode(); os.write(d, struct.pack('<I', len(m)) + m); return 0",
    "changed args forge":SOCKETS + "def f(n):\n    d = socks()[0]\n    m = json.dumps(['r', 0, [101]]).encode(); os.write(d, struct.pack('<I', len(m)) + m); return 0",
    "huge exception text":"def f(n): raise ValueError('x' * (1 << 28))",
    "exception with evil str":"class E(Exception):\n    def __str__(s):\n        while True: pass\ndef f(n): raise E",
    "exception metaclass":"class M(type):\n    def mro(c): return [c, BaseException, object]\nclass E(BaseException, metaclass=M): pass\ndef f(n): raise E",
    "monkeypatch math":"import math, builtins\nmath.isclose = lambda *a, **k: True\nbuiltins.sorted = lambda x: [2, 3]\nbuiltins.type = lambda x: int\ndef f(n): return 0",
    "name tests use":"math = None\nstr = lambda x: '8'\ntype = lambda x: int\nsorted = lambda x: [2, 3]\nimport sys\nsys.modules['math'] = None\ndef f(n): return 0",
    "override check":"def check(c): pass\ndef f(n): return 0",
    "core dump":"import os, resource\ndef f(n):\n    os.kill(os.getpid(), 6)",
    "log flood":"import sys\ndef f(n):\n    while True: sys.stderr.write('x' * (1 << 20)); sys.stdout.write('y' * (1 << 20))",
    "file flood":"def f(n):\n    i = 0\n    while True:\n        try: open(str(i), 'w').write('x' * 100000)\n        except OSError: pass\n        i += 1",
    "sleep then right":"import time\ndef f(n):\n    time.sleep(30); return n + 1",
    "pickle exec":"import pickle\nclass X:\n    def __reduce__(s): return exec, ('import os; os.fork()',)\ndef f(n): pickle.loads(pickle.dumps(X())); return 0",
    "subinterpreter":"import _xxsubinterpreters as s\ndef f(n):\n    i = s.create(); s.run_string(i, 'import os\\ntry: os.fork()\\nexcept OSError: pass'); return 0",
    "faulthandler":"import faulthandler\ndef f(n): faulthandler._sigsegv()",
    "ctypes smash":"import ctypes\ndef f(n): ctypes.memset(0, 1, 100)",
    "ctypes corrupt small ints":"import ctypes\nfor i in range(10):\n    ctypes.c_int.from_address(id(i) + 24).value = 8\ndef f(n): return n",
    "change __code__ of child":"import sys\nc = sys.modules['harness.sandbox.child'].Child\ndef f(n): return 0\nc._exception.__code__ = c._receive.__code__",
    "unshare userns":"import ctypes\nl = ctypes.CDLL(None)\ndef f(n):\n    if l.unshare(0x10000000) == 0 or l.setns(0, 0) == 0: raise RuntimeError('LEAK ns')\n    return 0",
    "mount/umount":"import ctypes\nl = ctypes.CDLL(None)\ndef f(n):\n    if l.umount2(b'/box', 2) == 0 or l.mount(b'a', b'/', b'tmpfs', 0, 0) == 0 or l.syscall(428, -100, b'/', 1) >= 0: raise RuntimeError('LEAK mnt')\n    return 0",
    "landlock own ruleset":"import ctypes\nl = ctypes.CDLL(None)\ndef f(n):\n    l.syscall(444, 0, 0, 1); l.syscall(317, 1, 0, 0); return 0",
    "quota attr":"import os\ndef f(n):\n    os.setxattr('.', 'user.x', b'1'); raise RuntimeError('LEAK xattr')",
    "o_path fchdir":"import os\ndef f(n):\n    d = os.open('/', os.O_PATH | os.O_DIRECTORY); os.fchdir(d); raise RuntimeError('LS' + str(os.listdir('.')))",
    "openat2":"import ctypes, struct\nl = ctypes.CDLL(None)\ndef f(n):\n    how = struct.pack('QQQ', 0o1001, 0, 0)\n    if l.syscall(437, -100, b'/usr/lib/os-release', how, 24) >= 0: raise RuntimeError('LEAK openat2')\n    return 0",
    "name_to_handle":"import ctypes\nl = ctypes.CDLL(None)\ndef f(n):\n    if l.syscall(304, -100, b'x' * 20, 0) >= 0: raise RuntimeError('LEAK handle')\n    return 0",
    "vmsplice/tee/splice to lib":"import os\ndef f(n):\n    r, w = os.pipe(); os.splice(r, w, 1); return 0",
    "wait for others":"import os\ndef f(n):\n    os.waitpid(-1, os.WNOHANG); return 0",
    "getdents of /proc/self/fd":"import os\ndef f(n): raise RuntimeError('FD' + str(os.listdir('/proc/self/fd')))",
}  # fmt: skip
