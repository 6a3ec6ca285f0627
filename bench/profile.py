#!/usr/bin/env python3
"""Where the time of a message goes: bench/profile.py --build build/release [SCENARIO...]

Runs `sluice bench` once for each scenario (default: tls,rsa tls,unsigned plain,unsigned) under `perf record -e cpu-clock -c 1000000` (Debian's
linux-perf), and prints a Markdown table: CPU microseconds of the engine's threads for each message, by module, library and kernel."""

import argparse
import pathlib

from measuring import fail, profile, why_no_perf

LEAST_US = 0.05


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--recipients", type=int, help="instead of --seconds: a whole campaign of so many")
    parser.add_argument("scenarios", nargs="*", default=["tls,rsa", "tls,unsigned", "plain,unsigned"])
    options = parser.parse_args()
    if (why := why_no_perf()) is not None:
        fail(why)
    size = ("--seconds", options.seconds) if options.recipients is None else ("--recipients", options.recipients)
    columns = {}
    for scenario in options.scenarios:
        _, columns[scenario] = profile(options.build.resolve(), "--scenario", scenario, *size, kernel=True)
    places = sorted({place for column in columns.values() for place in column}, key=lambda place: -max(column[place] for column in columns.values()))
    print("| us/message | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for place in [place for place in places if max(column[place] for column in columns.values()) >= LEAST_US]:
        print(f"| {place} | " + " | ".join(f"{column[place]:.2f}" for column in columns.values()) + " |")
    print("| all | " + " | ".join(f"{sum(column.values()):.1f}" for column in columns.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
