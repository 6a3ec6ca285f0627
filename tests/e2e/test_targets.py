"""bench/targets.py: each target has a command that works, and the figures of its table are those of the runs."""

import json
import pathlib
import subprocess
import sys
import unittest

from lab import BUILD, Lab

TARGETS = pathlib.Path(__file__).resolve().parents[2] / "bench" / "targets.py"


class TargetsTest(Lab):
    def run_targets(self, *arguments) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, TARGETS, "--build", BUILD, *arguments], capture_output=True, text=True, timeout=120,
                              env={"TMPDIR": str(self.folder), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"})

    def test_targets_are_measured_and_told_as_a_table(self):
        # One of each kind: beside OpenSSL, CPU time, rates, memory, round trips, a ratio of two scenarios, killed and recovered.
        chosen = ["T1", "T3", "T5", "T6", "T8", "T9", "T10", "T12"]
        done = self.run_targets("--smoke", "--only", ",".join(chosen), "--json", str(self.path("targets.json")))
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        read = json.loads(self.path("targets.json").read_text())
        self.assertEqual(list(read["targets"]), chosen)
        runs = read["rounds"][0]
        for name, found in read["targets"].items():
            self.assertEqual(found["pairs"], 1)
            self.assertEqual(found["best"], found["median"], name)
            self.assertGreater(found["best"], 0, name)
            self.assertTrue(any(line.startswith(f"| {name} |") for line in done.stdout.splitlines()), done.stdout)
        self.assertEqual(read["targets"]["T3"]["best"], runs["plain"]["cpu_us_per_message"])
        self.assertEqual(read["targets"]["T10"]["best"], runs["rsa, no ledger"]["cpu_us_per_message"] / runs["rsa"]["cpu_us_per_message"])
        self.assertEqual(runs["rsa, no ledger"]["whole_run"]["recorded"], None)
        self.assertEqual(runs["many"]["settings"]["connections"], 100)
        self.assertGreater(runs["large"]["ledger_mb"], 0)

    def test_a_target_that_is_not_there_is_said(self):
        done = self.run_targets("--only", "T1,T99")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("there is no target T99; there are T1, T2,", done.stderr)


if __name__ == "__main__":
    unittest.main()
