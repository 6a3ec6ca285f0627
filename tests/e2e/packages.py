"""Fetches Debian packages into the build folder and unpacks them there. Nothing is installed: servers that conflict as packages live in
folders of their own, and are run by the tests from there."""

import os
import pathlib
import subprocess

# Everything that the tests run.
WANTED = ("nsd", "knot", "postfix", "sasl2-bin", "exim4-daemon-heavy", "opensmtpd", "python3-aiosmtpd")
# Of Debian 13, with Debian 13's libraries: the STARTTLS of Debian 12's OpenSMTPD breaks in every handshake ("missing private key"), because
# its separation of privileges does not work with OpenSSL 3.
OTHER_RELEASE = {"opensmtpd": "trixie"}
MIRROR = "http://deb.debian.org/debian"


def apt_get(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", *arguments], capture_output=True, text=True)


def other_release(build: pathlib.Path, release: str) -> list:
    """Options with which apt knows the packages of that release and none that is installed here: the C library comes with a package, too."""
    folder = build / "e2e" / "apt" / release
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    sources = folder / "sources.list"
    sources.write_text(f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {MIRROR} {release} main\n")
    return ["-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-", "-o", f"Dir::State::lists={folder}/lists",
            "-o", f"Dir::State::status={folder}/status", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="]


def fetch(build: pathlib.Path, name: str) -> pathlib.Path:
    """Returns the folder that `name` and what it needs beyond this system is unpacked in. Needs apt's archives only the first time."""
    root = build / "e2e" / "roots" / name
    if (root / ".complete").exists():
        return root
    options = other_release(build, OTHER_RELEASE[name]) if name in OTHER_RELEASE else []
    archives = build / "e2e" / "debs" / name
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    command = ["install", "--download-only", "--reinstall", "--no-install-recommends", "-y", *options,
               "-o", f"Dir::Cache::archives={archives}", name]
    done = apt_get(*command)
    if done.returncode != 0:
        apt_get("update", *options)
        done = apt_get(*command)
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
