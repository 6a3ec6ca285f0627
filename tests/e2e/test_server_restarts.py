"""A real server dies in the middle of a campaign, or the program does: nobody is lost, and nobody gets a second copy."""

import random
import re
import signal
import subprocess

from lab import SHAPING, SOAK
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
        missing = lambda: set(delivered) - self.copies(server).keys()
        try:
            wait_until("what Postfix or Exim had accepted in the mailbox", lambda: not missing(), timeout=120)
        except AssertionError as late:
            self.fail(f"{late}; not there: {sorted(missing())}\n{server.text()[-20000:]}")
        copies = self.copies(server)
        may_be_twice = self.unanswered()
        for address in addresses:
            self.assertEqual(len(finals[address]), 1, address)
            self.assertLessEqual(len(copies.get(address, ())), 2 if address in may_be_twice else 1, f"{address} was sent twice")
        self.assertLessEqual(len(may_be_twice), SESSIONS)
        self.sluice("ledger", "verify", "test")

    def begin(self, server, count, shaping=SHAPING, delivery=""):
        addresses = [f"user{number}@{server.domain}" for number in range(count)]
        self.connect(server, shaping=shaping)
        self.rows(addresses)
        self.campaign(delivery=delivery)
        return addresses

    def kill_server(self, server, most_in_doubt, **options):
        """In the middle of a campaign; it comes back."""
        addresses = self.begin(server, 1500, **options)
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("some deliveries", lambda report: report["totals"]["delivered"] >= 50)
        server.kill()
        self.assertIsNone(process.popen.poll(), "the campaign ended before the server was killed")
        server.start()
        process.wait_for_end(0, timeout=240)
        self.check(server, addresses, most_in_doubt)

    def kill_program(self, seconds) -> bool:
        """Starts it, and kills it after so long. False: it had ended."""
        process = self.start("send", "campaign.toml", "--progress", "off")
        try:
            process.popen.wait(timeout=seconds)
            return False
        except subprocess.TimeoutExpired:
            process.popen.send_signal(signal.SIGKILL)
            process.popen.wait()
            return True


class ServerRestartTest(CrashTest):
    def test_postfix_is_killed_and_comes_back(self):
        self.kill_server(self.server(Postfix), most_in_doubt=SESSIONS)

    def test_exim_is_killed_and_comes_back(self):
        self.kill_server(self.server(Exim), most_in_doubt=SESSIONS)


class KillTest(CrashTest):
    def test_twenty_kills_while_postfix_receives(self):
        server = self.server(Postfix)
        count = 20000 if SOAK else 5000
        addresses = self.begin(server, count, delivery=f'max_message_rate = "{count // 10}/s"')  # However fast the machine, twenty kills come first.
        chance = random.Random(11)
        for kill in range(20):
            self.assertTrue(self.kill_program(chance.uniform(0.15, 0.7)), f"it ended before kill {kill + 1}")
        self.sluice("send", "campaign.toml", timeout=300)
        self.check(server, addresses, most_in_doubt=20 * SESSIONS)
