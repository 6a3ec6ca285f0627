"""Rehearsals: the quickstart's, a generated list against the sandbox, compared recipient by recipient; and that nothing of one is taken for
real."""

import datetime
import pathlib
import subprocess
import sys

from lab import SLUICE, SOAK, Lab

REHEARSE = "tools/examples/rehearse.py"
GONE = """format = 1
name = "gone"
[provider.gone]
domains = ["gone.test"]
unknown_users = "100%"
[provider.rest]
weight = 1
"""
ROOT = pathlib.Path(__file__).resolve().parents[2]


class RehearsalTest(Lab):
    def rehearse(self, rows, personality):
        done = subprocess.run([sys.executable, str(ROOT / REHEARSE), "--sluice", SLUICE, "--rows", str(rows), "--personality", personality,
                               "--keep", str(self.path("rehearsal"))], capture_output=True, text=True, timeout=900, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr[-2000:])
        self.assertIn("The sandbox agrees on all", done.stdout)

    def test_a_realistic_internet_agrees_recipient_by_recipient(self):
        self.rehearse(100000 if SOAK else 15000, "realistic")

    def test_a_faultless_internet_agrees_recipient_by_recipient(self):
        self.rehearse(100000 if SOAK else 30000, "faultfree")


class RehearsedStateTest(Lab):
    """A sandbox that rehearsals name as one, and that the campaign itself takes for the internet."""

    def setUp(self):
        super().setUp()
        self.receivers = self.sandbox(GONE)
        self.config(dns=self.receivers.dns, port=self.receivers.port)
        self.rows(["user@a.test", "user@gone.test"])
        self.campaign()

    def rehearse(self, *arguments, code=0):
        return self.sluice("send", "campaign.toml", "--sandbox-at", self.receivers.ready, *arguments, code=code)

    def test_a_rehearsal_suppresses_nobody_and_does_not_wait_for_the_start(self):
        with self.path("sluice.toml").open("a") as config:
            config.write('[suppression]\nlearn = ["InvalidRecipient"]\n')
        start = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        self.campaign(delivery=f"start = {start.isoformat(timespec='seconds')}")
        self.rehearse("--state", self.path("rehearsed"))
        bounced = self.events("test", "--type", "Bounce", "--state", self.path("rehearsed"))
        self.assertEqual([(event["recipient"], event["bounce_classification"]) for event in bounced], [("user@gone.test", "InvalidRecipient")])
        self.assertFalse(self.path("state/suppressed.txt").exists())

    def test_the_campaign_does_not_go_on_where_a_rehearsal_ended(self):
        folder = self.path("one-for-both")
        self.rehearse("--state", folder)
        self.assertIn("the state of a rehearsal", self.sluice("send", "campaign.toml", "--state", folder, code=3).stderr)
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.receivers.end()["user@a.test"]["accepted"], 2)

    def test_a_rehearsal_delivers_nothing_of_the_campaign_itself(self):
        folder = self.path("one-for-both")
        self.sluice("send", "campaign.toml", "--state", folder)
        self.assertIn("the state of the campaign itself", self.rehearse("--state", folder, code=3).stderr)
        self.rehearse()
        self.rehearse()  # Goes on with the rehearsal, and finds it finished.
        self.assertEqual(self.receivers.end()["user@a.test"]["accepted"], 2)
