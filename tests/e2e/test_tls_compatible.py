"""Servers with which the usual TLS fails and a more compatible one works; and what that must never weaken."""

import signal
import socket

from lab import SHAPING
from mail_lab import PORT, MailLab
from mail_servers import Postfix, wait_until_it_speaks_tls
from servers import wait_until
from submission_server import HungUp, SubmissionServer

ONE_BY_ONE = SHAPING.replace("connection_limit = 20", "connection_limit = 1")
REQUIRED = ONE_BY_ONE + 'enable_tls = "Required"\n'
COUNT = 5
SUPPORTED_VERSIONS, TLS13 = 43, b"\x03\x04"


def names_tls13(hello: bytes) -> bool:
    """A ClientHello (RFC 8446 section 4.1.2) whose supported_versions have TLS 1.3."""
    at = 5 + 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at:at + 2], "big")
    at += 1 + hello[at]
    end = at + 2 + int.from_bytes(hello[at:at + 2], "big")
    at += 2
    while at < end:
        kind, size = int.from_bytes(hello[at:at + 2], "big"), int.from_bytes(hello[at + 2:at + 4], "big")
        if kind == SUPPORTED_VERSIONS:
            return TLS13 in hello[at + 4:at + 4 + size]
        at += 4 + size
    return False


class IntolerantServer(SubmissionServer):
    """OpenSSL behind something that drops whoever names TLS 1.3. With `always`, it drops everybody."""

    def __init__(self, domain, address, certificate, always=False):
        self.domain, self.address, self.always = domain, address, always
        self.dropped, self.encrypted, self.in_clear = 0, 0, 0
        super().__init__(f"mx.{domain}", address, PORT, certificate, on_auth=None, mechanisms="")

    def answer(self, conversation, line):
        if line.startswith("MAIL"):
            self.encrypted += conversation.encrypted
            self.in_clear += not conversation.encrypted
        if line != "STARTTLS":
            return super().answer(conversation, line)
        conversation.say("220 go on")
        if self.always or names_tls13(conversation.connection.recv(4096, socket.MSG_PEEK)):
            self.dropped += 1
            raise HungUp
        conversation.encrypt(self.context)
        return True


class CompatibleTlsTest(MailLab):
    def prepare(self, server, shaping, **config):
        self.connect(server, shaping=shaping, ca_file=self.authority.file, **config)
        self.rows([f"user{number}@{server.domain}" for number in range(COUNT)])
        self.campaign()

    def intolerant(self, named=None, **options):
        certificate = self.authority.certificate(named or "mx.old.test", "127.0.0.31")
        server = IntolerantServer("old.test", "127.0.0.31", certificate, **options)
        self.addCleanup(server.stop)
        return server

    def profiles(self, identity="test"):
        return {(event.get("tls_protocol_version"), event.get("tls_profile")) for event in self.events(identity, "--type", "Delivery")}

    def test_postfix_with_a_cipher_that_the_usual_profile_does_not_have(self):
        cipher = "ECDHE-ECDSA-CAMELLIA256-SHA384"
        server = self.server(Postfix, settings=f"smtpd_tls_protocols = TLSv1.2\nsmtpd_tls_ciphers = high\ntls_high_cipherlist = {cipher}")
        wait_until_it_speaks_tls(server, cipher)
        self.prepare(server, REQUIRED)
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.profiles(), {("TLSv1.2", "compatible")})
        for message in server.messages(COUNT):
            self.assertIn(cipher, message.trace)
        results = self.report()["tls_results"]
        self.assertEqual([(entry["success"], entry["compatible"], entry["failures"]) for entry in results], [(1, 1, {"validation-failure": 1})])

    def test_a_server_that_cannot_bear_the_newer_version_is_encrypted_to_and_remembered(self):
        server = self.intolerant()
        self.prepare(server, ONE_BY_ONE)
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.profiles(), {("TLSv1.2", "compatible")})
        self.assertEqual((server.dropped, server.encrypted, server.in_clear), (1, COUNT, 0))
        self.campaign(identity="again", name="again.toml")
        self.sluice("send", "again.toml")
        self.assertEqual(self.profiles("again"), {("TLSv1.2", "compatible")})
        self.assertEqual(server.dropped, 1, "another run knows it")

    def test_one_with_which_no_profile_works_gets_its_mail_in_clear_where_that_is_allowed(self):
        server = self.intolerant(always=True)
        self.prepare(server, ONE_BY_ONE)
        self.sluice("send", "campaign.toml")
        self.assertEqual(self.profiles(), {(None, None)})
        self.assertEqual((server.dropped, server.in_clear), (2, COUNT))
        # P18: what is remembered weakens no policy.
        self.campaign(identity="strict", name="strict.toml", delivery='tls = "required"')
        self.waits("strict")
        self.assertEqual(server.in_clear, COUNT)

    def waits(self, identity):
        process = self.start("send", "campaign.toml" if identity == "test" else f"{identity}.toml", "--progress", "off")
        wait_until("everybody deferred", lambda: "TransientFailure" in self.sluice("events", identity, code=None).stdout)
        self.assertEqual(process.stop(signal.SIGINT), 4)
        events = self.events(identity)
        self.assertEqual([event for event in events if event["type"] == "Delivery"], [])
        self.assertEqual({event["bounce_classification"] for event in events if event["type"] == "TransientFailure"}, {"TlsRequired"})
        return events

    def test_the_certificate_must_still_hold(self):
        server = self.intolerant(named="mx.elsewhere.test")
        self.prepare(server, REQUIRED, intervals='["1h"]')  # A second try begins with the usual profile again.
        events = self.waits("test")
        self.assertTrue(any("mx.old.test" in event["response"]["content"] for event in events if event["type"] == "TransientFailure"))
        self.assertEqual((server.encrypted, server.in_clear), (0, 0))
        self.assertEqual(server.dropped, 1)
