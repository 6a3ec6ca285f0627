"""What tests of the sender share: one that is good, and its DNS, served by Knot."""

import json

from lab import BUILD, Lab
from servers import Knot, Sink

DNS = "127.0.0.1:5300"

MARKETING = """format = 1
id = "test"
[from]
address = "news@example.com"
[envelope]
sender = "bounce+{{token}}@bounces.example.com"
[message]
subject = "Hello"
text = "Hello {{email}}\\nNo more of them: https://example.com/u/{{token}}\\n"
[list]
id = "news.example.com"
unsubscribe_url = "https://example.com/u/{{token}}"
[recipients]
file = "rows.csv"
"""

SOURCE = """[sources.ip-1]
source_address = "127.0.0.1"
public_address = "203.0.113.7"
ehlo_domain = "mta1.example.com"
"""

RECIPIENTS = "example.com. MX 10 mta1.example.com.\nd.test. MX 10 mx.d.test.\nmx.d.test. A 127.0.0.1\n"


def quoted(text: str) -> str:
    return " ".join('"' + text[at:at + 255] + '"' for at in range(0, len(text), 255))


class SenderLab(Lab):
    """A test with a sender that passes every check: `good` is what its DNS says."""

    def setUp(self):
        super().setUp()
        self.rows([f"user{n}@d.test" for n in range(20)])
        self.write("campaign.toml", MARKETING)
        self.config(dns=DNS)
        self.key, = self.dkim_keys("rsa2048")
        self.sign_with([self.key])
        with self.path("sluice.toml").open("a") as config:
            config.write(SOURCE)
        self.good = {
            ("bounces.example.com", "TXT"): '"v=spf1 include:_spf.example.com -all"',
            ("_spf.example.com", "TXT"): '"v=spf1 ip4:203.0.113.0/24 ?all"',
            ("bounces.example.com", "MX"): "10 mta1.example.com.",
            (self.key.name, "TXT"): quoted(self.key.record),
            ("_dmarc.example.com", "TXT"): '"v=DMARC1; p=none; rua=mailto:dmarc@example.com"',
            ("7.113.0.203.in-addr.arpa", "PTR"): "mta1.example.com.",
            ("mta1.example.com", "A"): "203.0.113.7",
        }

    def zone(self, records) -> dict:
        """All names there are, in the root zone."""
        return {"": RECIPIENTS + "".join(f"{name.rstrip('.')}. {kind} {value}\n" for (name, kind), value in records.items())}

    def serve(self, records, negative_ttl=60):
        self.knot = self.started(Knot(BUILD, self.folder, "127.0.0.1", 5300, self.zone(records), negative_ttl))

    def without(self, *keys) -> dict:
        return {key: value for key, value in self.good.items() if key not in keys}

    def check(self, code=0) -> dict:
        return json.loads(self.sluice("check", "campaign.toml", "--json", code=code).stdout)

    def failed(self, answer) -> dict:
        """The checks that failed, with what to publish."""
        return {check["check"]: [(record["name"], record["type"], record["value"]) for record in check["publish"]]
                for check in answer["sender"] if check["verdict"] == "fail"}

    def sink(self, *options):
        return self.started(Sink(BUILD, self.folder, options=options))

    def delivered(self, sink) -> int:
        sink.stop()
        return json.loads(sink.text().splitlines()[-1])["messages"]
