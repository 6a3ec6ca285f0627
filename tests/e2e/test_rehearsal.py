"""The quickstart's rehearsal: a generated list against the sandbox, compared recipient by recipient."""

import pathlib
import subprocess
import sys

from lab import SLUICE, SOAK, Lab

REHEARSE = "tools/examples/rehearse.py"
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
