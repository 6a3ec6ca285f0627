#!/usr/bin/env python3
"""Runs clang-tidy over the sources of a compile database, in parallel. A source that passed is not looked at again until it, something it
includes, its compile command or .clang-tidy changes: the build folder remembers.

Usage: tests/tidy/clang_tidy.sh BUILD_FOLDER [PATH_PREFIX...]
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CLANG_TIDY = "clang-tidy-14"
INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)
SECONDS_PER_FILE = 600


def included_files(root, file):
    """`file` and all project files it includes, in a fixed order."""
    seen = set()
    waiting = [Path(file)]
    while waiting:
        path = waiting.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        waiting += [Path(root, name.decode(errors="replace")) for name in INCLUDE.findall(path.read_bytes())]
    return sorted(seen)


def key_of(root, entry):
    key = hashlib.sha256()
    for part in (entry.get("command") or " ".join(entry["arguments"]), Path(root, ".clang-tidy").read_text(encoding="utf-8")):
        key.update(part.encode() + b"\0")
    for path in included_files(root, entry["file"]):
        key.update(str(path.relative_to(root) if path.is_relative_to(root) else path).encode() + b"\0" + path.read_bytes() + b"\0")
    return key.hexdigest()


def run(build, file):
    try:
        result = subprocess.run([CLANG_TIDY, "--quiet", "-p", str(build), file], capture_output=True, text=True, timeout=SECONDS_PER_FILE)
    except subprocess.TimeoutExpired:
        return f"{file}:1: clang-tidy did not end within {SECONDS_PER_FILE} s"
    if result.returncode == 0:
        return ""
    # An error of clang-tidy itself has nothing on standard output.
    return result.stdout.strip() or result.stderr.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", help="the build folder, with compile_commands.json")
    parser.add_argument("prefixes", nargs="*", help="only sources below these paths, such as engine/smtp")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if shutil.which(CLANG_TIDY) is None:
        print(f"clang_tidy: {CLANG_TIDY} is missing; install it, or run tools/install_packages.sh test", file=sys.stderr)
        return 2
    root = Path(__file__).resolve().parents[2]
    build = Path(options.build).resolve()
    database = build / "compile_commands.json"
    if not database.is_file():
        print(f"clang_tidy: {database} is missing; configure with -DCMAKE_EXPORT_COMPILE_COMMANDS=ON", file=sys.stderr)
        return 2
    entries = {}
    for entry in json.loads(database.read_text(encoding="utf-8")):
        path = Path(entry["file"])
        if not path.is_relative_to(root) or path.is_relative_to(build):
            continue
        if not options.prefixes or str(path.relative_to(root)).startswith(tuple(options.prefixes)):
            entries[entry["file"]] = entry
    cache = build / "clang_tidy_passed"
    cache.mkdir(exist_ok=True)

    def judge(entry):
        mark = cache / key_of(root, entry)
        if mark.exists():
            return None
        findings = run(build, entry["file"])
        if not findings:
            mark.touch()
        return findings

    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(judge, [entries[file] for file in sorted(entries)]))
    failed = [text for text in results if text]
    for text in failed:
        print(text)
    remembered = sum(1 for text in results if text is None)
    print(f"clang_tidy: {len(results)} sources, {remembered} unchanged since they passed, {len(failed)} with findings", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
