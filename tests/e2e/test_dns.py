"""What the DNS says and how it says it: very many domains, odd mail exchangers, and servers that do not answer."""

import contextlib
import datetime
import json
import pathlib
import socket
import subprocess
import time

from lab import BUILD, SOAK, Lab
from servers import Nsd, Sink, wait_until

MANY = """format = 1
name = "many"
[provider.busy]
domains = ["busy.example"]
mx = ["mx1.busy.example", "mx2.busy.example"]
reply_delay = "20ms"
[provider.small]
weight = 1
mx = ["mx.small.example"]
[dns]
recover_after = "1s"
[dns.share]
nxdomain = "1%"
no_answer = "1%"
servfail = "1%"
"""


class ManyDomainsTest(Lab):
    def sends(self, identity, busy, domains):
        """In an internet of its own, sends to `busy` recipients of one domain and to one of each of so many others. Returns the seconds it
        took, the most memory (kB), the questions to the DNS, and when each message was accepted, of the one and of the others."""
        sandbox = self.sandbox(MANY)
        self.config(dns=sandbox.dns, port=sandbox.port)
        self.path("sluice.toml").write_text(self.path("sluice.toml").read_text().replace("= 20000\n", "= 10000\n"))
        self.rows([f"user{number}@busy.example" for number in range(busy)] + [f"user{number}@d{number}.example" for number in range(domains)])
        self.campaign(identity)
        begin = time.monotonic()
        process = self.start("send", "campaign.toml", "--progress", "off")
        most = 0

        def has_ended():
            nonlocal most
            status = pathlib.Path(f"/proc/{process.popen.pid}/status").read_text()
            most = max([most, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))])
            return process.popen.poll() is not None
        wait_until("the end", has_ended, timeout=600 if SOAK else 120)
        seconds = time.monotonic() - begin
        self.assertEqual(process.popen.returncode, 0, process.text())
        when = {"busy": [], "others": []}
        reader = subprocess.Popen(self.command("events", identity, "--type", "Delivery"), stdout=subprocess.PIPE, text=True)
        for event in map(json.loads, reader.stdout):  # One by one: they are many.
            at = datetime.datetime.fromisoformat(event["event_time"].replace("Z", "+00:00")).timestamp()
            when["busy" if event["recipient"].endswith("@busy.example") else "others"].append(at)
        self.assertEqual(reader.wait(), 0)
        sandbox.end()
        queries = json.loads(sandbox.totals.read_text())["dns_queries"]
        return seconds, most, queries, sorted(when["busy"]), sorted(when["others"])

    def test_very_many_domains_resolve_and_do_not_hold_up_the_others(self):
        domains, busy = (500_000, 20_000) if SOAK else (20_000, 2_000)
        alone = self.sends("alone", busy, 0) if SOAK else None
        seconds, most, queries, to_busy, to_others = self.sends("test", busy, domains)
        totals = self.report()["totals"]
        gone = totals["bounced"]
        self.assertEqual(totals["delivered"] + gone, domains + busy)
        self.assertAlmostEqual(gone / domains, 0.01, delta=0.004)
        # But for a hundredth: who is tried again, or was held up with its connection, comes seconds later.
        self.assertLessEqual(to_busy[-len(to_busy) // 100], to_others[len(to_others) * 9 // 10], "the busy domain had to wait for the others")
        self.assertGreater(queries, domains)
        self.assertLessEqual(queries, 10_000 * (seconds + 1), "the query rate")
        self.assertLess(most, 400_000 if not SOAK else 600_000, "kB of memory")
        if alone:
            rates = [busy / (times[-1] - times[0]) for times in (alone[3], to_busy)]
            print(f"{domains} domains in {seconds:.0f} s, {queries} questions, {most} kB; messages/s to one large domain meanwhile {rates[1]:.0f}, "
                  f"alone {rates[0]:.0f}, {alone[1]} kB")
            self.assertGreater(rates[1], 0.8 * rates[0], "messages/s to the busy domain")


class OddExchangersTest(Lab):
    def sends(self, zones, addresses, dns="127.0.0.1:5300"):
        folder = self.path("nsd")
        folder.mkdir()
        self.started(Nsd(BUILD, folder, "127.0.0.1", 5300, zones))
        self.started(Sink(BUILD, self.folder))
        self.rows(addresses)
        self.campaign()
        self.config(dns=dns)
        return self.start("send", "campaign.toml", "--progress", "off")

    def test_S16_S18_S19_S21_S22_exchangers_that_keep_to_no_standard(self):
        many = "".join(f"@ MX {number} mx{number}\n" for number in range(255)) + "mx0 A 127.0.0.1\n"
        zones = {
            "alias.test": "@ MX 10 mx\nmx CNAME real\nreal A 127.0.0.1",                    # S21: tolerated
            "moved.test": "www CNAME @\n@ MX 10 mx\nmx A 127.0.0.1",                        # S16
            "many.test": many,
            "literal.test": "@ MX 10 127.0.0.1.\n@ MX 20 mx\nmx A 127.0.0.1",               # An address is no host name.
            "only-literal.test": "@ MX 10 127.0.0.1.",
            "root.test": "@ MX 0 .\n@ MX 10 mx\nmx A 127.0.0.1",
            "null.test": "@ MX 0 .",                                                        # S22
            "plain.test": "@ A 127.0.0.1",                                                  # S18
        }
        good = ["alias.test", "www.moved.test", "many.test", "literal.test", "root.test", "plain.test"]
        bad = ["only-literal.test", "null.test"]
        process = self.sends(zones, [f"user@{domain}" for domain in good + bad])
        process.wait_for_end(0)
        self.assertEqual(sorted(event["recipient"] for event in self.events("test", "--type", "Delivery")), sorted(f"user@{d}" for d in good))
        bounces = {event["recipient"]: event for event in self.events("test", "--type", "Bounce")}
        self.assertEqual(sorted(bounces), sorted(f"user@{domain}" for domain in bad))
        self.assertEqual({event["bounce_classification"] for event in bounces.values()}, {"BadDomain"})
        self.assertEqual(bounces["user@null.test"]["response"]["enhanced_code"], {"class": 5, "subject": 1, "detail": 10})

    def test_aliases_that_turn_in_a_circle_are_waited_for_and_hold_up_nobody(self):
        process = self.sends({"circle.test": "a CNAME b\nb CNAME a", "good.test": "@ MX 10 mx\nmx A 127.0.0.1"}, ["user@a.circle.test", "user@good.test"])
        self.wait_for_report("the other's mail", lambda report: report["totals"]["delivered"] == 1)
        wait_until("a word about it", lambda: "DNS gives no answer for a.circle.test" in process.text())
        self.assertEqual(process.stop(), 4)
        self.assertEqual(self.report()["totals"]["pending"], 1)

    def test_a_dead_name_server_is_left_alone(self):
        dead = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(dead.close)
        dead.bind(("127.0.0.1", 5301))
        dead.setblocking(False)
        zones = {f"d{number}.test": "@ MX 10 mx\nmx A 127.0.0.1" for number in range(150)}
        process = self.sends(zones, [f"user@{domain}" for domain in zones], dns='127.0.0.1:5301", "127.0.0.1:5300')
        process.wait_for_end(0)
        self.assertEqual(self.report()["totals"]["delivered"], len(zones))
        asked = 0
        with contextlib.suppress(BlockingIOError):
            while dead.recv(2000):
                asked += 1
        # What was on its way before the first time-out told of it, the MX and the policy of each domain; nobody's address after that.
        self.assertGreater(asked, 0)
        self.assertLess(asked, 2 * len(zones) + 20)

    def test_S23_domain_literals_are_refused_with_their_line(self):
        self.rows(["ann@d.test", "max@[192.0.2.1]", "zoe@[IPv6:2001:db8::1]"])
        self.campaign()
        self.config()
        done = self.sluice("check", "campaign.toml", code=None)
        self.assertRegex(done.stdout + done.stderr, r"rows\.csv:3: .*address literal")
        text = self.path("campaign.toml").read_text()
        self.write("campaign.toml", text.replace('"news@example.com"', '"news@[192.0.2.1]"'))
        done = self.sluice("check", "campaign.toml", code=3)
        self.assertRegex(done.stderr, r"campaign\.toml:5: .*address literal")

    def test_private_addresses_are_refused_unless_they_are_allowed(self):
        zones = {"loop.test": "@ MX 10 mx\nmx A 127.0.0.1", "lan.test": "@ MX 10 mx\nmx A 192.168.1.1", "multi.test": "@ MX 10 mx\nmx A 224.0.0.1",
                 "zero.test": "@ MX 10 mx\nmx A 0.0.0.0", "null.test": "@ MX 0 ."}
        folder = self.path("nsd")
        folder.mkdir()
        self.started(Nsd(BUILD, folder, "127.0.0.1", 5300, zones))
        self.rows([f"user@{domain}" for domain in zones])
        self.campaign()
        self.config()
        self.path("sluice.toml").write_text(self.path("sluice.toml").read_text().replace("allow_private_destinations = true",
                                                                                          "allow_private_destinations = false"))
        self.sluice("send", "campaign.toml")
        bounces = self.events("test", "--type", "Bounce")
        self.assertEqual(len(bounces), len(zones))
        classes = sorted(event["bounce_classification"] for event in bounces)
        self.assertEqual(classes, ["BadDomain"] + ["RoutingErrors"] * 4)
        self.assertEqual(len(self.events("test", "--type", "TransientFailure")), 4)  # One answer is not enough.
