"""A test with real mail servers, which the program finds by way of a real name server."""

from certificates import Authority
from lab import BUILD, SHAPING, Lab
from mail_servers import Aiosmtpd, Exim, OpenSmtpd, Postfix
from servers import Nsd

PORT = 2525
ADDRESSES = {Postfix: "127.0.0.11", Exim: "127.0.0.12", OpenSmtpd: "127.0.0.13", Aiosmtpd: "127.0.0.14"}


class MailLab(Lab):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.path("authority"))

    def server(self, kind, **options):
        """Starts one of mail_servers for the domain of its own: postfix.test, exim.test, opensmtpd.test or aiosmtpd.test."""
        domain = f"{kind.__name__.lower()}.test"
        name, address = f"mx.{domain}", ADDRESSES[kind]
        certificate = options.pop("certificate", None) or self.authority.certificate(name, address)
        if kind is Aiosmtpd:
            server = self.started(Aiosmtpd(BUILD, self.path(name), name, address, PORT, certificate, *options.get("arguments", ())))
        else:
            server = kind(BUILD, self.path(name), name, address, PORT, [domain], certificate, **options)
            self.addCleanup(server.remove)
        server.domain = domain
        return server

    def connect(self, *servers, shaping=SHAPING, **config):
        """Starts the name server that knows them, and writes the configuration that leads to them."""
        folder = self.path("nsd")
        folder.mkdir()
        zones = {server.domain: f"@ MX 10 mx\nmx A {server.address}" for server in servers}
        self.started(Nsd(BUILD, folder, "127.0.0.1", 5300, zones))
        self.config(dns="127.0.0.1:5300", port=PORT, shaping=shaping, **config)

    def by_recipient(self, messages) -> dict:
        """The messages by recipient; fails when one has two copies."""
        found = {}
        for message in messages:
            self.assertNotIn(message.recipient, found, "a second copy")
            found[message.recipient] = message
        return found
