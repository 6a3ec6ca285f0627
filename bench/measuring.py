"""What the scripts beside have in common: they run the built program, and read what it says."""

import json
import os
import subprocess
import sys


def fail(text):
    sys.exit(f"{os.path.relpath(sys.argv[0])}: {text}")


def bench_command(build, *arguments):
    return [str(build / "sluice"), "bench", "--json", *map(str, arguments)]


def run_bench(build, *arguments, before=()):
    """One run of `sluice bench`, as its JSON has it. `before`: the words of a command that runs it."""
    done = subprocess.run([*before, *bench_command(build, *arguments)], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        fail(f"sluice bench {' '.join(map(str, arguments))}: exit code {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def openssl_signatures_per_s(seconds):
    """RSA-2048 signatures that `openssl speed` makes in a second of CPU time, on the core that `sluice bench` pins its sender to."""
    core = min(os.sched_getaffinity(0))
    command = ["openssl", "speed", "-mr", "-seconds", str(max(1, round(seconds))), "rsa2048"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    # +F2:2:2048:SIGNATURES PER SECOND:VERIFICATIONS PER SECOND
    line = next(line for line in done.stdout.splitlines() if line.startswith("+F2:"))
    return float(line.split(":")[3])
