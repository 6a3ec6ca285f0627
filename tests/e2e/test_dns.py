"""What the DNS says and how it says it: very many domains, odd mail exchangers, and servers that do not answer."""

import json
import pathlib
import time

from lab import BUILD, SLUICE, SOAK, Lab
from servers import Nsd, Process, wait_until

MANY = """format = 1
name = "many"
[provider.busy]
domains = ["busy.example"]
mx = ["mx1.busy.example", "mx2.busy.example"]
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
    def test_very_many_domains_resolve_and_do_not_hold_up_the_others(self):
        domains, busy = (500_000 if SOAK else 20_000), 2_000
        sandbox = self.sandbox(MANY)
        addresses = [f"user{number}@d{number}.example" for number in range(domains)]
        self.rows([f"user{number}@busy.example" for number in range(busy)] + addresses)
        self.campaign()
        self.config(dns=sandbox.dns, port=sandbox.port)
        self.path("sluice.toml").write_text(self.path("sluice.toml").read_text().replace("= 20000\n", "= 10000\n"))
        begin = time.monotonic()
        process = self.start("send", "campaign.toml", "--progress", "off")
        most = 0

        def has_ended():
            nonlocal most
            status = pathlib.Path(f"/proc/{process.popen.pid}/status").read_text()
            most = max([most, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))])
            return process.popen.poll() is not None
        wait_until("the end", has_ended, timeout=1800 if SOAK else 120)
        seconds = time.monotonic() - begin
        self.assertEqual(process.popen.returncode, 0, process.text())
        totals = self.report()["totals"]
        gone = totals["bounced"]
        self.assertEqual(totals["delivered"] + gone, domains + busy)
        self.assertAlmostEqual(gone / domains, 0.01, delta=0.004)
        when = {}
        for event in self.events("test", "--type", "Delivery"):
            when.setdefault("busy" if event["recipient"].endswith("@busy.example") else "small", []).append(event["timestamp"])
        small = sorted(when["small"])
        self.assertLessEqual(max(when["busy"]), small[len(small) // 2], "the busy domain had to wait for the others")
        sandbox.end()
        queries = json.loads(sandbox.totals.read_text())["dns_queries"]
        self.assertGreater(queries, domains)
        self.assertLessEqual(queries, 10_000 * (seconds + 1), "the query rate")
        self.assertLess(most, 400_000 if not SOAK else 1_500_000, "kB of memory")


class OddExchangersTest(Lab):
    def sends(self, zones, addresses):
        folder = self.path("nsd")
        folder.mkdir()
        self.started(Nsd(BUILD, folder, "127.0.0.1", 5300, zones))
        self.started(Process([SLUICE, "sink", "--listen", "127.0.0.1:2525", "--port-file", str(self.path("port"))], self.path("sink.log"),
                             cwd=self.folder))
        wait_until("the sink's port", self.path("port").exists)
        self.rows(addresses)
        self.campaign()
        self.config()
        return self.start("send", "campaign.toml", "--progress", "off")

    def test_exchangers_that_keep_to_no_standard(self):
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
        self.assertEqual(process.popen.wait(timeout=60), 0, process.text())
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

    def test_private_addresses_are_refused_unless_they_are_allowed(self):
        zones = {"loop.test": "@ MX 10 mx\nmx A 127.0.0.1", "lan.test": "@ MX 10 mx\nmx A 192.168.1.1", "multi.test": "@ MX 10 mx\nmx A 224.0.0.1",
                 "zero.test": "@ MX 10 mx\nmx A 0.0.0.0"}
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
        self.assertEqual({event["bounce_classification"] for event in bounces}, {"RoutingErrors"})
