"""kill -9 at random moments: nobody is lost, nobody gets a second copy, and what is in doubt was in flight."""

import random
import signal
import subprocess

from lab import SOAK, Lab

PERSONALITY = """format = 1
name = "slow"
[provider.slow]
weight = 1
mx = ["mx.slow.example"]
reply_delay = "20ms"
"""
SESSIONS = 20  # connection_limit of the one site


class KillTest(Lab):
    def test_twenty_kills_lose_nobody_and_send_nobody_a_second_copy(self):
        count = 40000 if SOAK else 12000
        addresses = [f"user{number}@d{number % 50}.example" for number in range(count)]
        self.rows(addresses)
        self.campaign()
        sandbox = self.sandbox(PERSONALITY)
        self.config(dns=sandbox.dns, port=sandbox.port)
        chance = random.Random(7)
        kills = 0
        while kills < 20:
            process = self.start("send", "campaign.toml", "--progress", "off")
            try:
                code = process.popen.wait(timeout=chance.uniform(0.15, 0.7))
                self.assertEqual(code, 0, process.text())
                break
            except subprocess.TimeoutExpired:
                pass
            process.popen.send_signal(signal.SIGKILL)
            process.popen.wait()
            kills += 1
        self.assertEqual(kills, 20, "the campaign ended before it was killed often enough")
        self.sluice("send", "campaign.toml", timeout=300)
        totals = self.report()["totals"]
        self.assertEqual(totals["recipients"], count)
        self.assertEqual(totals["delivered"] + totals["in_doubt"], count)
        finals = self.final_events()
        self.assertEqual(len(finals), count)
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
        self.assertLessEqual(in_doubt, 20 * SESSIONS)
        self.assertEqual(in_doubt, totals["in_doubt"])
        self.sluice("ledger", "verify", "test")
