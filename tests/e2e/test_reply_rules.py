"""The operator's rule files decide what replies mean."""

import pathlib

from lab import BUILD, Lab
from servers import Nsd, Sink


class ReplyRulesTest(Lab):
    def connect(self, rules):
        """A sink that refuses every recipient in words of its own, and the rule file."""
        folder = pathlib.Path(self.path("nsd"))
        folder.mkdir()
        self.started(Nsd(BUILD, folder, "127.0.0.1", 5300, {"d.test": "@ MX 10 mx\nmx A 127.0.0.1"}))
        self.sink = self.started(Sink(BUILD, self.folder, options=["--reply-on", "rcpt:550 the cup runs over"]))
        self.rows([f"user{n}@d.test" for n in range(3)])
        self.campaign()
        self.config(port=2525)
        self.write("bounces.toml", rules)
        with self.path("sluice.toml").open("a") as config:
            config.write('[bounce_classifier]\nfiles = ["bounces.toml"]\n')

    def classes(self):
        return [event["bounce_classification"] for event in self.events("test", "--type", "Bounce")]

    def test_a_rule_gives_the_class(self):
        self.connect("[rules]\nQuotaIssues = [\n  '^550 the (?!mug)\\w+ runs over$',  # Look-ahead, as KumoMTA's files have it.\n]\n")
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.classes(), ["QuotaIssues"] * 3)

    def test_without_a_rule_that_fits_the_class_is_the_programs(self):
        self.connect("[rules]\nQuotaIssues = ['^550 the mug']\n")
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.classes(), ["Unclassified"] * 3)

    def test_a_rule_that_is_none_is_named_and_nothing_is_sent(self):
        self.connect("[rules]\nQuotaIssues = ['(']\nNonsense = ['x']\n")
        done = self.sluice("send", "campaign.toml", code=3)
        self.assertIn("bounces.toml:2", done.stderr)
        self.assertIn("bounces.toml:3: rules.Nonsense is no class", done.stderr)
        self.assertNotIn("MAIL", self.sink.text())
        self.assertFalse(self.path("state/campaigns/test").exists())
