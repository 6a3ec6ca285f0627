"""What real servers do in a dialogue: refused recipients, missing extensions."""

import re

from lab import SHAPING
from mail_lab import MailLab
from mail_servers import Exim, Postfix
from servers import wait_until

ONE_SESSION = SHAPING.replace("connection_limit = 20", "connection_limit = 1")
# Exim hangs up after ten commands that are about no message, and RSET is one.
MANY_RESETS = "smtp_accept_max_nonmail = 1000"


class DialogueTest(MailLab):
    def addresses(self, server, count, every=None):
        """`count` recipients there; with `every`, each such one is called refused-N."""
        return [f"{'refused-' if every and number % every == 0 else 'user-'}{number}@{server.domain}" for number in range(count)]

    def send(self, server, addresses, shaping=SHAPING, **options):
        self.connect(server, shaping=shaping, **options)
        self.rows(addresses)
        self.campaign()
        self.sluice("send", "campaign.toml", timeout=240)

    def arrived(self, server, count) -> dict:
        """By recipient. Each has the envelope sender of its own Message-ID: no transaction ran into another."""
        messages = server.messages(count)
        self.assertEqual(len(messages), count)
        for message in messages:
            token = re.search(rb"^Message-ID: <(v1[a-z2-7]+)@", message.content, re.MULTILINE).group(1).decode()
            self.assertEqual(message.sender, f"bounce+{token}@bounces.example.com")
            self.assertIn(f"this is for {message.recipient}.".encode(), message.content)
        return self.by_recipient(messages)

    def everyone_arrives_at_the_first_attempt(self, server, count=100, shaping=SHAPING):
        addresses = self.addresses(server, count)
        self.send(server, addresses, shaping=shaping)
        self.assertEqual(set(self.arrived(server, count)), set(addresses))
        report = self.report()
        self.assertEqual(report["totals"]["delivered"], count)
        self.assertEqual(report["attempts"]["total"], count)


class RefusedRecipientTest(DialogueTest):
    """After a refused recipient the transaction is reset, and the next one is what it should be."""

    def refuse_some(self, server):
        addresses = self.addresses(server, 90, every=3)
        self.send(server, addresses, shaping=ONE_SESSION)
        good = {address for address in addresses if address.startswith("user")}
        self.assertEqual(set(self.arrived(server, len(good))), good)
        for address, finals in self.final_events().items():
            self.assertEqual(finals, ["Delivery"] if address in good else ["Bounce"], address)
        for event in self.events("test", "--type", "Bounce"):
            self.assertEqual((event["response"]["code"], event["response"]["command"], event["bounce_classification"]),
                             (550, "RCPT", "InvalidRecipient"), event)
        self.assertEqual(self.report()["attempts"]["total"], len(addresses))

    def test_exim(self):
        server = self.server(Exim, main=MANY_RESETS, recipient_acl="  deny local_parts = ^refused-.*\n       message = 5.1.1 user unknown")
        self.refuse_some(server)

    def test_postfix(self):
        server = self.server(Postfix, settings="smtpd_recipient_restrictions = check_recipient_access regexp:/etc/postfix/recipients")
        server.write("etc/postfix/recipients", "/^refused-/ 550 5.1.1 user unknown\n")
        self.refuse_some(server)


class ExtensionsTest(DialogueTest):
    """The program uses what the server offers and nothing else; Postfix counts the commands that it gets."""

    def commands(self, server, mails):
        """How often Postfix got which command, once it has told of so many MAILs: another process of it writes the log."""
        wait_until(f"{mails} MAILs in Postfix's log", lambda: self.counts(server).get("mail", 0) >= mails)
        return self.counts(server)

    def counts(self, server):
        """From log lines such as `disconnect from … ehlo=2 mail=3/4`."""
        counts = {}
        for line in re.findall(r"disconnect from .*", server.text()):
            for name, accepted, total in re.findall(r" ([a-z]+)=(\d+)(?:/(\d+))?", line):
                counts[name] = counts.get(name, 0) + int(total or accepted)
        return counts

    def test_postfix_with_chunking_gets_bdat(self):
        server = self.server(Postfix)
        self.everyone_arrives_at_the_first_attempt(server)
        commands = self.commands(server, 100)
        self.assertEqual((commands["mail"], commands["bdat"], commands.get("data", 0)), (100, 100, 0))

    def test_postfix_without_chunking_gets_data(self):
        server = self.server(Postfix, settings="smtpd_discard_ehlo_keywords = chunking")
        self.everyone_arrives_at_the_first_attempt(server)
        commands = self.commands(server, 100)
        self.assertEqual((commands["mail"], commands["data"], commands.get("bdat", 0)), (100, 100, 0))

    def test_postfix_that_punishes_pipelining_gets_none(self):
        server = self.server(Postfix, settings="smtpd_discard_ehlo_keywords = pipelining\nsmtpd_forbid_unauth_pipelining = yes")
        self.everyone_arrives_at_the_first_attempt(server, count=60)
        self.assertNotIn("improper command pipelining", server.text())

    def test_postfix_without_pipelining_and_chunking(self):
        server = self.server(Postfix, settings="smtpd_discard_ehlo_keywords = pipelining, chunking\nsmtpd_forbid_unauth_pipelining = yes")
        self.everyone_arrives_at_the_first_attempt(server, count=60)
        self.assertNotIn("improper command pipelining", server.text())

    def test_postfix_that_forbids_bare_newlines(self):
        server = self.server(Postfix, settings="smtpd_forbid_bare_newline = yes\nsmtpd_discard_ehlo_keywords = chunking")
        self.everyone_arrives_at_the_first_attempt(server, count=60)

    def test_postfix_without_8bitmime(self):
        server = self.server(Postfix, settings="smtpd_discard_ehlo_keywords = 8bitmime, smtputf8")
        self.everyone_arrives_at_the_first_attempt(server, count=60)

    def test_exim_without_8bitmime_chunking_and_pipelining(self):
        server = self.server(Exim, main="accept_8bitmime = false\nchunking_advertise_hosts =\npipelining_advertise_hosts =\nsmtputf8_advertise_hosts =")
        self.everyone_arrives_at_the_first_attempt(server, count=60)

    def test_postfix_without_any_extension(self):
        server = self.server(Postfix, settings="smtpd_discard_ehlo_keywords = pipelining, chunking, size, 8bitmime, smtputf8, dsn, "
                                               "enhancedstatuscodes, vrfy, etrn, starttls")
        self.everyone_arrives_at_the_first_attempt(server, count=60)
