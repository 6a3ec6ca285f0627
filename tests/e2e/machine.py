"""A machine of its own for a server: this system's files with unpacked packages over them, in a mount and a process namespace.

Inside, the server's compiled-in paths are simply right; this system's files stay as they are. What it writes lives in memory, outlives its
processes (they can be killed and started again) and goes with the test."""

import os
import pathlib
import shlex
import signal
import subprocess
import tempfile

from servers import Process

# On the host these are links into usr; a real folder of that name in a package would hide the link.
MERGED_FOLDERS = ("bin", "sbin", "lib")
ENTER = 'mount -t proc proc proc && mount --rbind /dev dev && exec chroot . "$@"'


def run(*command, **options) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{shlex.join(map(str, command))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def missing_privilege() -> str:
    """What the tests lack to make such machines; empty if nothing. To be asked inside the mount namespace."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            Overlay(pathlib.Path(folder) / "probe").remove()
        except RuntimeError as error:
            return f"may not mount an overlay of the root file system (needs CAP_SYS_ADMIN and overlayfs): {error}"
    return ""


class Overlay:
    """The root file system, writable: changes go to a tmpfs in `folder`."""

    def __init__(self, folder: pathlib.Path, roots=()):
        folder.mkdir()
        self.folder = folder
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
        upper, work, self.root = folder / "upper", folder / "work", folder / "root"
        for path in (upper, work, self.root):
            path.mkdir()
        for root in roots:
            for path in root.iterdir():
                if path.is_dir():
                    target = upper / "usr" / path.name if path.name in MERGED_FOLDERS else upper / path.name
                    target.mkdir(parents=True, exist_ok=True)
                    run("cp", "-a", f"{path}/.", target)
        try:
            run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", self.root)
        except RuntimeError:
            run("umount", folder)
            raise

    def remove(self):
        run("umount", "--recursive", self.folder)


class Machine:
    """Starts one server. Subclasses write its configuration; `start` and `kill` may alternate."""

    def __init__(self, folder: pathlib.Path, roots):
        self.overlay = Overlay(folder, roots)
        self.root = self.overlay.root
        self.log = folder / "log"
        self.process = None
        self.starts = 0
        # The name service of the host is not reachable from here; nobody should wait for it.
        (self.root / "etc/resolv.conf").unlink(missing_ok=True)
        self.write("etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")

    def write(self, path: str, text: str, mode=0o644) -> pathlib.Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)
        return target

    def add_user(self, name: str, identity: int, home: str):
        """A user and group that the package's own scripts would have made."""
        with open(self.root / "etc/passwd", "a") as users, open(self.root / "etc/group", "a") as groups:
            users.write(f"{name}:x:{identity}:{identity}::{home}:/usr/sbin/nologin\n")
            groups.write(f"{name}:x:{identity}:\n")

    def mail_folder(self, path: str, owner: int) -> pathlib.Path:
        folder = self.root / path
        folder.mkdir(parents=True)
        os.chown(folder, owner, owner)
        return folder

    def run(self, *command, **options) -> str:
        """Runs a program of the package inside, to its end."""
        return run("chroot", self.root, *command, **options)

    def start(self, *command):
        self.starts += 1
        self.process = Process(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh", *command],
                               self.log.with_name(f"log.{self.starts}"), cwd=self.root)

    def kill(self):
        """kill -9 of all its processes at once, as a power failure would. Returns when every one has gone."""
        if self.process is None or self.process.popen.poll() is not None:
            return
        parent = self.process.popen.pid
        for child in pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)  # The first process of the namespace: the kernel ends the others before it.
        self.process.popen.wait()

    def remove(self):
        if self.process is not None and self.process.popen.poll() is None:
            self.kill()
        self.overlay.remove()

    def text(self) -> str:
        """All logs, of every start."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.log.parent.glob("log.*")))
