"""TLS as the program negotiates it: with the sandbox's faults and certificates, and with four real servers."""

import json
import signal

from lab import SHAPING
from mail_lab import MailLab
from mail_servers import Aiosmtpd, Exim, OpenSmtpd, Postfix, wait_until_it_speaks_tls

FEW = SHAPING.replace("max_deliveries_per_connection = 100", "max_deliveries_per_connection = 4")
REQUIRED = FEW + 'enable_tls = "Required"\n'
COUNT = 40


class TlsTest(MailLab):
    def waits_for_tls(self) -> set:
        """Sends until everybody was deferred, and stops; returns why. Nobody may be delivered."""
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("everybody deferred", lambda report: report["pending"]["deferred"] == COUNT)
        self.assertEqual(process.stop(signal.SIGINT), 4)
        self.assertEqual(self.report()["totals"]["delivered"], 0)
        events = self.events("test", "--type", "TransientFailure")
        self.assertEqual({event["bounce_classification"] for event in events}, {"TlsRequired"})
        return {event["response"]["content"] for event in events}


class SandboxTlsTest(TlsTest):
    def prepare(self, tls, delivery="", shaping=FEW):
        """A sandbox of one provider with these lines of its [tls], and the configuration that leads there and trusts it."""
        sandbox = self.sandbox(f'format = 1\nname = "tls"\n[provider.p]\nweight = 1\nmx = ["mx.p.example"]\n'
                               f'[provider.p.tls]\n{tls}\n')
        self.rows([f"user{number}@d{number % 5}.example" for number in range(COUNT)])
        self.campaign(delivery=delivery)
        self.config(dns=sandbox.dns, port=sandbox.port, shaping=shaping, ca_file=sandbox.ca_file, intervals='["10m"]')
        return sandbox

    def totals(self, sandbox) -> dict:
        sandbox.end()
        return json.loads(sandbox.totals.read_text())

    def delivers(self, sandbox, version) -> dict:
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.report()["totals"]["delivered"], COUNT)
        self.assertEqual(self.tls_of_deliveries(), {version})
        totals = self.totals(sandbox)
        self.assertEqual(totals["messages"], COUNT)
        self.assertEqual(totals["encrypted_messages"], COUNT if version else 0)
        return totals

    def test_mail_is_encrypted_and_sessions_are_resumed(self):
        sandbox = self.prepare('certificate = "self_signed"')
        totals = self.delivers(sandbox, "TLSv1.3")
        resumed = [event["tls_resumed"] for event in self.events("test", "--type", "Delivery")]
        self.assertGreater(totals["resumed"], 0)
        self.assertIn(True, resumed)
        self.assertIn(False, resumed)

    def test_a_later_run_resumes_the_sessions_of_an_earlier_one(self):
        # Of several that begin at once, one for which no session is left may deliver first.
        sandbox = self.prepare('certificate = "valid"', shaping=REQUIRED.replace("connection_limit = 20", "connection_limit = 1"))
        self.sluice("send", "campaign.toml")
        kept = self.path("state") / "tls-sessions.cache"
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
        self.campaign(identity="again", name="again.toml")
        self.sluice("send", "again.toml")
        first = min(self.events("again", "--type", "Delivery"), key=lambda event: event["seq"])
        self.assertTrue(first["tls_resumed"])
        sandbox.end()

    def test_a_server_of_the_older_version(self):
        self.delivers(self.prepare('versions = ["TLSv1.2"]'), "TLSv1.2")
        ciphers = {event["tls_cipher"] for event in self.events("test", "--type", "Delivery")}
        self.assertTrue(all(cipher.startswith("TLS_ECDHE_") for cipher in ciphers), ciphers)

    def test_tls_that_is_reset_is_gone_round_in_clear(self):
        self.assertEqual(self.delivers(self.prepare('starttls = "reset"'), None)["handshakes"], 0)

    def test_tls_that_is_garbage_is_gone_round_in_clear(self):
        self.assertEqual(self.delivers(self.prepare('starttls = "garbage"'), None)["handshakes"], 0)

    def test_tls_that_is_not_offered_is_done_without(self):
        self.delivers(self.prepare('starttls = "off"'), None)

    def test_tls_that_is_refused_is_done_without(self):
        self.delivers(self.prepare('starttls = "refused"'), None)

    def waits(self, tls, why, **options):
        sandbox = self.prepare(tls, **options)
        reasons = self.waits_for_tls()
        self.assertTrue(all(why in reason for reason in reasons), reasons)
        self.assertEqual(self.totals(sandbox)["messages"], 0)

    def test_required_tls_that_is_not_offered_waits(self):
        self.waits('starttls = "off"', "STARTTLS is not offered, and must be", delivery='tls = "required"')

    def test_required_tls_that_is_refused_waits(self):
        self.waits('starttls = "refused"', "454", delivery='tls = "required"')

    def test_required_tls_that_is_reset_waits(self):
        self.waits('starttls = "reset"', "reset by peer", delivery='tls = "required"')

    def test_required_tls_that_is_garbage_waits(self):
        self.waits('starttls = "garbage"', "TLS", delivery='tls = "required"')

    def test_a_certificate_that_holds_is_taken_where_it_must(self):
        self.delivers(self.prepare('certificate = "valid"', shaping=REQUIRED), "TLSv1.3")

    def test_an_expired_certificate_is_refused_where_it_must_hold(self):
        self.waits('certificate = "expired"', "expired", shaping=REQUIRED)

    def test_a_certificate_for_another_name_is_refused_where_it_must_hold(self):
        self.waits('certificate = "wrong_name"', "mx.p.example", shaping=REQUIRED)

    def test_a_self_signed_certificate_is_refused_where_it_must_hold(self):
        self.waits('certificate = "self_signed"', "self-signed", shaping=REQUIRED)

    def test_tls_that_is_not_required_must_still_hold_where_it_is_to_be_verified(self):
        self.waits('certificate = "self_signed"', "self-signed", shaping=FEW + 'enable_tls = "Opportunistic"\n')


class RealServersTest(TlsTest):
    """OpenSSL (Postfix, aiosmtpd), GnuTLS (Exim) and LibreTLS (OpenSMTPD), with certificates of the test's own authority."""

    def prepare(self, *servers, shaping=REQUIRED):
        self.connect(*servers, shaping=shaping, ca_file=self.authority.file)
        self.rows([f"user{number}@{servers[number % len(servers)].domain}" for number in range(COUNT)])
        self.campaign()

    def test_mail_reaches_all_four_under_verified_tls(self):
        servers = [self.server(kind) for kind in (Postfix, Exim, OpenSmtpd, Aiosmtpd)]
        wait_until_it_speaks_tls(servers[0])
        self.prepare(*servers)
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.report()["totals"]["delivered"], COUNT)
        self.assertEqual(self.tls_of_deliveries(), {"TLSv1.3"})
        for server in servers:
            messages = server.messages(COUNT // 4)
            self.assertEqual(len(messages), COUNT // 4)
            for message in messages:
                self.assertRegex(message.trace, r"TLSv?1\.3", server.name)

    def test_postfix_that_speaks_the_older_version_only(self):
        server = self.server(Postfix, settings="smtpd_tls_protocols = TLSv1.2")
        wait_until_it_speaks_tls(server)
        self.prepare(server)
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.tls_of_deliveries(), {"TLSv1.2"})
        for message in server.messages(COUNT):
            self.assertIn("using TLSv1.2", message.trace)

    def test_postfix_without_tls_gets_nothing_that_must_be_encrypted(self):
        server = self.server(Postfix, settings="smtpd_tls_security_level = none")
        self.prepare(server)
        self.assertEqual({reason.rpartition("]: ")[2] for reason in self.waits_for_tls()}, {"STARTTLS is not offered, and must be"})
        self.assertEqual(server.messages(), [])

    def test_a_certificate_of_another_server_is_refused(self):
        server = self.server(OpenSmtpd, certificate=self.authority.certificate("mx.elsewhere.test", "127.0.0.99"))
        self.prepare(server)
        self.assertTrue(all("mx.opensmtpd.test" in reason for reason in self.waits_for_tls()))
        self.assertEqual(server.messages(), [])
