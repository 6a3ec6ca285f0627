"""An ordinary user, with the little memory that may be locked: io_uring where the kernel has it, epoll where it has not."""

import ctypes
import os
import resource
import shutil
import struct
import subprocess

from lab import SLUICE, Lab, besides_the_sender

NOBODY = 65534
LOCKED_MEMORY = 8 << 20
COUNT = 3000
LIBC = ctypes.CDLL(None, use_errno=True)
IO_URING_SETUP = 425  # On every architecture.


def become_nobody():
    os.setgroups([])
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (LOCKED_MEMORY, LOCKED_MEMORY))
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def few_descriptors():
    become_nobody()
    resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80))


def refuse_io_uring():
    """From here on the kernel says EPERM to this process, as in a container. A seccomp filter: linux/seccomp.h, linux/filter.h."""
    load, jump, give = 0x20, 0x15, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
    allow, refuse = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with EPERM
    program = b"".join(struct.pack("=HBBI", *step) for step in (
        (load, 0, 0, 0), (jump, 0, 1, IO_URING_SETUP), (give, 0, 0, refuse), (give, 0, 0, allow)))
    steps = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(steps))
    set_no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    if LIBC.prctl(set_no_new_privileges, 1, 0, 0, 0) != 0 or LIBC.prctl(set_seccomp, filter_mode, header, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no seccomp filter")


def nobody_without_io_uring():
    become_nobody()
    refuse_io_uring()


def io_uring_refusal() -> str:
    """Why the kernel gives nobody an io_uring; empty: it does."""
    probe = f"import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); " \
            f"fd = libc.syscall({IO_URING_SETUP}, 8, ctypes.create_string_buffer(120)); print('' if fd >= 0 else os.strerror(ctypes.get_errno()))"
    return subprocess.run(["/usr/bin/python3", "-c", probe], capture_output=True, text=True, check=True, preexec_fn=become_nobody).stdout.strip()


class UnprivilegedTest(Lab):
    def setUp(self):
        super().setUp()
        self.program = self.path("sluice")  # The build folder may be closed to others.
        shutil.copy(SLUICE, self.program)
        self.path("state").mkdir()
        os.chown(self.path("state"), NOBODY, NOBODY)
        self.rows([f"user{number}@d{number % 20}.example" for number in range(COUNT)])
        self.campaign()
        self.receivers = self.sandbox()

    def send(self, io, become, code=0):
        self.config(dns=self.receivers.dns, port=self.receivers.port, engine=f'io = "{io}"\nshards = 2')
        command = [self.program, *self.command("send", "campaign.toml", "--progress", "off")[1:]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=self.folder, preexec_fn=become)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def check_everyone_has_it(self):
        self.assertEqual(self.report()["totals"]["delivered"], COUNT)
        seen = self.receivers.end()
        self.assertEqual({row["accepted"] for row in seen.values()}, {1})
        self.assertEqual(len(seen), COUNT)

    def test_io_uring_with_eight_megabytes_of_locked_memory(self):
        refusal = io_uring_refusal()
        if refusal:
            self.skipTest(f"the kernel refuses io_uring: {refusal}")
        self.assertEqual(besides_the_sender(self.send("io_uring", become_nobody).stderr), "")
        self.check_everyone_has_it()

    def test_epoll_where_io_uring_is_refused(self):
        done = self.send("io_uring", nobody_without_io_uring, code=1)
        self.assertRegex(besides_the_sender(done.stderr), r"^sluice: .*io_uring.*\n$")
        done = self.send("auto", nobody_without_io_uring)
        self.assertRegex(besides_the_sender(done.stderr), r"^sluice: .*io_uring.*; using epoll\n$")
        self.check_everyone_has_it()

    def test_too_few_descriptors_for_all_shards_are_an_error_and_nobody_is_lost(self):
        self.config(dns=self.receivers.dns, port=self.receivers.port, engine="shards = 64")
        command = [self.program, *self.command("send", "campaign.toml", "--progress", "off")[1:]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=self.folder, preexec_fn=few_descriptors)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(besides_the_sender(done.stderr), r"^sluice: .*[Tt]oo many open files.*\n$")
        self.send("auto", become_nobody)
        self.check_everyone_has_it()
