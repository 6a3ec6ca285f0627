#!/usr/bin/env python3
"""Measures each of the project's targets: bench/targets.py --build build/release [--only T1,T5] [--rounds 9] [--json FILE]

Prints a Markdown table; --json FILE has every run besides. In each round everything that is compared runs once, one after the other:
`sluice bench`, and `openssl speed rsa2048` on the same core. Of each target three figures are given: from the best run of each side (that
with the least CPU time where the target is of CPU time), which is what must reach the target, the median of the rounds, and the worst of them.

Where the sink was the limit in runs of a side, the last column says in how many: then messages/s are the sink's, not the sender's.

  T4   by perf (Debian's linux-perf): samples of the engine's threads in user space, outside libcrypto and the kernels of RSA, over the whole
       run, by the messages of the whole run
  T5   until the roster is on the disk
  T6   with ten million recipients at 200,000 domains at 1,000 sites: minutes for each of --large-rounds
  T7   of whole campaigns of a million recipients: five at each domain, so that looking a domain up, and opening a site's connection, is part
       of it, and not all of it as in the first seconds of a larger one
  T8   the slope between two numbers of connections: nearly all of them wait for an answer. So they have a little more than idle ones
  T12  of the same runs, killed when 95 % are delivered: how long `sluice pause` takes, which recovers what is true from checkpoint and ledger.
       `send` also makes its queues anew. Below the table stands how long the whole ledger takes to read

Nothing else may run on the machine. --smoke: all of it, very small, to see whether it works."""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import statistics
import subprocess
import tempfile
import time
import typing

from measuring import bench_command, fail, openssl_signatures_per_s, profile, run_bench, why_no_perf

ONE, MANY = 3000, 9000  # Connections of T8.
MILLION = 1_000_000
LOOK_EVERY_S = 0.02
LARGE = ("plain,unsigned,sites=1000", 10_000_000, 200_000, 1000, 0.95)  # The last: it is killed when so much is delivered.
SMALL = ("plain,unsigned,sites=20,rtt=20ms", 6_000, 200, 20, 0.2)


class Target(typing.NamedTuple):
    what: str
    unit: str
    must: float
    aim: float
    less: bool  # Is better.
    sides: dict  # Name → words for `sluice bench`; "openssl" has none.
    value: typing.Callable  # Of one run of each side.
    best: typing.Callable = lambda run: run["cpu_us_per_message"]  # The run where this is least.


def bench(scenario, *more):
    return ("--scenario", scenario, *more)


def cpu(side):
    return lambda runs: runs[side]["cpu_us_per_message"]


def ratio(key, above, below):
    return lambda runs: runs[above][key] / runs[below][key]


def slope_kb(runs):
    few, many = runs["few"], runs["many"]
    return (many["rss_anon_peak_kb"] - few["rss_anon_peak_kb"]) / (many["whole_run"]["connections"] - few["whole_run"]["connections"])


TLS, PLAIN, RSA = bench("tls,unsigned"), bench("plain,unsigned"), bench("tls,rsa")
IDLE = ("tls,unsigned,rtt=500ms,sites=1000", "--body", "1k", "--connections")
TARGETS = {
    "T1": Target("messages/s under TLS with a unique RSA-2048 signature ÷ `openssl speed rsa2048`, both by CPU time", "", 2.2, 2.6, False,
                 {"rsa": RSA, "openssl": ()}, lambda runs: runs["openssl"]["cpu_us_per_message"] / runs["rsa"]["cpu_us_per_message"]),
    "T2": Target("TLS, unsigned", "CPU us/message", 20, 14, True, {"tls": TLS}, cpu("tls")),
    "T3": Target("plaintext, unsigned, CHUNKING", "CPU us/message", 11, 8, True, {"plain": PLAIN}, cpu("plain")),
    "T4": Target("the engine's own code in user space, outside libcrypto and RSA; TLS, RSA-2048, ledger", "CPU us/message", 8, 5, True,
                 {"profiled": RSA}, lambda runs: runs["profiled"]["own_us_per_message"], lambda run: run["own_us_per_message"]),
    "T4u": Target("the same of unsigned mail: without DKIM", "CPU us/message", 8, 5, True,
                  {"profiled, unsigned": TLS}, lambda runs: runs["profiled, unsigned"]["own_us_per_message"],
                  lambda run: run["own_us_per_message"]),
    "T5": Target("prepare, one core", "recipients/s", 1_500_000, 3_000_000, False, {"plain": PLAIN},
                 lambda runs: runs["plain"]["prepare_rows_per_s"], lambda run: -run["prepare_rows_per_s"]),
    "T6": Target("RssAnon at its peak, 10 million recipients", "MB", 400, 200, True, {"large": ()},
                 lambda runs: runs["large"]["rss_anon_peak_kb"] / 1024, lambda run: run["rss_anon_peak_kb"]),
    "T7": Target("messages/s to a million recipients at 200,000 domains at 1,000 sites ÷ at one domain", "", 0.8, 0.95, False,
                 {"many sites": bench("tls,unsigned,sites=1000", "--domains", 200_000, "--connections", 1000, "--recipients", MILLION),
                  "one site": bench("tls,unsigned,sites=1", "--connections", 1000, "--recipients", MILLION)},
                 ratio("messages_per_s", "many sites", "one site"), lambda run: -run["messages_per_s"]),
    "T8": Target("memory of a waiting TLS connection", "KB", 24, 18, True, {"few": bench(*IDLE, ONE), "many": bench(*IDLE, MANY)},
                 slope_kb, lambda run: run["rss_anon_peak_kb"]),
    "T9": Target("sealed, 50 ms round trip, 300 connections: messages/s ÷ one per round trip", "", 0.85, 0.95, False,
                 {"far": bench("tls,sealed,rtt=50ms,sites=30", "--connections", 300)},
                 lambda runs: runs["far"]["of_round_trips"], lambda run: -run["of_round_trips"]),
    "T10": Target("CPU time without the ledger ÷ with it, signed (TLS, RSA-2048), 256 connections", "", 0.95, 0.98, False,
                  {"rsa, no ledger": bench("tls,rsa,ledger=off"), "rsa": RSA},
                  ratio("cpu_us_per_message", "rsa, no ledger", "rsa")),
    "T10u": Target("the same, unsigned (TLS)", "", 0.95, 0.98, False,
                   {"tls, no ledger": bench("tls,unsigned,ledger=off"), "tls": TLS},
                   ratio("cpu_us_per_message", "tls, no ledger", "tls")),
    "T11": Target("CPU us/message with two shards ÷ with one, on as many cores as are left beside the sink's; TLS, RSA-2048", "", 1.1, 1.0, True,
                  {"two shards": bench("tls,rsa,shards=2"), "rsa": RSA}, ratio("cpu_us_per_message", "two shards", "rsa")),
    "T12": Target("recovery of a ledger of 10 million recipients", "s", 10, 2, True, {"large": ()},
                  lambda runs: runs["large"]["recovery_s"], lambda run: run["recovery_s"]),
}


def own_time(build, *words):
    result, spent = profile(build, *words)
    own = {place: us for place, us in spent.items() if place not in ("RSA", "crypto")}
    return {**result, "own_us_per_message": sum(own.values()), "own_us_by_place": own}


def rss_anon_kb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next((line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:")), 0))


def large(build, folder, scenario, recipients, domains, connections, share):
    """Sends to very many, kills it near the end, and recovers."""
    words = bench(scenario, "--recipients", recipients, "--domains", domains, "--connections", connections, "--body", "1k")
    process = subprocess.Popen(bench_command(build, *words, "--dir", folder), stdout=subprocess.DEVNULL, start_new_session=True)
    # A folder of its own there, which stays behind when it is killed.
    peak, delivered, place = 0, 0, None

    configuration = folder / "sluice.toml"

    def sluice(*arguments):
        return subprocess.run([build / "sluice", *arguments, "bench", "--config", configuration], capture_output=True, text=True, check=False)
    looked = 0.0
    while delivered < share * recipients and process.poll() is None:
        peak = max(peak, rss_anon_kb(process.pid))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_EVERY_S)
        if place is None and (place := next(folder.glob("sluice-bench-*/state"), None)) is not None:
            configuration.write_text(f'[engine]\nstate_dir = "{place}"\n')
        if place is not None and time.monotonic() > looked + recipients / 1e7:
            looked = time.monotonic()
            answer = sluice("status", "--json")
            delivered = json.loads(answer.stdout)["totals"]["delivered"] if answer.returncode == 0 and "totals" in answer.stdout else 0
    if process.poll() is not None:
        fail(f"{recipients} recipients: sluice bench ended before it could be killed")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    begin = time.monotonic()
    paused = sluice("pause")
    recovery = time.monotonic() - begin
    begin = time.monotonic()
    status = sluice("status", "--json")
    read = time.monotonic() - begin
    if paused.returncode != 0 or json.loads(status.stdout)["totals"]["delivered"] < share * recipients:
        fail(f"the campaign that was killed cannot be read: {paused.stderr}{status.stderr}")
    size = sum(file.stat().st_size for file in place.rglob("*") if file.suffix == ".seg")
    return {"recipients": recipients, "rss_anon_peak_kb": peak, "recovery_s": recovery, "read_all_s": read, "ledger_mb": size / 1e6}


def smaller(words, name):
    """The same, very small. A later word wins nothing: each may be there once."""
    small = {"--connections": 50 if name != "many" else 100, "--domains": 2000, "--recipients": 10_000}
    words = [small.get(before, word) for before, word in zip(("", *words), words)]
    words = [str(word).replace("rtt=500ms", "rtt=10ms").replace("sites=1000", "sites=25") for word in words]
    if words and "--recipients" not in words:  # A tenth of a second may be over before anything is delivered.
        words += ["--recipients", "1000"]
    return words


def run_side(build, name, words, options):
    if options.smoke:
        words = smaller(words, name)
    seconds = () if "--recipients" in words else ("--seconds", str(options.seconds))
    with tempfile.TemporaryDirectory(prefix="sluice-targets-", dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
        if name == "openssl":
            return {"cpu_us_per_message": 1e6 / openssl_signatures_per_s(options.seconds)}
        if name == "large":
            return large(build, pathlib.Path(folder), *(SMALL if options.smoke else LARGE))
        if name.startswith("profiled"):
            return own_time(build, *words, *seconds)
    return run_bench(build, *words, *seconds)


def figures_of(target, rounds):
    runs = [each for each in rounds if all(side in each for side in target.sides)]
    values = [target.value(each) for each in runs]
    best = target.value({side: min((each[side] for each in runs), key=target.best) for side in target.sides})
    bound = {side: count for side in target.sides if (count := sum(bool(each[side].get("sink_bound")) for each in runs)) > 0}
    return {"sink_bound": bound, "best": best, "median": statistics.median(values), "worst": max(values) if target.less else min(values), "pairs": len(values),
            "met": best <= target.must if target.less else best >= target.must}


def figure(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def table(chosen, results, command, read_all_s=()):
    lines = ["| | what | must | aim | best | median | worst | pairs | |", "|---|---|---|---|---|---|---|---|---|"]
    for name in chosen:
        target, found = TARGETS[name], results[name]
        bound = "; ".join(f"{side}: sink-bound in {count}" for side, count in found["sink_bound"].items())
        what = target.what + (f", {target.unit}" if target.unit else "")
        lines.append(f"| {name} | {what} | {figure(target.must)} | {figure(target.aim)} | {figure(found['best'])} | {figure(found['median'])} | "
                     f"{figure(found['worst'])} | {found['pairs']} | {'met' if found['met'] else 'missed'}{'; ' + bound if bound else ''} |")
    if read_all_s:
        lines += ["", f"The whole ledger of T12 was read in {figure(statistics.median(read_all_s))} s."]
    return "\n".join([*lines, "", f"`{command}`"])


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--only", default=",".join(TARGETS), help="targets, such as T1,T5 (default: all)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--large-rounds", type=int, default=3, help="of T6 and T12, at most (default: 3)")
    parser.add_argument("--seconds", type=float, default=1.5, help="of each run (default: 1.5)")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    options.chosen = options.only.split(",")
    if unknown := [name for name in options.chosen if name not in TARGETS]:
        fail(f"there is no target {unknown[0]}; there are {', '.join(TARGETS)}")
    if options.smoke:
        options.rounds, options.seconds = 1, 0.1
    return options


def main():
    options = parse_arguments()
    build = options.build.resolve()
    if any(name.startswith("T4") for name in options.chosen) and (why := why_no_perf()) is not None:
        print(f"T4 is not measured: {why}", flush=True)
        options.chosen = [name for name in options.chosen if not name.startswith("T4")]
    sides = {side: words for name in options.chosen for side, words in TARGETS[name].sides.items()}
    rounds = []
    for number in range(options.rounds):
        rounds.append({})
        for side, words in sides.items():
            if side != "large" or number < options.large_rounds:
                rounds[-1][side] = run_side(build, side, words, options)
        print(f"round {number + 1} of {options.rounds}; load {os.getloadavg()[0]:.1f}", flush=True)
    results = {name: figures_of(TARGETS[name], rounds) for name in options.chosen}
    command = f"bench/targets.py --build {options.build} --only {','.join(options.chosen)} --rounds {options.rounds} --seconds {options.seconds:g}"
    command += f" --large-rounds {options.large_rounds}" if "large" in sides else ""
    read_all_s = [each["large"]["read_all_s"] for each in rounds if "large" in each and "T12" in options.chosen]
    print(table(options.chosen, results, command, read_all_s), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"targets": results, "rounds": rounds}, indent=1) + "\n")


if __name__ == "__main__":
    main()
