"""kill -9 at random moments: nobody is lost, nobody gets a second copy, and what is in doubt was in flight."""

import json
import pathlib
import random
import re
import signal
import subprocess

from lab import SOAK, Lab
from servers import wait_until

PERSONALITY = """format = 1
name = "slow"
[provider.slow]
weight = 1
mx = ["mx.slow.example"]
reply_delay = "20ms"
[provider.slow.tls]
starttls = "{starttls}"
"""
SESSIONS = 20  # connection_limit of the one site
KILLS = 20


def has_connection(process, port) -> bool:
    """The program has a connection to that port: its mail is under way, or about to be."""
    lines = pathlib.Path(f"/proc/{process.popen.pid}/net/tcp").read_text().splitlines()[1:]
    return any(remote.endswith(f":{port:04X}") and state == "01" for _, _, remote, state, *_ in map(str.split, lines))


class KillTest(Lab):
    def kill_often(self, count, starttls, delivery="", kinds=()):
        """A campaign to `count` recipients, killed twenty times and then finished. Returns the sandbox's totals."""
        addresses = [f"user{number}@d{number % 50}.example" for number in range(count)]
        self.rows(addresses)
        self.campaign(delivery=delivery)
        keys = self.dkim_keys(*kinds)
        sandbox = self.sandbox(PERSONALITY.format(starttls=starttls), keys)
        self.config(dns=sandbox.dns, port=sandbox.port)
        self.sign_with(keys)
        chance = random.Random(7)
        in_flight = []
        for kill in range(KILLS):
            process = self.start("send", "campaign.toml", "--progress", "off")
            if kill % 4 != 0:  # The others meet it while it starts.
                wait_until("a connection", lambda sending=process: sending.popen.poll() is not None or has_connection(sending, sandbox.port), 60)
            try:
                process.popen.wait(timeout=chance.uniform(0.01, 0.5))
                self.fail("the campaign ended before it was killed often enough: " + process.text())
            except subprocess.TimeoutExpired:
                pass
            process.popen.send_signal(signal.SIGKILL)
            process.popen.wait()
            in_flight.append(process.text())
        in_flight.append(self.sluice("send", "campaign.toml", timeout=300).stderr)
        in_flight = [int(number) for number in re.findall(r"(\d+) messages were in flight", "".join(in_flight))]
        self.assertGreater(len(in_flight), 1, "hardly any kill met a message in flight")
        self.assertLessEqual(max(in_flight), SESSIONS)
        self.check_nobody_is_lost(addresses, sandbox, sum(in_flight))
        return json.loads(sandbox.totals.read_text())

    def test_twenty_kills_lose_nobody_and_send_nobody_a_second_copy(self):
        totals = self.kill_often(40000 if SOAK else 12000, "off")
        self.assertEqual(totals["encrypted_messages"], 0)

    def test_twenty_kills_under_tls_with_signatures_lose_nobody_and_send_nobody_a_second_copy(self):
        totals = self.kill_often(40000 if SOAK else 12000, "on", 'tls = "required"', ("rsa2048", "ed25519"))
        self.assertEqual(totals["encrypted_messages"], totals["messages"])
        self.assertEqual(totals["signatures"]["valid"], 2 * totals["messages"])
        self.assertEqual(totals["signatures"]["invalid"], 0)
