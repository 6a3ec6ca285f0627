"""`sluice check`: what it says, its exit codes, and that it leaves nothing behind."""

import json

from lab import Lab


class CheckTest(Lab):
    def test_a_clean_campaign(self):
        self.rows(["a@a.test", "b@b.test", "a@a.test"])
        self.campaign()
        self.config(dns="127.0.0.1:1", port=1)
        done = self.sluice("check", "campaign.toml")
        self.assertEqual(done.stdout, "test: 3 rows, 2 recipients (0 invalid, 1 duplicate, 0 suppressed); 0 errors, 0 warnings\n")
        self.assertEqual(done.stderr, "")
        self.assertFalse([file for file in self.path("state").glob("checks/*")])

    def test_an_invalid_campaign_is_3(self):
        self.rows(["a@a.test"])
        self.campaign()
        self.config(dns="127.0.0.1:1", port=1)
        text = self.path("campaign.toml").read_text().replace("Hello {{first_name}},", "Hello {{nobody}},")
        self.write("campaign.toml", text)
        done = self.sluice("check", "campaign.toml", "--json", code=3)
        self.assertIn("nobody", done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["state"], "invalid")
        self.assertIn("nobody", answer["errors"][0])

    def test_a_failed_check_is_5_and_sends_nothing(self):
        self.rows(["a@a.test"])
        self.campaign()
        self.config(dns="127.0.0.1:1", port=1)
        text = self.path("campaign.toml").read_text().replace(
            "[recipients]", 'html = "<img src=\\"cid:none\\">"\n[recipients]', 1)
        self.write("campaign.toml", text)
        done = self.sluice("check", "campaign.toml", "--json", code=5)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["state"], "failed")
        self.assertEqual(answer["totals"]["recipients"], 1)
        found = {(finding["check"], finding["severity"]) for finding in answer["findings"]}
        self.assertEqual(found, {("missing_inline", "error"), ("image_without_alt", "warning")})
        self.assertFalse(list(self.path("state").glob("campaigns/*")))
