#!/usr/bin/env python3
"""Holds the sources to the project's rules: layers, sizes, words, paths and format. One line per finding; exit code 1 when there is one.

Usage: tests/tidy/check.py [--root FOLDER] [--no-format]
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path

import layers
import source_text
import words

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 70
CODE = {".h", ".cc"}
SIZED = {".h", ".cc", ".py", ".sh"}
TEXT = SIZED | {".md", ".txt", ".cmake", ".toml", ".json", ".html", ".csv", ".yml", ".yaml", ""}
SKIPPED_FOLDERS = {"build", "__pycache__", "node_modules"}
WORD_LISTS = "tests/tidy/*.py"   # they must name what they forbid
CLANG_FORMAT = "clang-format-14"
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+["<]([^">]+)[">]', re.MULTILINE)


def source_files(root):
    """The project's files, relative to `root`, in order. Hidden folders and build folders are none."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS and not (f.startswith(".") and f != ".ci"))
        # ".git" is a file in a worktree.
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names if name != ".git"]
    return sorted(path for path in found if Path(path).suffix in TEXT and not os.path.islink(os.path.join(root, path)))


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def check_layers(path, text):
    for match in INCLUDE.finditer(text):
        fault = layers.include_fault(path, match.group(1))
        if fault:
            yield line_of(text, match.start(1)), fault


def check_sizes(path, text):
    count = text.count("\n") + (not text.endswith("\n") and text != "")
    if count > MAX_FILE_LINES:
        yield count, f"{count} lines; at most {MAX_FILE_LINES}: split it"
    readers = {".py": source_text.python_functions, ".sh": source_text.shell_functions}
    try:
        functions = list(readers.get(Path(path).suffix, source_text.cpp_functions)(text))
    except SyntaxError as error:
        yield error.lineno or 1, f"not Python: {error.msg}"
        return
    for name, first, last in functions:
        if last - first + 1 > MAX_FUNCTION_LINES:
            yield first, f"{name} has {last - first + 1} lines; at most {MAX_FUNCTION_LINES}: split it"


def find_words(path, text, table):
    for pattern, instead, allowed in words.compiled(table):
        if any(fnmatchcase(path, place) for place in allowed):
            continue
        for match in pattern.finditer(text):
            yield line_of(text, match.start()), f'"{match.group(0).strip()}" may not stand here; instead: {instead}'


def check_words(path, text):
    suffix = Path(path).suffix
    if suffix in CODE:
        yield from find_words(path, source_text.code_only(text), words.CODE_WORDS)
        yield from find_words(path, text, [(*words.RELATIVE_INCLUDE, [])])
    elif suffix == ".py":
        yield from find_words(path, re.sub(r"#.*", "", text), words.PYTHON_WORDS)
    elif suffix == ".sh" or path == ".ci/run":
        yield from find_words(path, re.sub(r"(^|\s)#.*", "", text), words.SHELL_WORDS)
    yield from find_words(path, text, words.TEXT_WORDS)
    yield from find_words(path, text, [(*entry, []) for entry in words.MACHINE_PATHS])


def check_header(path, text):
    if Path(path).suffix == ".h" and "#pragma once" not in text:
        yield 1, "no #pragma once"


def check_format(root, paths):
    """Yields (path, line, fault). Without clang-format there is nothing to say; main tells."""
    def unformatted(path):
        run = subprocess.run([CLANG_FORMAT, "--dry-run", "-Werror", path], cwd=root, capture_output=True, text=True)
        first = re.search(r":(\d+):\d+: error", run.stderr)
        return (path, int(first.group(1)) if first else 1, f"not formatted; run {CLANG_FORMAT} -i {path}") if run.returncode else None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from (finding for finding in pool.map(unformatted, paths) if finding)


def check_file(root, path):
    try:
        text = Path(root, path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return [(path, 1, "not UTF-8")] if Path(path).suffix in SIZED else []
    findings = []
    suffix = Path(path).suffix
    if suffix in CODE:
        findings += [*check_layers(path, text), *check_header(path, text)]
    if suffix in SIZED:
        findings += check_sizes(path, text)
    if not fnmatchcase(path, WORD_LISTS):
        findings += check_words(path, text)
    return [(path, line, fault) for line, fault in findings]


def check_tree(root, with_format):
    paths = source_files(root)
    findings = [finding for path in paths for finding in check_file(root, path)]
    if with_format:
        findings += check_format(root, [path for path in paths if Path(path).suffix in CODE])
    return sorted(findings), len(paths)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=str(Path(__file__).resolve().parents[2]), help="the repository")
    parser.add_argument("--no-format", action="store_true", help="without clang-format")
    options = parser.parse_args()
    with_format = not options.no_format and shutil.which(CLANG_FORMAT) is not None
    findings, count = check_tree(options.root, with_format)
    for path, line, fault in findings:
        print(f"{path}:{line}: {fault}")
    skipped = "" if with_format else f" (format not checked: {CLANG_FORMAT} is missing or not wanted)"
    print(f"tidy: {count} files, {len(findings)} findings{skipped}", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
