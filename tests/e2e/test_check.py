"""`sluice check`: what it says, its exit codes, and that it leaves nothing behind."""

import json
import subprocess

from lab import Lab


class CheckTest(Lab):
    def test_a_clean_campaign(self):
        self.rows(["a@a.test", "b@b.test", "a@a.test"])
        self.campaign()
        self.config(dns="127.0.0.1:1", port=1)
        done = self.sluice("check", "campaign.toml")
        self.assertRegex(done.stdout, r"^sender:\n")  # All there is: a DNS that gives no answer is no error.
        self.assertRegex(done.stdout.splitlines()[-1],
                         r"^test: 3 rows, 2 recipients \(0 invalid, 1 duplicate, 0 suppressed\); 0 errors, [1-9] warnings$")
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

    def test_what_send_would_refuse_is_3_and_send_prepares_nothing_then(self):
        self.rows(["a@a.test"])
        self.write("bounces.toml", "nonsense")
        broken = {
            "connection_limt": lambda: self.config(shaping='["default"]\nconnection_limt = 1\n'),
            "bounces.toml": lambda: self.append('[bounce_classifier]\nfiles = ["bounces.toml"]\n'),
            "nowhere.pem": lambda: self.config(ca_file="nowhere.pem"),
            "other.pem": lambda: self.append('[[dkim."other.test"]]\nselector = "s1"\nkey_file = "other.pem"\n'),
            'there is no pool "mian"': lambda: self.campaign(delivery='pool = "mian"'),
            "is no class of bounces": lambda: self.append('[suppression]\nlearn = ["Nonsense"]\n'),
            "set ehlo_domain in [smtp]": lambda: self.write("sluice.toml", self.path("sluice.toml").read_text().replace("ehlo_domain", "#")),
        }
        for words, breaks in broken.items():
            self.campaign()
            self.config(dns="127.0.0.1:1", port=1)
            breaks()
            for command in ("check", "send"):
                done = subprocess.run(["unshare", "--uts", "sh", "-c", 'hostname plain && exec "$@"', "sh", *self.command(command, "campaign.toml")],
                                      capture_output=True, text=True, timeout=60, cwd=self.folder)
                self.assertEqual(done.returncode, 3, f"{command}: {words}: {done.stdout} {done.stderr}")
                self.assertIn(words, done.stderr, command)
        self.assertFalse(list(self.path("state").glob("campaigns/*/manifest.json")))

    def append(self, text):
        with self.path("sluice.toml").open("a") as config:
            config.write(text)

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
        refused = self.sluice("send", "campaign.toml", code=5)
        self.assertIn("[missing_inline]", refused.stderr)
        self.assertIn("--force", refused.stderr)
        self.assertFalse(list(self.path("state").glob("campaigns/*/manifest.json")))
