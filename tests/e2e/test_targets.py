"""bench/targets.py: each target has a command that works, and the figures of its table are those of the runs."""

import json
import pathlib
import subprocess
import sys
import unittest

from lab import BUILD, Lab

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))
import measuring  # noqa: E402  It lies beside the script.
import targets  # noqa: E402


class ScriptLab(Lab):
    def run_script(self, name, *arguments) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, BENCH / name, "--build", BUILD, *arguments], capture_output=True, text=True, timeout=300,
                              env={"TMPDIR": str(self.folder), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"})


class TargetsTest(ScriptLab):
    def run_targets(self, *arguments) -> subprocess.CompletedProcess:
        return self.run_script("targets.py", *arguments)

    def test_targets_are_measured_and_told_as_a_table(self):
        # All but those that need perf: beside OpenSSL, CPU time, rates, shards, memory, round trips, ratios of two scenarios, killed and recovered.
        chosen = [name for name in targets.TARGETS if not name.startswith("T4")]
        done = self.run_targets("--smoke", "--only", ",".join(chosen), "--json", str(self.path("targets.json")))
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        read = json.loads(self.path("targets.json").read_text())
        self.assertEqual(list(read["targets"]), chosen)
        runs = read["rounds"][0]
        for name, found in read["targets"].items():
            self.assertEqual(found["pairs"], 1)
            self.assertEqual(found["best"], found["median"], name)
            self.assertGreater(found["best"], 0, name)
            self.assertEqual(found["sink_bound"], {side: 1 for side in targets.TARGETS[name].sides if runs[side].get("sink_bound")})
            self.assertTrue(any(line.startswith(f"| {name} |") for line in done.stdout.splitlines()), done.stdout)
        self.assertEqual(read["targets"]["T3"]["best"], runs["plain"]["cpu_us_per_message"])
        self.assertEqual(read["targets"]["T10"]["best"], runs["rsa, no ledger"]["cpu_us_per_message"] / runs["rsa"]["cpu_us_per_message"])
        self.assertEqual(runs["rsa, no ledger"]["whole_run"]["recorded"], None)
        self.assertEqual(runs["two shards"]["settings"]["shards"], 2)
        self.assertEqual(runs["many"]["settings"]["connections"], 100)
        self.assertGreater(runs["large"]["ledger_mb"], 0)
        self.assertIn("The whole ledger of T12 was read in ", done.stdout)

    def test_the_engines_own_code_is_measured_where_there_is_perf(self):
        done = self.run_targets("--smoke", "--only", "T2,T4,T4u", "--json", str(self.path("targets.json")))
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        read = json.loads(self.path("targets.json").read_text())
        if (why := measuring.why_no_perf()) is not None:
            self.assertIn(f"T4 is not measured: {why}", done.stdout)
            self.assertEqual(list(read["targets"]), ["T2"])
            return
        self.assertEqual(list(read["targets"]), ["T2", "T4", "T4u"])
        for name, side in (("T4", "profiled"), ("T4u", "profiled, unsigned")):
            run = read["rounds"][0][side]
            self.assertEqual(run["messages"], 1000)
            self.assertEqual(read["targets"][name]["best"], run["own_us_per_message"])
            self.assertAlmostEqual(sum(run["own_us_by_place"].values()), run["own_us_per_message"])
            self.assertLessEqual({"RSA", "crypto", "kernel"} & set(run["own_us_by_place"]), set(), "they do not count")
            self.assertGreater(run["own_us_per_message"], 0)

    def test_a_target_that_is_not_there_is_said(self):
        done = self.run_targets("--only", "T1,T99")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("there is no target T99; there are T1, T2,", done.stderr)

    def test_where_the_sink_was_the_limit_the_table_says_so(self):
        def run(us, bound):
            return {"cpu_us_per_message": us, "sink_bound": bound}
        rounds = [{"tls, no ledger": run(9, True), "tls": run(10, False)}, {"tls, no ledger": run(8, True), "tls": run(10, None)},
                  {"tls, no ledger": run(9, False), "tls": run(10, False)}]
        found = targets.figures_of(targets.TARGETS["T10u"], rounds)
        self.assertEqual(found["sink_bound"], {"tls, no ledger": 2})
        row = targets.table(["T10u"], {"T10u": found}, "").splitlines()[2]
        self.assertTrue(row.endswith("| 3 | missed; tls, no ledger: sink-bound in 2 |"), row)
        for each in rounds:
            each["tls, no ledger"]["sink_bound"] = False
        row = targets.table(["T10u"], {"T10u": targets.figures_of(targets.TARGETS["T10u"], rounds)}, "").splitlines()[2]
        self.assertTrue(row.endswith("| 3 | missed |"), row)


class ScriptsTest(ScriptLab):
    def test_where_the_time_of_a_message_goes_is_a_table(self):
        done = self.run_script("profile.py", "--recipients", "3000", "tls,rsa", "plain,unsigned")
        if (why := measuring.why_no_perf()) is not None:
            self.assertEqual(done.returncode, 1)
            self.assertIn(why, done.stderr)
            return
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines()]
        self.assertEqual(rows[0], ["us/message", "tls,rsa", "plain,unsigned"])
        figures = {row[0]: [float(cell) for cell in row[1:]] for row in rows[2:]}
        self.assertGreater(figures["kernel"][1], 0)
        self.assertGreater(figures["crypto"][0] + figures.get("RSA", [0])[0], figures["crypto"][1], "only one of them signs")
        for column in (0, 1):
            parts = sum(row[column] for name, row in figures.items() if name != "all")
            self.assertAlmostEqual(parts, figures["all"][column], delta=1)

    def test_variants_are_run_and_their_medians_told(self):
        done = self.run_script("run.py", "--smoke", "--scenario", "plain,unsigned", "--large", "--json", str(self.path("run.json")))
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        read = json.loads(self.path("run.json").read_text())
        self.assertEqual(list(read["variants"]), ["io_uring", "io_uring, no ledger", "epoll", "epoll, no ledger", "2000 recipients", "4000 recipients"])
        for name, runs in read["variants"].items():
            self.assertEqual([run["messages"] for run in runs], [4000 if name.startswith("4000") else 2000])
            self.assertTrue(any(line.startswith(name) for line in done.stdout.splitlines()), done.stdout)
        self.assertEqual(read["variants"]["epoll, no ledger"][0]["settings"]["ledger"], False)
        self.assertEqual(read["variants"]["epoll"][0]["settings"]["io"], "epoll")
        peaks = [read["variants"][f"{number} recipients"][0]["rss_anon_peak_kb"] for number in (2000, 4000)]
        self.assertEqual(read["memory_ratio"], peaks[1] / peaks[0])


class SamplesTest(unittest.TestCase):
    """What bench/profile.py makes of the samples that `perf script -F comm,pid,tid,ip,sym,dso` tells, recorded."""

    SAMPLES = (pathlib.Path(__file__).parent / "perf_script.txt").read_text()

    def test_time_goes_to_modules_libraries_and_the_kernel(self):
        spent = measuring.time_by_place(self.SAMPLES, 1000)
        self.assertEqual(spent, {"RSA": 3, "dkim": 2, "delivery": 2, "config": 1, "message": 1, "smtp": 1, "io": 1, "crypto": 2, "ssl": 1, "c": 1,
                                 "ld-linux-x86-64": 1, "kernel": 1}, "of 20 samples 17 are of the engine's threads")
        self.assertEqual(measuring.time_by_place(self.SAMPLES, 17_000).total(), 1)


if __name__ == "__main__":
    unittest.main()
