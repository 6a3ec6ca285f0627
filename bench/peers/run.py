#!/usr/bin/env python3
"""Sluice beside other programs: each sends the same mail to the same sink, one after the other, in one run.

usage: bench/peers/run.py --build build/release [--messages 3000] [--rounds 1] [--smoke] [--json FILE] [PEER...]

Peers: sluice, sluice-sealed, postfix (with OpenDKIM), exim (with its own DKIM), opensmtpd (unsigned: its package has no DKIM), nodemailer
(pooled, from npm). They come from packages that are unpacked into the build folder, Debian's where nothing else is said, run on machines of their own (tests/e2e/machine.py) in a
namespace that has nothing but loopback, and keep their queues in memory. Needs root, and the packages' mirror the first time."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
INSIDE = "SLUICE_PEERS_INSIDE"
SMOKE = 100
TRIED = 20  # Messages that are looked at first.
SLUICE_MORE = 10  # So many times as many: it would be over before it is measured.


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the build folder that has the program")
    parser.add_argument("--messages", type=int, default=3000, help="of each peer and round; Sluice sends ten times as many (default: 3000)")
    parser.add_argument("--rounds", type=int, default=1, help="medians of so many (default: 1)")
    parser.add_argument("--smoke", action="store_true", help=f"{SMOKE} messages: whether all of it works")
    parser.add_argument("--json", type=pathlib.Path, help="every figure of every round")
    parser.add_argument("peers", nargs="*", help="default: all")
    return parser.parse_args()


class Sink:
    """`sluice sink`, under TLS. With `save` it keeps the messages."""

    def __init__(self, build: pathlib.Path, port: int, save=None):
        from servers import accepts, wait_until, wait_until_free
        wait_until_free("127.0.0.1", port)
        command = [str(build / "sluice"), "sink", "--listen", f"127.0.0.1:{port}", "--tls", "--json", "--no-duplicates"]
        self.popen = subprocess.Popen(command + (["--save", str(save)] if save else []), stdout=subprocess.PIPE, text=True)
        wait_until("the sink listening", lambda: accepts("127.0.0.1", port))

    def end(self) -> dict:
        self.popen.terminate()
        return json.loads(self.popen.communicate(timeout=60)[0])


def check_mail(kind, build: pathlib.Path, folder: pathlib.Path):
    """What a peer sends is personal and, where it can sign, signed."""
    import peers
    saved = folder / "saved"
    saved.mkdir()
    sink = Sink(build, peers.SINK_PORT, saved)
    peer = kind(build, folder / "tried")
    peer.send(TRIED)
    peer.remove()
    sink.end()
    texts = [path.read_text(errors="replace") for path in saved.glob("*.eml")]
    if len(texts) != TRIED:
        sys.exit(f"run.py: {peer.name} sent {len(texts)} of {TRIED} messages")
    signed = sum("dkim-signature:" in text.lower() for text in texts)
    if signed != (TRIED if peer.signs else 0) or sum("Person 7," in text for text in texts) != 1:
        sys.exit(f"run.py: {peer.name} sent {signed} signed messages of {TRIED}, or not the mail that it was given")


def measure(kind, build: pathlib.Path, folder: pathlib.Path, messages: int) -> dict:
    import peers
    check_mail(kind, build, folder)
    sink = Sink(build, peers.SINK_PORT)
    peer = kind(build, folder / "peer")
    before = peer.cpu_seconds()
    peer.send(messages)
    cpu = peer.cpu_seconds() - before
    totals = sink.end()
    peer.remove()
    if totals["messages"] != messages:
        sys.exit(f"run.py: {peer.name}: the sink has {totals['messages']} of {messages} messages")
    return {"messages": messages, "seconds": totals["seconds"], "messages_per_s": messages / totals["seconds"],
            "cpu_us_per_message": cpu * 1e6 / messages, "memory_mb": peer.memory_mb, "connections": totals["connections"],
            "bytes_per_message": totals["bytes"] / messages, "signed": peer.signs}


def show(results: dict):
    def median(name, key):
        return statistics.median(figures[key] for figures in results[name])
    first = next(iter(results))
    print(f"{'':15} {'messages/s':>11} {'CPU us/message':>15} {'memory MB':>10} {'connections':>12} {'signed':>7}   messages/s, CPU by {first}")
    for name, rounds in results.items():
        rate, cpu = median(name, "messages_per_s"), median(name, "cpu_us_per_message")
        print(f"{name:15} {rate:11.0f} {cpu:15.0f} {median(name, 'memory_mb'):10.0f} {median(name, 'connections'):12.0f} "
              f"{'yes' if rounds[0]['signed'] else 'no':>7}   {rate / median(first, 'messages_per_s'):.4f}, "
              f"{cpu / median(first, 'cpu_us_per_message'):.1f}", flush=True)


def run_inside(options) -> int:
    import machine
    import peers
    if missing := machine.missing_privilege():
        sys.exit(f"run.py: {missing}")
    results: dict = {name: [] for name in options.peers}
    for number in range(options.rounds):
        for name in options.peers:
            count = SMOKE if options.smoke else options.messages * (SLUICE_MORE if name.startswith("sluice") else 1)
            folder = pathlib.Path(os.environ[INSIDE]) / f"{name}.{number}"
            folder.mkdir()
            results[name].append(measure(peers.PEERS[name], options.build, folder, count))
            print(f"round {number + 1}: {name}: {results[name][-1]['messages_per_s']:.0f} messages/s", file=sys.stderr, flush=True)
    show(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


def main() -> int:
    options = parse_arguments()
    options.build = options.build.resolve()
    if not (options.build / "sluice").exists():
        sys.exit(f"run.py: there is no program in {options.build}; build it first")
    if os.geteuid() != 0:
        sys.exit("run.py: needs root: it makes namespaces of its own")
    os.environ["SLUICE_BUILD"] = str(options.build)
    sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tests" / "e2e")]
    import peers
    options.peers = options.peers or list(peers.PEERS)
    if unknown := [name for name in options.peers if name not in peers.PEERS]:
        sys.exit(f"run.py: there is no peer {unknown[0]}; there are {', '.join(peers.PEERS)}")
    if os.environ.get(INSIDE) is not None:
        return run_inside(options)
    for name in options.peers:
        peers.PEERS[name].fetch(options.build)
    # With the last process of the namespaces everything ends that was started or mounted there, however it ended.
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    with tempfile.TemporaryDirectory(prefix="sluice-peers-") as folder:
        return subprocess.run([*command, sys.executable, *sys.argv], env={**os.environ, INSIDE: folder}).returncode


if __name__ == "__main__":
    sys.exit(main())
