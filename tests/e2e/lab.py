"""What the end-to-end tests share: a folder of its own for each test, campaigns in it, and the program to run on them."""

import csv
import dataclasses
import io
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from servers import Process, wait_until

BUILD = pathlib.Path(os.environ["SLUICE_BUILD"])
SLUICE = str(BUILD / "sluice")
SOAK = bool(os.environ.get("SLUICE_SOAK"))

CAMPAIGN = """format = 1
id = "{id}"
kind = "transactional"
[from]
address = "news@example.com"
name = "Example"
[envelope]
sender = "bounce+{{{{token}}}}@bounces.example.com"
[message]
subject = "Hello {{{{first_name}}}}"
text = "Hello {{{{first_name}}}}, this is for {{{{email}}}}.\\n"
[recipients]
file = "rows.csv"
{recipients}
[delivery]
dkim = "optional"
{delivery}
"""

CONFIG = """[engine]
state_dir = "{state}"
{engine}
[dns]
servers = ["{dns}"]
max_queries_per_second = 20000
[smtp]
port = {port}
ehlo_domain = "mta.example.com"
[retry]
intervals = {intervals}
[security]
allow_private_destinations = true
[shaping]
files = ["shaping.toml"]
{tls}
"""

SHAPING = """["default"]
connection_limit = 20
max_deliveries_per_connection = 100
connect_timeout = "5s"
idle_timeout = "5s"
"""


def besides_the_sender(text: str) -> str:
    """What `send` said, but for what it tells of this lab's sender: no key signs its mail, and nobody knows its address."""
    return re.sub(r"^sluice: warning: (dkim|spf|ptr|ehlo): .*\n", "", text, flags=re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class DkimKey:
    domain: str
    selector: str
    file: pathlib.Path
    record: str  # What its TXT record says.

    @property
    def name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"


class Lab(unittest.TestCase):
    """A test with a folder. Everything that it starts ends with it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.counter = 0

    def started(self, process: Process) -> Process:
        def end():
            if process.popen.poll() is None:
                process.popen.kill()
                process.popen.wait()
        self.addCleanup(end)
        return process

    def path(self, name: str) -> pathlib.Path:
        return self.folder / name

    def write(self, name: str, text: str) -> pathlib.Path:
        self.path(name).write_text(text)
        return self.path(name)

    def rows(self, addresses, name="rows.csv"):
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["email", "first_name"])
        writer.writerows([address, f"Person {number}"] for number, address in enumerate(addresses, 1))
        self.write(name, out.getvalue())

    def campaign(self, identity="test", recipients="", delivery="", name="campaign.toml"):
        return self.write(name, CAMPAIGN.format(id=identity, recipients=recipients, delivery=delivery))

    def config(self, dns="127.0.0.1:5300", port=2525, intervals='["1s", "2s"]', engine="", shaping=SHAPING, ca_file=None):
        self.write("shaping.toml", shaping)
        self.write("sluice.toml", CONFIG.format(state=self.path("state"), dns=dns, port=port, intervals=intervals, engine=engine,
                                                tls=f'[tls]\nca_file = "{ca_file}"' if ca_file else ""))

    def dkim_keys(self, *kinds, domain="example.com") -> list:
        """Makes a key of each kind ("rsa2048", "ed25519"): selectors s1, s2 and so on."""
        keys = []
        for number, kind in enumerate(kinds, 1):
            file = self.path(f"{domain}.s{number}.pem")
            done = subprocess.run([SLUICE, "keygen", domain, f"s{number}", "--type", kind, "--out", file, "--json"], capture_output=True,
                                  text=True, check=True)
            keys.append(DkimKey(domain, f"s{number}", file, json.loads(done.stdout)["dns_txt"]))
        return keys

    def sign_with(self, keys) -> dict:
        """Adds them to sluice.toml; returns their records, by name."""
        with self.path("sluice.toml").open("a") as config:
            for key in keys:
                config.write(f'[[dkim."{key.domain}"]]\nselector = "{key.selector}"\nkey_file = "{key.file}"\n')
        return {key.name: key.record for key in keys}

    def sandbox(self, personality="faultfree", keys=()) -> "Sandbox":
        """`keys`: those that its DNS publishes, to verify what it accepts."""
        return Sandbox(self, personality, keys)

    def command(self, *arguments):
        """The command line of the program with this test's configuration."""
        return [SLUICE, *map(str, arguments), "--config", str(self.path("sluice.toml"))]

    def sluice(self, *arguments, code=0, timeout=120, **options) -> subprocess.CompletedProcess:
        """Runs the program to its end; `code`: the exit code that it must have, None: any."""
        try:
            done = subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=timeout, cwd=self.folder, **options)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"{arguments} did not end within {timeout} s: {late.stdout!r} {late.stderr!r}") from None
        if code is not None:
            self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done

    def start(self, *arguments) -> Process:
        self.counter += 1
        return self.started(Process(self.command(*arguments), self.path(f"log.{self.counter}"), cwd=self.folder))

    def wait_for_report(self, what, condition, timeout=60):
        """Waits until the report of a campaign that is starting or running says so."""
        def holds():
            done = subprocess.run(self.command("report", "test", "--format", "json"), capture_output=True, text=True, cwd=self.folder)
            return done.returncode == 0 and condition(json.loads(done.stdout))
        wait_until(what, holds, timeout)

    def report(self, identity="test") -> dict:
        report = json.loads(self.sluice("report", identity, "--format", "json").stdout)
        totals = report["totals"]
        self.assertEqual(totals["rows"], totals["invalid"] + totals["duplicate"] + totals["suppressed"] + totals["recipients"])
        self.assertEqual(totals["recipients"], sum(totals[name] for name in (
            "delivered", "bounced", "expired", "withdrawn", "cancelled", "in_doubt", "pending")))
        self.assertEqual(totals["pending"], sum(report["pending"].values()))
        return report

    def events(self, identity="test", *arguments) -> list:
        return [json.loads(line) for line in self.sluice("events", identity, *arguments).stdout.splitlines()]

    def check_nobody_is_lost(self, addresses, sandbox, in_doubt_most):
        """Of a campaign that has ended: the ledger and the mail exchangers agree on everybody. Delivered is who has one copy, nobody has two,
        and no more are in doubt than may be."""
        totals = self.report()["totals"]
        self.assertEqual(totals["recipients"], len(addresses))
        self.assertEqual(totals["delivered"] + totals["in_doubt"], len(addresses))
        finals = self.final_events()
        self.assertEqual(len(finals), len(addresses))
        seen = sandbox.end()
        copies = {address: row["accepted"] + row["accepted_silent"] for address, row in seen.items()}
        in_doubt = 0
        for address in addresses:
            self.assertEqual(len(finals[address]), 1, address)
            self.assertLessEqual(copies.get(address, 0), 1, f"{address} was sent twice")
            if finals[address] == ["Delivery"]:
                self.assertEqual(copies.get(address, 0), 1, f"{address} is said to be delivered")
            else:
                in_doubt += 1
        self.assertLessEqual(in_doubt, in_doubt_most)
        self.assertEqual(in_doubt, totals["in_doubt"])
        self.sluice("ledger", "verify", "test")

    def tls_of_deliveries(self, identity="test") -> set:
        """The TLS versions under which messages were delivered; None: in clear."""
        return {event.get("tls_protocol_version") for event in self.events(identity, "--type", "Delivery")}

    def final_events(self, identity="test") -> dict:
        """For each recipient the types of its final events; exactly one each is what a test then asserts."""
        finals = {}
        for event in self.events(identity):
            if event["type"] in ("Delivery", "Bounce", "Expiration", "InDoubt"):
                finals.setdefault(event["recipient"], []).append(event["type"])
        return finals


class Sandbox:
    """The built-in fake internet, as a process of its own."""

    def __init__(self, lab: Lab, personality: str, keys=()):
        self.lab = lab
        self.ready = lab.path("sandbox.ready")
        self.ready.unlink(missing_ok=True)  # An earlier one's.
        self.totals = lab.path("sandbox.json")
        self.rows = lab.path("oracle.ndjson")
        if "=" in personality:  # Not the name of one that is built in.
            personality = lab.write("personality.toml", personality)
        arguments = ["--ready-file", self.ready, "--json", self.totals, "--oracle", self.rows, "--personality", personality]
        for domain in ("example.com", "bounces.example.com"):  # Well, whatever the personality does to others.
            arguments += ["--sender", domain]
        for key in keys:
            arguments += ["--dkim-key", f"{key.name}={key.file}"]
        lab.counter += 1
        self.process = lab.started(Process([SLUICE, "sandbox", *map(str, arguments)], lab.path(f"log.{lab.counter}"), cwd=lab.folder))
        self.process.wait_until_ready("the sandbox's ready file", self.ready.exists)
        ready = json.loads(self.ready.read_text())
        self.dns = ready["dns"]
        self.port = ready["smtp_port"]
        self.ca_file = ready["ca_file"]

    def end(self) -> dict:
        """Stops it; returns what each recipient's mail exchanger saw, by address."""
        self.process.stop(signal.SIGTERM)
        return {row["address"]: row for row in map(json.loads, self.rows.read_text().splitlines())}
