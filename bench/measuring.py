"""What the scripts beside have in common: they run the built program, and read what it says."""

import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SAMPLE_NS = 1_000_000  # Of perf. Ten times as often would make everything a fifth slower on a virtual machine.
RSA = ("BatchRsa", "batch_rsa", "Avx512")  # In the names of the kernels' functions.


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


def place_of(library, function):
    """What the time at a place is spent on: a module of the engine, a library, the kernel."""
    if library == "sluice":
        return "RSA" if any(word in function for word in RSA) else function.split("::")[0] if "::" in function else "other code"
    if library.startswith("[kernel"):
        return "kernel"
    return library.split(".so")[0].removeprefix("lib").split("_")[0].strip("[]")


def time_by_place(samples, messages):
    """The CPU time of the engine's threads for each message, in microseconds, by place, from what `perf script` tells of its samples."""
    spent = collections.Counter()
    for line in samples.splitlines():
        name, ids, _, rest = line.split(maxsplit=3)
        process, thread = ids.split("/")
        # The sink has another name; the first thread prepares before, and counts after.
        if name != "sluice" or process == thread:
            continue
        function, _, library = rest.rpartition("(")
        spent[place_of(library.rstrip(")").rsplit("/", 1)[-1], function)] += SAMPLE_NS / 1000 / messages
    return spent


def why_no_perf():
    """None where perf can be used; else why it cannot."""
    if shutil.which("perf") is None:
        return "there is no perf (Debian: apt-get install linux-perf)"
    done = subprocess.run(["perf", "record", "-q", "-e", "cpu-clock:u", "-o", "/dev/null", "--", "true"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else "perf is not allowed here: " + " ".join(done.stderr.split())[:200]


def profile(build, *arguments, kernel=False):
    """A run of `sluice bench` under perf: its JSON, and the CPU time of the engine's threads for each message of the whole run, in
    microseconds, by place. Without `kernel` only what is spent in user space."""
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "perf.data"
        event = "cpu-clock" if kernel else "cpu-clock:u"
        result = run_bench(build, *arguments, before=["perf", "record", "-q", "-e", event, "-c", str(SAMPLE_NS), "-o", str(data), "--"])
        done = subprocess.run(["perf", "script", "-i", data, "-F", "comm,pid,tid,ip,sym,dso"], capture_output=True, text=True, check=True)
    return result, time_by_place(done.stdout, result["whole_run"]["delivered"])
