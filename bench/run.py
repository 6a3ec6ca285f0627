#!/usr/bin/env python3
"""Measures whole campaigns with `sluice bench`, interleaved: bench/run.py --build build/release [--rounds 3] [--seconds 3] [--large]

Variants: ledger on and off, io_uring and epoll, of one scenario (--scenario, default tls,unsigned). --large adds 100,000 and 2,000,000
recipients, whose memory (RssAnon, at its highest) must be the same within a tenth: else the exit code is 1. --memory measures only these.
--domains sends to 10,000 and to 1,000,000 domains, one message each, over 100 sites with a connection each: the CPU time of a message must be the same within a
fourth, and the memory within 128 MB (the DNS cache), else the exit code is 1.
--smoke sends to very few once, to see whether it works; memory may then grow.
Prints one line per variant: the median of each figure; --json FILE also writes all of them."""

import argparse
import json
import pathlib
import statistics

from measuring import fail, run_bench

VARIANTS = {"io_uring": ["io_uring", ""], "io_uring, no ledger": ["io_uring", ",ledger=off"], "epoll": ["epoll", ""],
            "epoll, no ledger": ["epoll", ",ledger=off"]}
MEMORY_RATIO_MAX = 1.1
MEMORY_SIZES = (100_000, 2_000_000)
SMOKE_SIZES = (2_000, 4_000)
DOMAINS = (10_000, 1_000_000)
DOMAINS_CPU_RATIO_MAX = 1.25
DOMAINS_MEMORY_KB_MAX = 128 * 1024


def show(name, results):
    def median(key):
        return statistics.median(result[key] for result in results)
    bound = "  sink-bound" if any(result["sink_bound"] for result in results) else ""
    print(f"{name:22} {median('messages_per_s'):8.0f} messages/s  {median('cpu_us_per_message'):6.1f} CPU us/message  "
          f"prepare {median('prepare_rows_per_s'):8.0f} rows/s  RssAnon {median('rss_anon_peak_kb') / 1024:6.1f} MB{bound}", flush=True)


def measure_memory(build, results, numbers):
    """Adds the large campaigns to the results; returns the memory of the largest by that of the smallest."""
    sizes = []
    for recipients in numbers:
        name = f"{recipients} recipients"
        result = run_bench(build, "--scenario", "plain,unsigned", "--recipients", str(recipients), "--domains", "2000", "--body", "1k")
        sizes.append(result["rss_anon_peak_kb"])
        results[name] = [result]
        show(name, [result])
    ratio = sizes[1] / sizes[0]
    print(f"memory of {numbers[1]:,} recipients by that of {numbers[0]:,}: {ratio:.2f} (at most {MEMORY_RATIO_MAX})", flush=True)
    return ratio


def measure_domains(build, results, rounds):
    """Whether the work for a message is the same however many domains there are: each message is to another one. True: it is."""
    few, many = (f"{count} domains" for count in DOMAINS)
    for name, count, times in ((few, DOMAINS[0], rounds), (many, DOMAINS[1], 1), (few, DOMAINS[0], rounds)):
        for _ in range(times):
            result = run_bench(build, "--scenario", "plain,unsigned,sites=100", "--connections", "100", "--domains", str(count),
                               "--recipients", str(count), "--body", "1k")
            results.setdefault(name, []).append(result)
    for name in (few, many):
        show(name, results[name])
    ratio = results[many][0]["cpu_us_per_message"] / statistics.median(result["cpu_us_per_message"] for result in results[few])
    more_kb = results[many][0]["rss_anon_peak_kb"] - results[few][0]["rss_anon_peak_kb"]
    print(f"CPU time of a message, {many} by {few}: {ratio:.2f} (at most {DOMAINS_CPU_RATIO_MAX}); {more_kb / 1024:.0f} MB more", flush=True)
    return ratio <= DOMAINS_CPU_RATIO_MAX and more_kb <= DOMAINS_MEMORY_KB_MAX


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--scenario", default="tls,unsigned")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--domains", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    build = options.build.resolve()
    size = ("--seconds", str(options.seconds))
    sizes = MEMORY_SIZES
    if options.smoke:
        options.rounds, size, sizes = 1, ("--recipients", "2000"), SMOKE_SIZES
    results = {} if options.memory or options.domains else {name: [] for name in VARIANTS}
    for _ in range(options.rounds if results else 0):
        for name, (backend, words) in VARIANTS.items():
            results[name].append(run_bench(build, "--scenario", options.scenario + words, "--io", backend, *size))
    for name, figures in results.items():
        show(name, figures)
    ratio = measure_memory(build, results, sizes) if options.large or options.memory else None
    same = measure_domains(build, results, options.rounds) if options.domains else True
    if options.json:
        options.json.write_text(json.dumps({"variants": results, "memory_ratio": ratio}, indent=1) + "\n")
    if ratio is not None and ratio > MEMORY_RATIO_MAX and not options.smoke:
        fail("memory grows with the number of recipients")
    if not same:
        fail("what a message costs grows with the number of domains")


if __name__ == "__main__":
    main()
