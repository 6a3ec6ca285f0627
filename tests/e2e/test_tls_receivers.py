"""Postfix (OpenSSL) and Exim (GnuTLS) as receivers whose TLS is not in order: with verified TLS required, and by default."""

import signal

from lab import BUILD, SHAPING
from mail_lab import PORT, MailLab
from mail_servers import Exim, Face, Postfix, wait_until_it_speaks_tls
from servers import Nsd

KINDS = ("good", "expired", "other-name", "older", "none", "broken")
OLDER = {Postfix: "-o smtpd_tls_protocols=TLSv1.2", Exim: "NORMAL:-VERS-TLS1.3"}
BROKEN = {Postfix: "-o smtpd_tls_protocols=TLSv1", Exim: "NORMAL:-VERS-ALL:+VERS-TLS1.0"}  # Which nobody speaks any more.


class TlsReceiversTest(MailLab):
    def receiver(self, kind, first):
        """One server with a face for each kind of trouble, at addresses from `first` on. Returns the domains' zones."""
        name = kind.__name__.lower()
        zones, faces = {}, []
        for number, trouble in enumerate(KINDS):
            domain, address = f"{trouble}.{name}.test", f"127.0.0.{first + number}"
            named = f"mx.elsewhere{first}.test" if trouble == "other-name" else f"mx.{domain}"
            certificate = self.authority.certificate(named, address, days=-1 if trouble == "expired" else 2)
            tls = {"older": OLDER, "broken": BROKEN}.get(trouble, {}).get(kind, "")
            faces.append(Face(address, certificate, tls, has_tls=trouble != "none"))
            zones[domain] = f"@ MX 10 mx\nmx A {address}"
        own = self.authority.certificate(f"mx.{name}.test", f"127.0.0.{first - 1}")
        server = kind(BUILD, self.path(name), f"mx.{name}.test", f"127.0.0.{first - 1}", PORT, list(zones), own, faces=faces)
        self.addCleanup(server.remove)
        wait_until_it_speaks_tls(server)
        return zones

    def versions(self, identity):
        """The TLS version of each domain's delivery; None: in clear."""
        return {event["recipient"].split("@")[1]: event.get("tls_protocol_version") for event in self.events(identity, "--type", "Delivery")}

    def test_what_is_delivered_and_how(self):
        zones = {**self.receiver(Postfix, 41), **self.receiver(Exim, 51)}
        self.path("nsd").mkdir()
        self.started(Nsd(BUILD, self.path("nsd"), "127.0.0.1", 5300, zones))
        self.rows([f"user@{domain}" for domain in zones])
        self.config(port=PORT, shaping=SHAPING + 'enable_tls = "Required"\n', ca_file=self.authority.file, intervals='["10m"]')
        self.campaign()
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("every outcome", lambda report: (report["totals"]["delivered"], report["pending"]["deferred"]) == (4, 8))
        self.assertEqual(process.stop(signal.SIGINT), 4)
        deferred = {event["recipient"].split("@")[1]: event for event in self.events("test", "--type", "TransientFailure")}
        reasons = {"expired": "certificate has expired", "other-name": "ostname mismatch", "none": "STARTTLS is not offered", "broken": "TLS"}
        for server in ("postfix", "exim"):
            for trouble, reason in reasons.items():
                event = deferred[f"{trouble}.{server}.test"]
                self.assertEqual(event["bounce_classification"], "TlsRequired", server)
                self.assertIn(reason, event["response"]["content"], server)
        self.assertEqual(self.versions("test"), {"good.postfix.test": "TLSv1.3", "older.postfix.test": "TLSv1.2",
                                                 "good.exim.test": "TLSv1.3", "older.exim.test": "TLSv1.2"})
        self.config(port=PORT, ca_file=self.authority.file)
        self.campaign(identity="lax", name="lax.toml")
        self.sluice("send", "lax.toml")
        expected = {"good": "TLSv1.3", "expired": "TLSv1.3", "other-name": "TLSv1.3", "older": "TLSv1.2", "none": None, "broken": None}
        self.assertEqual(self.versions("lax"), {f"{trouble}.{server}.test": version for server in ("postfix", "exim")
                                                for trouble, version in expected.items()})
