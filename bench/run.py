#!/usr/bin/env python3
"""Measures whole campaigns against the sandbox, interleaved: bench/run.py --build build/release [--rounds 3] [--rows 100000] [--large]

Variants: ledger on and off, io_uring and epoll. --large adds 100,000 and 2,000,000 recipients, whose memory (RssAnon, at its highest) must
be the same within a tenth: else the exit code is 1. --memory measures only these. Sender and sandbox are pinned to a core each. Prints one
line per variant: the median of each figure; --json FILE also writes all of them."""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

VARIANTS = {"io_uring": ["--io", "io_uring"], "io_uring, no ledger": ["--io", "io_uring", "--no-ledger"], "epoll": ["--io", "epoll"],
            "epoll, no ledger": ["--io", "epoll", "--no-ledger"]}
MEMORY_RATIO_MAX = 1.1
PERSONALITY = 'format = 1\nname = "bench"\n[provider.one]\nweight = 1\n'


class Sandbox:
    def __init__(self, build, folder):
        (folder / "bench.toml").write_text(PERSONALITY)
        self.ready = folder / "ready.json"
        self.process = subprocess.Popen(["taskset", "-c", "1", build / "sluice", "sandbox", "--personality", folder / "bench.toml", "--ready-file",
                                         self.ready, "--json", folder / "totals.json", "--log-level", "error"])
        end = time.monotonic() + 20
        while not self.ready.exists() and time.monotonic() < end:
            try:
                self.process.wait(0.01)
            except subprocess.TimeoutExpired:
                pass

    def end(self):
        self.process.terminate()
        self.process.wait()


def measure(build, arguments):
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as name:
        folder = pathlib.Path(name)
        sandbox = Sandbox(build, folder)
        try:
            done = subprocess.run(["taskset", "-c", "0", build / "bench" / "throughput", "--ready", sandbox.ready, "--dir", folder / "run", *arguments],
                                  stdout=subprocess.PIPE, text=True, check=True)
        finally:
            sandbox.end()
        shutil.rmtree(folder / "run", ignore_errors=True)
    return json.loads(done.stdout)


def show(name, results):
    median = {key: statistics.median(result[key] for result in results) for key in results[0]}
    print(f"{name:22} {median['messages_per_s']:8.0f} messages/s  {median['cpu_us_per_message']:6.1f} CPU us/message  "
          f"prepare {median['prepare_rows_per_s']:8.0f} rows/s  RssAnon {median['rss_anon_kb'] / 1024:6.1f} MB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=100000)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    build = options.build.resolve()
    subprocess.run(["cmake", "--build", build, "--target", "throughput", "sluice"], check=True, stdout=subprocess.DEVNULL)
    results = {} if options.memory else {name: [] for name in VARIANTS}
    for _ in range(options.rounds):
        for name in results:
            results[name].append(measure(build, ["--rows", str(options.rows), *VARIANTS[name]]))
    for name, figures in results.items():
        show(name, figures)
    ratio = None
    if options.large or options.memory:
        sizes = [measure(build, ["--rows", str(rows), "--domains", "2000", "--body", "1000"]) for rows in (100000, 2000000)]
        for result in sizes:
            results[f"{result['rows']} recipients"] = [result]
            show(f"{result['rows']} recipients", [result])
        ratio = sizes[1]["rss_anon_kb"] / sizes[0]["rss_anon_kb"]
        print(f"memory of 2,000,000 recipients by that of 100,000: {ratio:.2f} (at most {MEMORY_RATIO_MAX})", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"variants": results, "memory_ratio": ratio}, indent=1) + "\n")
    if ratio is not None and ratio > MEMORY_RATIO_MAX:
        sys.exit("bench/run.py: memory grows with the number of recipients")


if __name__ == "__main__":
    main()
