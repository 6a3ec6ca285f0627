"""Delivery to a foreign receiver, found through a foreign name server."""

import pathlib

from lab import BUILD, Lab
from servers import Nsd, SmtpSink


class SmtpSinkTest(Lab):
    def test_every_recipient_arrives_once_at_postfix_smtp_sink_by_way_of_nsd(self):
        domains = [f"d{number}.test" for number in range(20)]
        zones = {domain: "@ MX 10 mx\nmx A 127.0.0.1" for domain in domains[:-1]}
        zones[domains[-1]] = "@ A 127.0.0.1"  # No MX: the address itself (RFC 5321 section 5.1).
        nsd_folder = pathlib.Path(self.path("nsd"))
        nsd_folder.mkdir()
        self.started(Nsd(BUILD, nsd_folder, "127.0.0.1", 5300, zones))
        sink_folder = pathlib.Path(self.path("sink"))
        sink_folder.mkdir()
        sink = self.started(SmtpSink(BUILD, sink_folder, "127.0.0.1", 2525))
        addresses = [f"user{number}@{domains[number % len(domains)]}" for number in range(2000)]
        self.rows(addresses)
        self.campaign()
        self.config(dns="127.0.0.1:5300", port=2525)
        self.sluice("send", "campaign.toml")
        self.assertEqual(sink.recipients(), sorted(addresses))
        self.assertEqual(self.report()["totals"]["delivered"], 2000)
        self.assertEqual(self.report()["state"], "finished")

        again = self.sluice("send", "campaign.toml")  # A second one sends nothing.
        self.assertIn("finished", again.stdout + again.stderr)
        self.assertEqual(len(sink.recipients()), 2000)

    def test_null_mx_and_a_domain_that_does_not_exist(self):
        zones = {"null.test": "@ MX 0 .", "good.test": "@ MX 10 mx\nmx A 127.0.0.1"}
        nsd_folder = pathlib.Path(self.path("nsd"))
        nsd_folder.mkdir()
        self.started(Nsd(BUILD, nsd_folder, "127.0.0.1", 5300, zones))
        sink_folder = pathlib.Path(self.path("sink"))
        sink_folder.mkdir()
        self.started(SmtpSink(BUILD, sink_folder, "127.0.0.1", 2525))
        self.rows(["a@good.test", "b@null.test", "c@missing.good.test"])
        self.campaign()
        self.config(dns="127.0.0.1:5300", port=2525)
        self.sluice("send", "campaign.toml")
        finals = self.final_events()
        self.assertEqual(finals, {"a@good.test": ["Delivery"], "b@null.test": ["Bounce"], "c@missing.good.test": ["Bounce"]})
        bounces = {event["recipient"]: event for event in self.events("test", "--type", "Bounce")}
        self.assertEqual(bounces["b@null.test"]["bounce_classification"], "BadDomain")
        self.assertEqual(bounces["c@missing.good.test"]["bounce_classification"], "BadDomain")
        retried = [event for event in self.events("test", "--type", "TransientFailure") if event["recipient"] == "c@missing.good.test"]
        self.assertEqual(len(retried), 1, "it is asked for twice before it bounces")
