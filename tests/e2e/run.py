#!/usr/bin/env python3
"""End-to-end tests: the built program against real servers. usage: tests/e2e/run.py --build DIR [--soak] [TEST...]

Everything runs in a network namespace with nothing but loopback, so that no mistake can send mail out. That needs root."""

import argparse
import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
INSIDE = "SLUICE_E2E_INSIDE"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the build folder that has the program")
    parser.add_argument("--soak", action="store_true", help="the long tests too")
    parser.add_argument("tests", nargs="*", help="as unittest names them; default: all")
    options = parser.parse_args()
    build = options.build.resolve()
    if not (build / "sluice").exists():
        sys.exit(f"{sys.argv[0]}: there is no program in {build}; build it first")
    if os.geteuid() != 0:
        sys.exit(f"{sys.argv[0]}: needs root: the tests make network namespaces of their own")

    sys.path.insert(0, str(HERE))
    import packages
    if os.environ.get(INSIDE) is None:
        probe = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True, text=True)
        if probe.returncode != 0:
            sys.exit(f"{sys.argv[0]}: may not make namespaces (needs CAP_SYS_ADMIN): {probe.stderr.strip()}")
        for name in packages.WANTED:  # While there still is a network.
            packages.fetch(build, name)
        command = ["unshare", "--mount", "--net", "--fork", "--kill-child", "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
                   sys.executable, __file__, *sys.argv[1:]]
        return subprocess.run(command, env={**os.environ, INSIDE: "1"}).returncode

    import machine
    missing = machine.missing_privilege()
    if missing:
        sys.exit(f"{sys.argv[0]}: {missing}")
    os.environ["SLUICE_BUILD"] = str(build)
    os.environ["SLUICE_SOAK"] = "1" if options.soak else ""
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(options.tests) if options.tests else loader.discover(str(HERE), pattern="test_*.py")
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    return 0 if result.wasSuccessful() and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
