"""A seccomp filter: the system calls that a candidate program does without.

A candidate computes. It needs threads and memory, and no other process, no socket, no debugger, and none of the
corners of the kernel where most privilege escalations were found. What is denied here is denied in a process that has
no privilege anyway: the filter is the second lock on each of these doors, but the only one on memory that the limit of
the address space does not count.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

# System call numbers on x86_64 and aarch64; None where the call does not exist.
PROCESSES = {"fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281)}
NETWORK = {"socket": (41, 198), "socketpair": (53, 199), "io_uring_setup": (425, 425)}
UNCOUNTED_MEMORY = {
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
}
DEBUGGING = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
}
NAMESPACES_AND_MOUNTS = {
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
}
KERNEL_CORNERS = {
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "syslog": (103, 116),
    "modify_ldt": (154, None),
}
MEETING_OTHERS = {  # through files that both can read
    "flock": (73, 32),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
}
CACHE_OF_FILES = {  # what the kernel has read outlives every process: a channel from one program to the next
    "preadv2": (327, 286),
    "pwritev2": (328, 287),
    "fadvise64": (221, 223),
    "readahead": (187, 213),
    "mincore": (27, 232),
    "cachestat": (451, 451),
    "io_setup": (206, 0),
}
OTHERS_CORES = {"sched_setaffinity": (203, 122)}  # each keeps to the cores of its worker
DENIED = (
    PROCESSES
    | NETWORK
    | UNCOUNTED_MEMORY
    | DEBUGGING
    | NAMESPACES_AND_MOUNTS
    | KERNEL_CORNERS
    | MEETING_OTHERS
    | CACHE_OF_FILES
    | OTHERS_CORES
)
CLONE, CLONE3 = (56, 220), (435, 435)
CLONE_THREAD = 0x10000
FCNTL, F_SETLEASE, F_NOTIFY = (72, 25), 1024, 1026  # which tell of other processes' use of a file
PRLIMIT64 = (302, 261)  # of no other process

MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, AUDIT_ARCH
X32 = 0x40000000  # x86_64's second table of system calls, closed whole

LOAD, AND, EQUAL, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06  # classic BPF
ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER, ARCHITECTURE, FIRST_ARGUMENT, SECOND_ARGUMENT = 0, 4, 16, 24  # offsets in struct seccomp_data
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


def supported() -> bool:
    """Whether the numbers above are this machine's."""
    return platform.machine() in MACHINES


def filter_program(machine: str) -> list[Instruction]:
    """The filter for a machine: threads may be made, processes not; `DENIED`, leases, others' limits give EPERM."""
    column, audit = MACHINES[machine]
    denied = [numbers[column] for numbers in DENIED.values() if numbers[column] is not None]
    program: list[Instruction] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, audit),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32),
        (RETURN, 0, 0, FAIL | errno.EPERM),
    ]
    for number in denied:
        program += [(EQUAL, 0, 1, number), (RETURN, 0, 0, FAIL | errno.EPERM)]  # type: ignore[list-item]
    return [
        *program,
        (EQUAL, 0, 1, CLONE3[column]),  # its flags lie in memory, out of the filter's sight: libc falls back to clone
        (RETURN, 0, 0, FAIL | errno.ENOSYS),
        (EQUAL, 0, 5, FCNTL[column]),
        (LOAD, 0, 0, SECOND_ARGUMENT),
        (EQUAL, 1, 0, F_SETLEASE),
        (EQUAL, 0, 1, F_NOTIFY),
        (RETURN, 0, 0, FAIL | errno.EPERM),
        (RETURN, 0, 0, ALLOW),
        (EQUAL, 0, 4, PRLIMIT64[column]),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (EQUAL, 0, 1, 0),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, FAIL | errno.EPERM),
        (EQUAL, 1, 0, CLONE[column]),
        (RETURN, 0, 0, ALLOW),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (AND, 0, 0, CLONE_THREAD),
        (EQUAL, 0, 1, CLONE_THREAD),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, FAIL | errno.EPERM),
    ]


def install() -> None:
    """Confine the calling thread, and all that it will start, for good.

    Raises:
        OSError: the kernel has no seccomp filters.
    """
    instructions = filter_program(platform.machine())
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *i) for i in instructions))
    program = struct.pack("HP", len(instructions), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, MODE_FILTER, program, 0, 0)):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
