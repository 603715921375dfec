"""Hostile programs by family. Those that get what they are after print LEAK; the others end as is said here."""

from __future__ import annotations

from hostile import ERROR, INVALID, MASK, MEMORY, NON_FINITE, OK, TIMEOUT, Attack, program

WALK = """
for folder, folders, files in os.walk("/"):
    for file in files:
        ours = "zfbench" in folder or not folder.startswith(("/packages/", "/usr", "/lib"))
        if file in ("sealed.npz", "published.npz") or ours and file.endswith((".npz", ".npy", ".jsonl")):
            print("LEAK", folder, file)
    for hidden in ("testbed", "scoring", "baselines", "discoverers", "leaderboard"):
        if hidden in folders and ("zfbench" in folder or folder == "/packages"):
            print("LEAK", folder, hidden)
raise LookupError("walked")
"""
DESCRIPTORS = """
import stat
for descriptor in range(256):
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        continue
    if stat.S_ISDIR(mode) or stat.S_ISSOCK(mode) or stat.S_ISREG(mode) or descriptor > 4:
        print("LEAK", descriptor, oct(mode))
raise LookupError("looked")
"""
HEAP = """
import gc
for thing in gc.get_objects():
    if isinstance(thing, dict) and any(isinstance(v, str) and v.startswith("canary-") for v in list(thing.values())):
        print("LEAK", thing)
raise LookupError("looked")
"""
SYSCALL = "libc = ctypes.CDLL(None, use_errno=True)\n"
CHECKED = "if {call} < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))\nprint('LEAK')"
FRAMES = """
import json, struct
def forge(kind, fields, arrays=(), body=b""):
    header = json.dumps({"kind": kind, "fields": fields, "arrays": list(arrays)}).encode()
    for descriptor in range(3, 16):
        try:
            os.write(descriptor, struct.pack(">IQ", len(header), len(body)) + header + body)
        except OSError:
            pass
"""
REPORT = (
    "dict(loss='one_step', learning_rate=0.03, parameters=1, recurrent=False, updates=1, best_update=1, seconds=0.1,"
    " stopped_early=False, loss_curve=[], selection_curve=[])"
)
FASTER = """
import fcntl, threading
fcntl.fcntl(1, 1031, 2**20)  # F_SETPIPE_SZ
def write():
    while True: os.write(1, bytes(2**20))
for _ in range(4): threading.Thread(target=write).start()
time.sleep(1e6)
"""
FILL = """
{prepare}
try:
    while True:
        {write}
except OSError as error:
    raise OSError(error.errno, "full") from None
"""


def reading() -> list[Attack]:
    def at(name, top, said, status=ERROR):
        return Attack("reading hidden data", name, program(top), status, said)

    def show(path):
        return f"print('LEAK', open({path}, 'rb').read())"

    return [
        at("sealed file by path", show("SECRET_FILE"), "FileNotFoundError"),
        at("shipped recording", show("'/packages/zfbench/testbed/recordings/published.npz'"), "FileNotFoundError"),
        at("testbed", "import zfbench.testbed.circuit\nprint('LEAK')", "ModuleNotFoundError"),
        at("task with its data", "import zfbench.tasks.zfish.task\nprint('LEAK')", "ModuleNotFoundError"),
        at("sealed test", "import zfbench.forecasting.sealed\nprint('LEAK')", "ModuleNotFoundError"),
        at("judge", "import zfbench.forecasting.judge\nprint('LEAK')", "ModuleNotFoundError"),
        at("reference programs", "import zfbench.baselines.programs\nprint('LEAK')", "ModuleNotFoundError"),
        at("other packages", "import discoverers, leaderboard\nprint('LEAK')", "ModuleNotFoundError"),
        at("libraries that candidates do not need", "import pytest\nprint('LEAK')", "ModuleNotFoundError"),
        at("all files", WALK, "walked"),
        at("password file", show("'/etc/passwd'"), "FileNotFoundError"),
        at("home", "print('LEAK', os.listdir(os.path.expanduser('~nobody') or '/root'))", "NotFoundError"),
        at("environment of process 1", show("'/proc/1/environ'"), "FileNotFoundError"),
        at("memory map", show("'/proc/self/maps'"), "FileNotFoundError"),
        at("kernel settings", "open('/proc/sys/kernel/core_pattern', 'w').write('|/bin/sh')", "FileNotFoundError"),
        at("environment", "print('LEAK', os.environ['ZFBENCH_SECRET'])", "KeyError"),
        at(
            "environment in C",
            SYSCALL + "libc.getenv.restype = ctypes.c_char_p\nprint(libc.getenv(b'ZFBENCH_SECRET'))\n1 / 0",
            "ZeroDivisionError",
        ),
        at("open descriptors", DESCRIPTORS, "looked"),
        at("heap", HEAP, "looked"),
        at("debugger", SYSCALL + CHECKED.format(call="libc.ptrace(16, 1, 0, 0)"), "PermissionError"),
        at("memory of another", SYSCALL + CHECKED.format(call="libc.syscall(310, 1, 0, 0, 0, 0, 0)"), "Permission"),
        at("mount", SYSCALL + CHECKED.format(call="libc.mount(b'proc', b'/tmp', b'proc', 0, 0)"), "PermissionError"),
        at("kernel log", SYSCALL + CHECKED.format(call="libc.klogctl(3, bytes(4096), 4096)"), "PermissionError"),
        at("watching what others read", SYSCALL + CHECKED.format(call="libc.inotify_init()"), "PermissionError"),
        at("a lock that others see", "import fcntl\nfcntl.flock(open(np.__file__), fcntl.LOCK_EX)", "PermissionError"),
        at("user namespace", SYSCALL + CHECKED.format(call="libc.unshare(0x10000000)"), "PermissionError"),
    ]


def network() -> list[Attack]:
    def at(name, top):
        return Attack("network", name, program("import socket\n" + top), ERROR, "Errno")

    return [
        at("connect to loopback", "socket.create_connection(LISTENER, 2)\nprint('LEAK')"),
        at("datagram", "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', LISTENER)\nprint('LEAK')"),
        at("name service", "print('LEAK', socket.getaddrinfo('example.org', 443))"),
        at("listen", "socket.create_server(('127.0.0.1', 0))\nprint('LEAK')"),
        at("version 6", "socket.socket(socket.AF_INET6).connect(('::1', LISTENER[1]))\nprint('LEAK')"),
        at("unix socket", "socket.socket(socket.AF_UNIX).bind('\\0here')\nprint('LEAK')"),
        at("raw socket", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\nprint('LEAK')"),
        at("web", "import urllib.request\nprint('LEAK', urllib.request.urlopen('http://%s:%d' % LISTENER).read())"),
    ]


def forking() -> list[Attack]:
    def at(name, top, said="PermissionError"):
        return Attack("fork bomb", name, program(top), ERROR, said)

    return [
        at("fork", "while True: os.fork()"),
        at("shell", "import subprocess\nsubprocess.Popen(':(){ :|:& };:', shell=True)"),
        at("multiprocessing", "import multiprocessing as m\nm.get_context('fork').Process(target=print).start()"),
        at("posix_spawn", "os.posix_spawn('/proc/self/exe', ['python'], {})", "Error"),
        at("exec", "os.execv(sys.executable, [sys.executable, '-c', 'while True: pass'])"),
        at("bare system call", SYSCALL + CHECKED.format(call="libc.syscall(57)")),
        at("bare clone", SYSCALL + CHECKED.format(call="libc.syscall(56, 17, 0, 0, 0, 0)")),
        at("clone3", SYSCALL + CHECKED.format(call="libc.syscall(435, bytes(88), 88)"), "not implemented"),
        at(
            "unstoppable daemon",
            "for _ in range(3):\n    if os.fork(): os._exit(0)\n    os.setsid()\nwhile True: pass",
        ),
        at(
            "threads",
            "import threading\nthreading.stack_size(65536)\n"
            "while True: threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
            "can't start new thread",
        ),
    ]


def hoarding() -> list[Attack]:
    def at(name, top, status=MEMORY, said="", step="pass"):
        return Attack("memory bomb", name, program(top, step), status, said)

    mapped = "import mmap\nheld = []\nwhile True: held.append(mmap.mmap(-1, 2**28{flags}))"
    return [
        at("heap", "held = [0]\nwhile True: held = held + held"),
        at("bytes", "held = []\nwhile True: held.append(bytes(2**26))"),
        at("array", "np.ones(2**40)"),
        at("private map", mapped.format(flags=", flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS"), ERROR, "Errno 12"),
        at("shared map", mapped.format(flags=", flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS"), ERROR, "Errno 12"),
        at("anonymous file", "os.memfd_create('hoard')\nprint('LEAK')", ERROR, "PermissionError"),
        at("shared segment", SYSCALL + CHECKED.format(call="libc.shmget(0, 2**30, 0o1600)"), ERROR, "Permission"),
        at("shared memory", FILL.format(prepare="f = open('/dev/shm/x', 'wb')", write="f.write(bytes(2**20))"), ERROR),
        at("device buffers", "held = []\nwhile True: held.append((jnp.ones(2**26) + len(held)).block_until_ready())"),
        at("temporary of a step", "", step="following += jnp.sort(jnp.arange(2**31) + activity[0, 0])[0]"),
    ]


TURNS = "following = jax.lax.fori_loop(0, 1_000_000, lambda i, f: f @ jnp.eye(4) * 0.9, following)"


def endless() -> list[Attack]:
    def at(name, top="", step="pass", seconds=1.0, body=""):
        return Attack("endless loop", name, program(top, step, body=body), TIMEOUT, "time limit", seconds=seconds)

    ignoring = (
        "for s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n"
    )
    return [
        at("Python", "while True: pass"),
        at("sleeping", "time.sleep(1e6)"),
        at("ignoring signals", ignoring + "while True: pass"),
        at("blocked signals", "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: time.sleep(1)"),
        at("one long operation", "9 ** 9 ** 9"),
        at("regular expression", "import re\nre.match('(a+)+$', 'a' * 60 + 'b')"),
        at("while tracing", step="time.sleep(1e6)", seconds=3.0),
        at("compiled", "jax.lax.while_loop(lambda x: x > -1, lambda x: x + 1e-9, 0.)", seconds=5.0),
        at("many turns", step=TURNS, seconds=3.0),
        at("stopped", "os.kill(os.getpid(), signal.SIGSTOP)"),
        at("reading its requests away", "while True: os.read(3, 2**20)"),
    ]


def disk() -> list[Attack]:
    def at(name, top, said):
        return Attack("disk filling", name, program(top), ERROR, said)

    return [
        at("one file", FILL.format(prepare="f = open('/tmp/x', 'wb')", write="f.write(bytes(2**20))"), "OSError"),
        at("many files", FILL.format(prepare="k = iter(range(10**9))", write="open(f'/tmp/{next(k)}', 'w')"), "full"),
        at("sparse file", "os.truncate(os.open('/tmp/x', os.O_RDWR | os.O_CREAT), 2**40)", "Error"),
        at("root", "open('/x', 'w')", "Read-only"),
        at("devices", "open('/dev/x', 'w')", "Read-only"),
        at("modes of devices", "os.chmod('/dev/null', 0o666)\nprint('LEAK')", "Read-only"),  # root's programs own it
        at("times of devices", "os.utime('/dev/urandom')\nprint('LEAK')", "Read-only"),
        at("libraries", "open(np.__file__, 'a').write('print(1)')", "Error"),
        at("harness", "open('/packages/zfbench/sandbox/worker.py', 'a')", "Error"),
    ]


def killing() -> list[Attack]:
    def at(name, top, status, said=""):
        return Attack("killing the parent", name, program(top), status, said)

    return [
        at("its parent", "os.kill(os.getppid(), signal.SIGKILL)\n1 / 0", ERROR, "ZeroDivisionError"),
        at("stopping its parent", "os.kill(os.getppid(), signal.SIGSTOP)\n1 / 0", ERROR, "ZeroDivisionError"),
        at("everybody", "os.kill(-1, signal.SIGKILL)", ERROR, "ProcessLookupError"),
        at("all numbers", "for k in range(1, 5000):\n  if k != os.getpid(): os.kill(k, 9)", ERROR, "ProcessLookup"),
        at("its group", "os.killpg(0, signal.SIGTERM)", ERROR, "signal 15"),
        at("itself", "os.abort()", ERROR, "signal 6"),
        at("leaving", "os._exit(0)", ERROR, "exited with code 0"),
        at("hanging up", "os.closerange(0, 256)\nwhile True: time.sleep(1)", ERROR, "closed"),
    ]


def patching() -> list[Attack]:
    def at(name, top, status=ERROR, said=""):
        return Attack("monkeypatching", name, program(top), status, said)

    quiet = "lambda *a, **k: None"
    return [
        at("jax", "jax.jit = jax.value_and_grad = jax.lax.scan = None", OK),
        at("jax.numpy", "jnp.tanh = jnp.mean = lambda *a, **k: 7\nimport math\nmath.isfinite = lambda x: True", OK),
        at("numpy", "np.asarray = np.isfinite = np.abs = lambda *a, **k: 0", said="Error"),
        at("optimiser", "import optax\noptax.scale_by_adam = lambda *a, **k: 1 / 0", OK),
        at(
            "trainer",
            f"import zfbench.forecasting.training as t\nt.Trainer.train = {quiet}",
            said="ModuleNotFoundError",
        ),
        at("tracer", "import zfbench.engine.trace as t\nt._Builder.run = lambda *a: []", INVALID, "One row of a step"),
        at("sender", f"import zfbench.sandbox.worker as w\nw.encode = {quiet}", said="exited with code 1"),
        at("failure reports", "import zfbench.sandbox.worker as w\nw._explain = 3\n1 / 0", said="exited with code 1"),
        at("clock", "time.monotonic = lambda: -1e9", OK),
        at("builtins", "import builtins\nbuiltins.print = builtins.open = builtins.input = None", OK),
        at(
            "task",
            "from zfbench.records.recordings import TaskSpec\nTaskSpec.masked = property(lambda s: 1 / 0)",
            said="Zero",
        ),
        at("modules", "sys.modules.clear()\n1 / 0", said="ZeroDivisionError"),
    ]


def forging() -> list[Attack]:
    def at(name, top, status=ERROR, said="damaged"):
        return Attack("forging results", name, program(FRAMES + top), status, said)

    fitted, swallow = f"forge('fitted', {REPORT})\n", "while True: os.read(3, 2**20)"

    return [
        at("noise", "forge = [os.write(4, b'x' * 64)]"),
        at("a score", "forge('fitted', {'loss': 0.0, 'mae': 0.0})"),
        at("a perfect report", f"forge('fitted', {REPORT} | dict(seconds=-1.0))"),
        at("more updates than it may take", f"forge('fitted', {REPORT} | dict(updates=2**52))"),
        at("an infinite report", f"forge('fitted', {REPORT} | dict(learning_rate=1e999))"),
        at("predictions of its own", f"{fitted}forge('path', {{}})\n{swallow}"),
        at("a step of noise", f"forge('traced', {{}}, [['step', 'uint8', [64]]], bytes(64))\n{swallow}"),
        at(
            "a step of a million bytes", f"forge('traced', {{}}, [['step', 'uint8', [2**20]]], bytes(2**20))\n{swallow}"
        ),
        at("success", "forge('failed', {'status': 'ok', 'message': 'all is well'})", said="did not say why"),
        at("another status", "forge('failed', {'status': ['ok'], 'message': 3})", said="did not say why"),
        at("an endless message", "os.write(4, struct.pack('>IQ', 100, 2**60))", said="too large"),
        at("an object", "import pickle\nos.write(4, pickle.dumps(print) * 9)"),
        at("standard output", f"print('fitted', {REPORT})\nprint('STATUS: ok LOSS: 0.0')\n1 / 0", said="ZeroDivision"),
        at("dtype of objects", "forge('fitted', {}, [['x', 'object', [1]]], bytes(8))"),
        at("nested header", "os.write(4, struct.pack('>IQ', 60000, 0) + b'[' * 60000)"),
    ]


def shapes() -> list[Attack]:
    def at(name, step="pass", said="", state="()", status=INVALID):
        return Attack("wrong shapes and dtypes", name, program(step=step, state=state), status, said)

    return [
        at("too wide", "following = jnp.tile(following, (1, 2))", "next_activity"),
        at("no batch", "following = following[0]", "next_activity"),
        at("integers", "following = following.astype(int)", "int32"),
        at("complex", "following = following + 1j", "complex"),
        at("half precision", "following = following.astype(jnp.float16)", "float16"),
        at("text", "following = 'activity'", "TypeError", status=ERROR),
        at("no pair", "return following", "pair"),
        at("growing state", "state = jnp.tile(state, (1, 2))", "returned state", "jnp.zeros((batch, 3))"),
        at("state without batch", said="initial_state", state="jnp.zeros(5)"),
        at("other batch", "following = jnp.zeros((7, 4)) + rate", "next_activity"),
        at("more collections", "self.variable('memory', 'x', lambda: jnp.zeros(3))", "params"),
    ]


def numbers() -> list[Attack]:
    def at(name, step, said, state="()"):
        return Attack("NaN", name, program(step=step, state=state), NON_FINITE, said)

    late = "state = state + 1; following = jnp.where(state[:, :1] > {at}, jnp.{what}, following)"
    warmed = 7  # steps of context that warm the state up
    return [
        at("at step 200", late.format(at=warmed + 199, what="nan"), "step 200 of 256", "jnp.zeros((batch, 1))"),
        at("infinite at step 100", late.format(at=warmed + 99, what="inf"), "step 100", "jnp.zeros((batch, 1))"),
        at("at once", "following = following * jnp.nan", "non-finite"),
        at("explosion", "following = following * 1e6 + rate", "non-finite"),
        at("gradient only", "following = following + 0 * jnp.sqrt(rate * 0.0)", "non-finite"),
    ]


def flooding() -> list[Attack]:
    def at(name, top, said, status=ERROR):
        return Attack("huge output", name, program(top), status, said, seconds=2.0)

    return [
        at("standard output", "for _ in range(200): print('x' * 100_000)\n1 / 0", "ZeroDivisionError"),
        at("standard error", "for _ in range(200): os.write(2, b'x' * 100_000)\n1 / 0", "ZeroDivisionError"),
        at("for ever", "while True: print('x' * 10_000)", "time limit", TIMEOUT),
        at("faster than it is read", FASTER, "time limit", TIMEOUT),
        at("no text", "os.write(1, bytes(range(256)) * 1000)\n1 / 0", "ZeroDivisionError"),
        at("message", "raise ValueError('x' * 10**7)", "ValueError"),
        at("terminal codes", "print('\\x1b[2J\\x1b]0;owned\\x07')\nraise ValueError('\\x1b[31m')", "ValueError"),
    ]


def recursion() -> list[Attack]:
    def at(name, source, status, said=""):
        return Attack("deep recursion", name, source, status, said)

    deep = "sys.setrecursionlimit(10**9)\nx = []\nfor _ in range(10**6): x = [x]\nrepr(x)"
    return [
        at("Python", program("def f(): return f()\nf()"), ERROR, "RecursionError"),
        at("the C stack", program(deep), ERROR),
        at("source", program("x = " + "(" * 5000 + ")" * 5000), INVALID, "does not parse"),
        at("operators", program("x = " + "-" * 30_000 + "1"), INVALID, "does not parse"),
        at("destructors", program("x = []\nfor _ in range(10**6): x = [x]\ndel x\n1 / 0"), ERROR, "ZeroDivision"),
    ]


def lingering() -> list[Attack]:
    def at(name, top, status=OK, said=""):
        return Attack("threads and daemons", name, program("import threading, atexit\n" + top), status, said)

    spin = "def spin():\n    while True: pass\n"
    return [
        at("daemon thread", spin + "threading.Thread(target=spin, daemon=True).start()\n1 / 0", ERROR, "ZeroDivision"),
        at("thread", spin + "threading.Thread(target=spin).start()\n1 / 0", ERROR, "ZeroDivision"),
        at("sleeping threads", "for _ in range(20): threading.Thread(target=time.sleep, args=(1e5,)).start()"),
        at("exit hook", "atexit.register(time.sleep, 1e5)\n1 / 0", ERROR, "ZeroDivision"),
        at("timer", "signal.setitimer(signal.ITIMER_REAL, 0.2)\ntime.sleep(60)", ERROR, "signal 14"),
        at("fork hooks", "os.register_at_fork(before=lambda: os._exit(1), after_in_child=lambda: os._exit(1))"),
        at("garbage", "class X:\n    def __del__(self): time.sleep(1e5)\nx = X()\n1 / 0", ERROR, "ZeroDivision"),
    ]


def importing() -> list[Attack]:
    def at(name, top, status=ERROR, said="ZeroDivisionError"):
        return Attack("import-time side effects", name, program(top), status, said)

    return [
        at("a note for the next", "open('/tmp/note', 'w').write('LEAK')\n1 / 0"),
        at("shared memory", "open('/dev/shm/note', 'w').write('LEAK')\n1 / 0"),
        at("a planted module", "open('/tmp/numpy.py', 'w').write('1/0')\nsys.path.insert(0, '/tmp')\n1 / 0"),
        at("surroundings", "os.environ['JAX_PLATFORMS'] = 'tpu'\nos.chdir('/tmp')\nos.umask(0)\n1 / 0"),
        at("priority and limits", "os.nice(19)\nimport resource\nresource.setrlimit(7, (8, 8))\n1 / 0"),
        at("another core", "os.sched_setaffinity(0, range(os.cpu_count()))", said="PermissionError"),
        at(
            "raising its limits", "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))", said="ValueError"
        ),
        at(
            "generators",
            "import random\nrandom.seed(0)\nnp.random.seed(0)\njax.config.update('jax_enable_x64', True)\n1 / 0",
        ),
        at("no Model at all", "raise KeyboardInterrupt", said="KeyboardInterrupt"),
    ]


def stealth() -> list[Attack]:
    def at(name, step, state="()", status=MASK, said="forbids"):
        return Attack("mask violation", name, program(step=step, state=state), status, said, masked=True)

    forbidden = "activity[:, 0]"  # neuron d may read itself and nothing else
    add = "following = following.at[:, 3].add({what})"
    return [
        at("openly", add.format(what=f"0.1 * {forbidden}")),
        at("a whisper", add.format(what=f"1e-5 * {forbidden}")),
        at("forbidden drive", add.format(what="0.1 * drive[:, 1]")),
        at("only where activity is large", add.format(what=f"jnp.where({forbidden} > 1.2, 0.1, 0.0)")),
        at("only where it is negative", add.format(what=f"jnp.where({forbidden} < -0.2, 0.1, 0.0)")),
        at("through the mean", add.format(what="0.1 * activity.mean(1)")),
        at("one bit of it", add.format(what=f"1e-3 * jnp.sign({forbidden} - 0.5)")),
        at(
            "through hidden state",
            "state = state.at[:, 3].set(activity[:, :1]); " + add.format(what="0.1 * state[:, 3, 0]"),
            "jnp.zeros((batch, 4, 1))",
        ),
        at("state shared by all", "state = state + activity", "jnp.zeros((batch, 3))", INVALID, "B, N, k"),
        at("through the batch", add.format(what=f"0.1 * {forbidden}.sum()")),
    ]


def construction() -> list[Attack]:
    def at(name, body="", top="", state="()", said="Error"):
        return Attack("exceptions in __init__", name, program(top, state=state, body=body), ERROR, said)

    unprintable = "class E(Exception):\n    def __str__(self): raise self\nraise E"
    return [
        at("__init__", "def __init__(self, **k): raise ValueError('no')", said="ValueError"),
        at("__post_init__", "def __post_init__(self): raise OSError('no')", said="OSError"),
        at("setup", "def setup(self): raise KeyError('no')"),
        at("initial state", state="1 / 0", said="ZeroDivisionError"),
        at("system exit", "def __post_init__(self): sys.exit('status: ok')", said="sys.exit"),
        at("generator exit", "def __post_init__(self): raise GeneratorExit", said="GeneratorExit"),
        at("unprintable", top=unprintable, said="exited with code 1"),
        Attack("exceptions in __init__", "not a class", program() + "\nModel = 3\n", INVALID, "subclass"),
    ]


def chance() -> list[Attack]:
    def at(name, top="", step="pass"):
        return Attack("non-determinism", name, program(top, step), OK)

    return [
        at("time", "seed = time.time_ns()", "following = following + seed % 97 / 1e4"),
        at("kernel's entropy", "seed = os.urandom(1)[0]", "following = following + seed / 1e4"),
        at("call by call", "calls = []", "calls.append(1); following = following + len(calls) / 1e4"),
    ]


def sources() -> list[Attack]:
    def at(name, source, status=INVALID, said=""):
        return Attack("strange sources", name, source, status, said)

    return [
        at("10 MB", program("#" * 10**7), said="bytes"),
        at("empty", "", said="Model"),
        at("null bytes", program("x = '\0'"), said="parse"),
        at("lone surrogate", program("x = '\ud800'"), said="parse"),
        at("no text", "\x7fELF\x02\x01\x01", said="parse"),
        at("right to left", program("# \u202e\nx = '\u2066'\n1 / 0"), ERROR, "ZeroDivision"),
        at("names that look alike", program("\u0430 = 1\nprint(a)"), ERROR, "NameError"),
        at(
            "messages",
            program("raise ValueError('\U0001f41f \\ud800')"),
            ERROR,
            "ValueError",
        ),
        at("declared encoding", "# -*- coding: utf-7 -*-\n" + program("+AHg-"), said="parse"),
        at("a million lines", "\n" * 60_000 + program("1 / 0"), ERROR, "ZeroDivision"),
    ]


FAMILIES = (
    *(reading, network, forking, hoarding, endless, disk, killing, patching, forging, shapes, numbers, flooding),
    *(recursion, lingering, importing, stealth, construction, chance, sources),
)
ATTACKS = [attack for family in FAMILIES for attack in family()]
