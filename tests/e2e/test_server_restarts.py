"""A real server dies in the middle of a campaign, or the program does: nobody is lost, and nobody gets a second copy."""

import random
import re
import signal
import subprocess

from lab import SOAK
from mail_lab import MailLab
from mail_servers import Exim, Postfix
from servers import wait_until

SESSIONS = 20  # connection_limit of the one site


class CrashTest(MailLab):
    def copies(self, server) -> dict:
        """By recipient the queue ids under which the server accepted a message. A server that died may deliver one of them twice."""
        found = {}
        for message in server.messages():
            queue_id = re.search(r"\bid ([0-9A-Za-z-]+)", message.trace).group(1)
            found.setdefault(message.recipient, set()).add(queue_id)
        return found

    def unanswered(self) -> set:
        """Whose connection ended in place of the reply to MAIL. Exim answers a pipelined group when it has read it whole: if it dies between
        accepting the message and that, nothing tells the two apart, and they are tried again. The program's own death is no such case."""
        return {event["recipient"] for event in self.events("test", "--type", "TransientFailure")
                if event["bounce_classification"] == "BadConnection" and event["response"]["command"] == "MAIL"}

    def check(self, server, addresses, most_in_doubt):
        """Everyone has one final state; who is delivered has one copy; who is in doubt has one or none."""
        totals = self.report()["totals"]
        self.assertEqual(totals["delivered"] + totals["in_doubt"], len(addresses))
        self.assertLessEqual(totals["in_doubt"], most_in_doubt)
        finals = self.final_events()
        delivered = [address for address in addresses if finals[address] == ["Delivery"]]
        self.assertEqual(len(delivered), totals["delivered"])
        wait_until("what Postfix or Exim had accepted in the mailbox", lambda: set(delivered) <= self.copies(server).keys(), timeout=120)
        copies = self.copies(server)
        may_be_twice = self.unanswered()
        for address in addresses:
            self.assertEqual(len(finals[address]), 1, address)
            self.assertLessEqual(len(copies.get(address, ())), 2 if address in may_be_twice else 1, f"{address} was sent twice")
        self.assertLessEqual(len(may_be_twice), SESSIONS)
        self.sluice("ledger", "verify", "test")


class ServerRestartTest(CrashTest):
    def restart(self, server):
        addresses = [f"user{number}@{server.domain}" for number in range(500)]
        self.connect(server)
        self.rows(addresses)
        self.campaign()
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("some deliveries", lambda report: report["totals"]["delivered"] >= 50)
        server.kill()
        self.assertIsNone(process.popen.poll(), "the campaign ended before the server was killed")
        server.start()
        self.assertEqual(process.popen.wait(timeout=240), 0, process.text())
        self.check(server, addresses, most_in_doubt=SESSIONS)

    def test_postfix_is_killed_and_comes_back(self):
        self.restart(self.server(Postfix))

    def test_exim_is_killed_and_comes_back(self):
        self.restart(self.server(Exim))


class KillTest(CrashTest):
    def test_twenty_kills_while_postfix_receives(self):
        server = self.server(Postfix)
        addresses = [f"user{number}@{server.domain}" for number in range(20000 if SOAK else 5000)]
        self.connect(server)
        self.rows(addresses)
        self.campaign(delivery=f'max_message_rate = "{len(addresses) // 10}/s"')  # However fast the machine, twenty kills come first.
        chance = random.Random(11)
        for kill in range(20):
            process = self.start("send", "campaign.toml", "--progress", "off")
            try:
                process.popen.wait(timeout=chance.uniform(0.15, 0.7))
                self.fail(f"it ended before kill {kill + 1}: {process.text()}")
            except subprocess.TimeoutExpired:
                process.popen.send_signal(signal.SIGKILL)
                process.popen.wait()
        self.sluice("send", "campaign.toml", timeout=300)
        self.check(server, addresses, most_in_doubt=20 * SESSIONS)
