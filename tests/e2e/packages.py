"""Fetches Debian packages into the build folder and unpacks them there. Nothing is installed: servers that conflict as packages live in
folders of their own, and are run by the tests from there."""

import os
import pathlib
import subprocess


def fetch(build: pathlib.Path, name: str) -> pathlib.Path:
    """Returns the folder that `name` and what it needs beyond this system is unpacked in. Needs apt's archives only the first time."""
    root = build / "e2e" / "roots" / name
    if (root / ".complete").exists():
        return root
    archives = build / "e2e" / "debs" / name
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    command = ["apt-get", "install", "--download-only", "--reinstall", "--no-install-recommends", "-y", "-qq",
               "-o", f"Dir::Cache::archives={archives}", "-o", "APT::Sandbox::User=root", name]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=False)
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"cannot fetch the package {name}: {done.stderr.strip().splitlines()[-1:]}")
    root.mkdir(parents=True, exist_ok=True)
    for deb in sorted(archives.glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(deb), str(root)], check=True)
    (root / ".complete").touch()
    return root


def environment(root: pathlib.Path) -> dict:
    """The environment in which programs below `root` find the libraries that were unpacked with them."""
    folders = {str(library.parent) for library in root.glob("usr/lib/**/*.so*")}
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(sorted(folders))}
