#!/usr/bin/env python3
"""Rehearses the example campaign against the sandbox, and checks that nobody was lost and nobody got it twice.

    rehearse.py --sluice build/release/sluice --rows 100000 [--personality realistic] [--openssl] [--keep DIR]"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = ("weekly.toml", "weekly.html", "weekly.txt", "quickstart.toml", "quickstart-shaping.toml")


def fail(text):
    sys.exit(f"rehearse.py: {text}")


def wait_for(path, process):
    while not path.exists():
        if process.poll() is not None:
            fail("the sandbox ended before it was ready")
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            pass


def run(command, folder, codes=(0,), stderr=None):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=stderr, text=True)
    if done.returncode not in codes:
        fail(f"{' '.join(map(str, command))}: exit code {done.returncode}")
    return done.stdout


def compare(events, oracle):
    """The final event of each recipient against its mail exchanger's count of accepted copies."""
    finals = {}
    for line in events.splitlines():
        event = json.loads(line)
        if event["type"] in ("Delivery", "Bounce", "Expiration", "InDoubt"):
            finals.setdefault(event["recipient"].lower(), []).append(event["type"])
    seen = {row["address"]: row for row in map(json.loads, oracle.splitlines())}
    for address, types in finals.items():
        row = seen.get(address, {"accepted": 0, "accepted_silent": 0})
        copies = row["accepted"] + row["accepted_silent"]
        if len(types) != 1:
            fail(f"{address} has {len(types)} final states: {types}")
        if copies > 1:
            fail(f"{address} was accepted {copies} times")
        if types[0] == "Delivery" and row["accepted"] != 1:
            fail(f"{address} is delivered, and its exchanger has not accepted it")
        if types[0] in ("Bounce", "Expiration") and copies != 0:
            fail(f"{address} is {types[0]}, and its exchanger has accepted it")
    for address, row in seen.items():
        if row["accepted"] + row["accepted_silent"] > 0 and address not in finals:
            fail(f"{address} was accepted, and the ledger does not know it")
    return finals


def check_messages(totals):
    """What the sandbox's own verifier holds against the accepted messages."""
    signatures, tokens = totals["signatures"], totals["tokens"]
    if tokens["foreign"] or tokens["shared"]:
        fail(f"messages hold the tokens of other recipients: {tokens}")
    if signatures["invalid"]:
        fail(f"signatures do not verify: {signatures}")
    if signatures["missing"] or signatures["reasons"]:
        fail(f"messages are not signed as they must be: {signatures}")
    return signatures["valid"]


def openssl_signatures_per_s():
    """What OpenSSL alone makes of this machine: RSA-2048 signatures per second on all cores."""
    table = run(["openssl", "speed", "-seconds", "3", "-multi", str(os.cpu_count()), "rsa2048"], HERE, stderr=subprocess.DEVNULL)
    row = next(line.split() for line in table.splitlines() if line.startswith("rsa 2048"))
    return float(row[row.index("bits") + 3])


def rehearse(options, folder):
    for name in EXAMPLES:
        shutil.copy(HERE / name, folder)
    generated = run([sys.executable, HERE / "generate_recipients.py", "--rows", str(options.rows), "--seed", "1", "--out", folder], folder)
    expected = json.loads(generated)
    (folder / "quickstart.toml").write_text(
        (folder / "quickstart.toml").read_text().replace("[engine]", f'[engine]\nstate_dir = "{folder}/state"'))
    sluice = str(options.sluice.resolve())
    run([sluice, "keygen", "example.com", "s1", "--out", "example.com.s1.pem"], folder)
    sandbox = subprocess.Popen([sluice, "sandbox", "--personality", options.personality, "--ready-file", folder / "ready.json", "--json",
                                folder / "sandbox.json", "--oracle", folder / "oracle.ndjson", "--log-level", "warning",
                                "--sender", "example.com", "--sender", "bounces.example.com", "--dkim-key", f"s1._domainkey.example.com={folder}/example.com.s1.pem"])
    try:
        wait_for(folder / "ready.json", sandbox)
        send = [sluice, "send", "weekly.toml", "--config", "quickstart.toml", "--sandbox-at", "ready.json", "--state", "state/weekly"]
        begin = time.monotonic()
        print(run(send, folder).strip())
        seconds = time.monotonic() - begin
        again = run(send, folder)
    finally:
        sandbox.terminate()
        sandbox.wait()
    look = ["--config", "quickstart.toml", "--state", "state/weekly"]
    print(run([sluice, "report", "weekly-2026-48", *look], folder))
    report = json.loads(run([sluice, "report", "weekly-2026-48", "--json", *look], folder))
    totals = report["totals"]
    for name in ("rows", "invalid", "duplicate", "suppressed", "recipients"):
        if totals[name] != expected[name]:
            fail(f"{name}: {totals[name]}, and the list was made with {expected[name]}")
    if totals["pending"] != 0 or report["state"] != "finished":
        fail(f"it is not finished: {totals}")
    if "finished" not in again:
        fail("a second send did not say that it is finished")
    run([sluice, "ledger", "verify", "weekly-2026-48", *look], folder)
    events = run([sluice, "events", "weekly-2026-48", *look], folder)
    finals = compare(events, (folder / "oracle.ndjson").read_text())
    if len(finals) != totals["recipients"]:
        fail(f"{len(finals)} recipients have a final event, of {totals['recipients']}")
    world = json.loads((folder / "sandbox.json").read_text())
    valid = check_messages(world)
    print(f"The sandbox agrees on all {len(finals)} recipients ({world['messages']} messages accepted, {world['encrypted_messages']} under TLS, "
          f"{valid} valid signatures); a second send sent nothing.")
    print(f"From the file to the last reply: {seconds:.1f} s, {totals['delivered'] / seconds:.0f} messages/s.")
    if options.openssl:
        alone = openssl_signatures_per_s()
        print(f"Sending took {report['elapsed_s']:.1f} s. OpenSSL alone makes {alone:.0f} RSA-2048 signatures/s on {os.cpu_count()} cores: "
              f"{totals['recipients'] / alone:.1f} s for as many, with nothing sent.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluice", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--rows", type=int, default=100000)
    parser.add_argument("--personality", default="realistic", help="of the sandbox")
    parser.add_argument("--openssl", action="store_true", help="say how long OpenSSL alone would need for as many signatures")
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for everything that is made; default: one that is removed")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        rehearse(options, options.keep.resolve())
        return
    with tempfile.TemporaryDirectory(prefix="sluice-rehearsal-") as folder:
        rehearse(options, pathlib.Path(folder))


if __name__ == "__main__":
    main()
