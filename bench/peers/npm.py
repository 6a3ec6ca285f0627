"""Packages of npm, unpacked into the build folder; nothing is installed."""

import pathlib
import shutil
import subprocess
import tempfile

LONGEST = 60  # Seconds that one may take.


def folder(build: pathlib.Path, name: str) -> pathlib.Path:
    return build / "e2e" / "npm" / name


def fetch(build: pathlib.Path, name: str, version: str):
    """Unpacks a package of npm, without those that it needs, into the build folder. Where npm cannot, nothing is there."""
    unpacked = folder(build, name)
    if unpacked.exists() or shutil.which("npm") is None:
        return
    with tempfile.TemporaryDirectory(dir=build) as scratch:
        try:
            done = subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=scratch, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True, timeout=LONGEST, check=True)
        except subprocess.SubprocessError:
            return
        subprocess.run(["tar", "-xzf", done.stdout.split()[-1]], cwd=scratch, check=True)
        unpacked.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(pathlib.Path(scratch) / "package", unpacked)  # Whole, or not there.
