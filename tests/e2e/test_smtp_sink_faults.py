"""Postfix's smtp-sink with each fault that it can be told to have, in one campaign: the ledger agrees with what each of them took, and
none holds up the others."""

import collections
import pathlib
import signal

from lab import BUILD, Lab
from servers import Nsd, SmtpSink, wait_until

COMMANDS = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", ".")
# By name, the options of a sink that takes all mail in the end...
HARMLESS = {
    "plain": [], "no-8bitmime": ["-8"], "no-auth": ["-a"], "no-esmtp": ["-e"], "no-enhanced-codes": ["-E"], "no-pipelining": ["-p"],
    "pix": ["-P"], "no-dsn": ["-N"], "no-xclient": ["-C", "-F"], "slow-data": ["-w", "1"], "slow-mail": ["-W", "MAIL:1"],
    "slow-now-and-then": ["-W", ".:1:50"], "slow-reader": ["-H", "1", "-T", "2000"], "one-connection": ["-m", "1"],
    "helo-only": ["-f", "EHLO"], "no-helo": ["-f", "HELO"], "hard-rset": ["-f", "RSET"], "soft-rset": ["-r", "RSET"],
    "no-reply-to-rset": ["-q", "RSET"], "hard-quit": ["-f", "QUIT"], "no-reply-to-quit": ["-q", "QUIT"], "421-to-quit": ["-Q", "QUIT"],
}
# ... of one that takes none...
HARMFUL = {
    **{f"hard-{number}": ["-f", command] for number, command in enumerate(COMMANDS) if command != "EHLO"},
    **{f"soft-{number}": ["-r", command] for number, command in enumerate(COMMANDS)},
    **{f"ends-{number}": ["-q", command] for number, command in enumerate(COMMANDS)},
    **{f"421-{number}": ["-Q", command] for number, command in enumerate(COMMANDS)},
    "550-within-data": ["-A", "0"], "unknown": ["-B", "550 5.1.1 User unknown", "-f", "RCPT"],
    "full": ["-b", "452 4.2.2 Mailbox full", "-r", "RCPT"],
}
# ... and of one that goes away in the middle.
ENDING = {"three-messages": ["-M", "3"], "one-session": ["-n", "1"]}
EACH = 6
KEEPS_WHAT_IT_REFUSES = [name for name, options in HARMFUL.items() if options[-1] == "."]


class SmtpSinkFaultsTest(Lab):
    def test_each_of_its_faults(self):
        kinds = {**HARMLESS, **HARMFUL, **ENDING}
        sinks, zones = {}, {}
        for number, (name, options) in enumerate(kinds.items(), 1):
            folder = pathlib.Path(self.path(name))
            folder.mkdir()
            address = f"127.0.1.{number}"
            sinks[name] = self.started(SmtpSink(BUILD, folder, address, 2525, options, wait=name not in ENDING))
            zones[f"{name}.test"] = f"@ MX 10 mx\nmx A {address}"
        self.path("nsd").mkdir()
        self.started(Nsd(BUILD, self.path("nsd"), "127.0.0.1", 5300, zones))
        addresses = {name: [f"user{number}@{name}.test" for number in range(EACH)] for name in kinds}
        self.rows([addresses[name][number] for number in range(EACH) for name in kinds])
        self.campaign(delivery="[delivery.budget]\nbounce = \"off\"")
        self.config(shaping='["default"]\nconnection_limit = 2\nconnect_timeout = "3s"\nbanner_timeout = "3s"\nehlo_timeout = "3s"\n'
                            'mail_from_timeout = "5s"\nrcpt_to_timeout = "5s"\ndata_timeout = "5s"\ndata_dot_timeout = "10s"\n')
        process = self.start("send", "campaign.toml", "--progress", "off")
        good = {address for name in HARMLESS for address in addresses[name]}

        def told():
            found = collections.defaultdict(list)
            for event in self.events("test"):
                if "recipient" in event:
                    found[event["recipient"]].append(event["type"])
                if event["type"] == "SiteState":
                    found[event["site_name"].removeprefix("mx.")].append("SiteState")
            return found

        def is_settled():
            found = told()
            rest = [name for name in {**HARMFUL, **ENDING} if f"{name}.test" not in found and not any(a in found for a in addresses[name])]
            return not rest and all("Delivery" in found[address] for address in good)

        self.wait_for_report("the first attempts", lambda report: report["attempts"]["total"] > 0)
        wait_until("everyone's mail, and a word of each fault", is_settled, timeout=90)
        self.assertIn(process.stop(signal.SIGTERM), (0, 4), process.text())
        found = told()
        for name in kinds:
            with self.subTest(name):
                kept = collections.Counter(sinks[name].recipients())
                delivered = {address for address in addresses[name] if "Delivery" in found[address]}
                in_doubt = {address for address in addresses[name] if "InDoubt" in found[address]}
                for address in delivered:
                    self.assertEqual(kept[address], 1, address)
                if name in HARMLESS:
                    self.assertEqual(delivered, set(addresses[name]))
                if name in HARMFUL:
                    self.assertEqual(delivered, set())
                if name not in KEEPS_WHAT_IT_REFUSES:
                    self.assertEqual({address for address in kept if address not in delivered | in_doubt}, set())
                if name not in ENDING:
                    self.assertEqual(bool(in_doubt), kinds[name] == ["-q", "."], "in doubt is who was accepted, perhaps, and nobody else")
        self.assertEqual([found[address] for address in addresses["unknown"]], [["Bounce"]] * EACH)
        self.sluice("ledger", "verify", "test")
