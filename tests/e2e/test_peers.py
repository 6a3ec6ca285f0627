"""bench/peers/run.py: it measures a server and a program, and both sent what they were given."""

import json
import pathlib
import subprocess
import sys
import unittest

from lab import BUILD, SOAK, Lab

RUN = pathlib.Path(__file__).resolve().parents[2] / "bench" / "peers" / "run.py"


class PeersTest(Lab):
    def run_peers(self, *arguments) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, RUN, "--build", BUILD, *arguments], capture_output=True, text=True, timeout=600 if SOAK else 120)

    def test_each_peer_sends_the_same_mail_and_is_measured(self):
        peers = ["sluice", "sluice-sealed", "postfix", "exim", "opensmtpd", "nodemailer"] if SOAK else ["sluice-sealed", "exim"]
        done = self.run_peers("--smoke", "--json", self.path("peers.json"), *peers)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        results = json.loads(self.path("peers.json").read_text())
        self.assertEqual(list(results), peers)
        for name, (figures,) in results.items():
            self.assertIn(name, done.stdout)
            self.assertEqual((figures["messages"], figures["signed"]), (100, name != "opensmtpd"))
            self.assertGreater(figures["cpu_us_per_message"], 0)
            self.assertGreater(figures["bytes_per_message"], 10000)
            self.assertGreaterEqual(figures["connections"], 1)

    def test_a_peer_that_is_not_there_is_said(self):
        done = self.run_peers("sendmail")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("there is no peer sendmail; there are sluice, sluice-sealed, postfix, exim, opensmtpd, nodemailer", done.stderr)


if __name__ == "__main__":
    unittest.main()
