#!/usr/bin/env python3
"""End-to-end tests: the built program against real servers. usage: tests/e2e/run.py --build DIR [--soak] [--jobs N] [TEST...]

Each class of tests runs in a network namespace of its own with nothing but loopback, so that no mistake can send mail out and as many
run side by side as there are cores. That needs root."""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
INSIDE = "SLUICE_E2E_INSIDE"
# They take the longest and begin first, so that no core ends alone.
LONG = ("ControlTest", "HostileTemplatesTest", "KillTest", "MaliciousServersTest", "ScenarioTest", "SenderTest", "SitesTest")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the build folder that has the program")
    parser.add_argument("--soak", action="store_true", help="the long tests too")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="test classes at once (default: one per core)")
    parser.add_argument("tests", nargs="*", help="as unittest names them; default: all")
    return parser.parse_args()


def load(names):
    loader = unittest.TestLoader()
    return loader.loadTestsFromNames(names) if names else loader.discover(str(HERE), pattern="test_*.py")


def each_test(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from each_test(test)
        else:
            yield test


def by_class(tests) -> list[list[str]]:
    """The names of the tests, a list for each class, long ones first."""
    classes: dict[type, list[str]] = {}
    for test in tests:
        classes.setdefault(type(test), []).append(test.id())
    return [classes[kind] for kind in sorted(classes, key=lambda kind: kind.__name__ not in LONG)]


def run_inside(names) -> int:
    import machine
    missing = machine.missing_privilege()
    if missing:
        sys.exit(f"{sys.argv[0]}: {missing}")
    result = unittest.TextTestRunner(verbosity=2).run(load(names))
    return 0 if result.wasSuccessful() and result.testsRun > 0 else 1


def failures_of(output) -> list[str]:
    """For each test that failed its name and the end of its trace: CI keeps the last lines of a long output and cuts out the middle."""
    failures = []
    for name, trace in re.findall(r"^={70}\n((?:FAIL|ERROR): [^\n]*)\n-{70}\n(.*?)\n\n(?=={70}\n|-{70}\n)", output, re.MULTILINE | re.DOTALL):
        lines = trace.rstrip().splitlines()[1:]
        kept = lines if len(lines) <= 15 else [*lines[:7], "  ...", *lines[-7:]]
        failures.append("\n".join([name, *(line[:400] for line in kept)]))
    return failures


def run_in_namespaces(options) -> int:
    groups = by_class(each_test(load(options.tests)))
    common = ["unshare", "--mount", "--net", "--fork", "--kill-child", "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
              sys.executable, __file__, "--build", options.build, *(["--soak"] if options.soak else [])]
    begin = time.monotonic()

    def run(names):
        start = time.monotonic()
        done = subprocess.run([*common, *names], env={**os.environ, INSIDE: "1"}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return names, done, time.monotonic() - start

    count, failed, failures = 0, [], []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for task in concurrent.futures.as_completed([pool.submit(run, names) for names in groups]):
            names, done, seconds = task.result()
            ran = re.search(r"^Ran (\d+) test", done.stdout, re.MULTILINE)
            count += int(ran[1]) if ran else 0
            if done.returncode != 0:
                failed.append(names[0].rsplit(".", 1)[0])
                failures += failures_of(done.stdout) or [f"{failed[-1]} ended with {done.returncode} and named no test\n" + done.stdout[-1000:]]
            print(f"{done.stdout.strip()}\n== {names[0].rsplit('.', 1)[0]}: {seconds:.1f} s\n", flush=True)
    for failure in failures:
        print(failure)
    print(f"{count} end-to-end tests in {time.monotonic() - begin:.0f} s: " + (f"FAILED: {' '.join(failed)}" if failed else "all passed"))
    return 1 if failed or count == 0 else 0


def main() -> int:
    options = parse_arguments()
    options.build = options.build.resolve()
    if not (options.build / "sluice").exists():
        sys.exit(f"{sys.argv[0]}: there is no program in {options.build}; build it first")
    if os.geteuid() != 0:
        sys.exit(f"{sys.argv[0]}: needs root: the tests make network namespaces of their own")
    os.environ["SLUICE_BUILD"] = str(options.build)
    os.environ["SLUICE_SOAK"] = "1" if options.soak else ""
    sys.path.insert(0, str(HERE))
    if os.environ.get(INSIDE) is not None:
        return run_inside(options.tests)

    import packages
    probe = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True, text=True)
    if probe.returncode != 0:
        sys.exit(f"{sys.argv[0]}: may not make namespaces (needs CAP_SYS_ADMIN): {probe.stderr.strip()}")
    for name in packages.WANTED:  # While there still is a network.
        packages.fetch(options.build, name)
    return run_in_namespaces(options)


if __name__ == "__main__":
    sys.exit(main())
