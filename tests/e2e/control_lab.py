"""A campaign that runs, three receivers, and an operator."""

import json
import pathlib
import socket

from lab import BUILD, SHAPING, Lab
from servers import Nsd, Sink


class ControlLab(Lab):
    def setUp(self):
        super().setUp()
        folder = pathlib.Path(self.path("nsd"))
        folder.mkdir()
        self.started(Nsd(BUILD, folder, "127.0.0.1", 5300, {
            "slow.test": "@ MX 10 mx\nmx A 127.0.0.2", "good.test": "@ MX 10 mx\nmx A 127.0.0.3", "shut.test": "@ MX 10 mx\nmx A 127.0.0.4"}))
        self.sinks = {}

    def sink(self, address, *options):
        self.sinks[address] = self.started(Sink(BUILD, self.folder, address, options))

    def prepare(self, each, domains=("slow.test",), shaping="", delivery="", intervals='["1s", "2s"]', rate="10/s"):
        """A campaign of `each` recipients at each domain, with this rate at `slow.test`."""
        self.rows([f"user{n}@{domain}" for n in range(each) for domain in domains])
        self.campaign(delivery=delivery)
        slow = '[provider.slow]\nmatch = [{MXSuffix = ".slow.test"}]\nmax_message_rate = "' + rate + '"\nconnection_limit = 1\n'
        self.config(intervals=intervals, shaping=SHAPING + slow + shaping, engine="shards = 2")

    def send(self):
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("the first delivery", lambda report: report["totals"]["delivered"] > 0)
        return process

    @property
    def socket(self):
        return self.path("state/campaigns/test/control")

    def status(self) -> dict:
        status = json.loads(self.sluice("status", "test", "--json").stdout)
        totals = status["totals"]
        self.assertEqual(totals["recipients"], sum(count for name, count in totals.items() if name != "recipients"))
        return status

    def asked(self, *arguments, code=0) -> dict:
        return json.loads(self.sluice(*arguments, "--json", code=code).stdout)

    def is_running(self, *options):
        done = self.sluice("status", "test", "--json", *options, code=None)
        return done.returncode == 0 and json.loads(done.stdout)["state"] == "running"

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(self.socket))
        self.addCleanup(client.close)
        return client
