"""Limits of real servers: sizes, messages and commands per connection, greylisting."""

from mail_servers import Exim, Postfix
from test_server_dialogues import MANY_RESETS, ONE_SESSION, DialogueTest


class LimitsTest(DialogueTest):
    def test_a_message_larger_than_the_advertised_size_is_not_sent(self):
        server = self.server(Postfix, settings="message_size_limit = 3000")
        self.large_rows(server)
        self.assertNotIn("message size exceeds", server.text())

    def test_a_message_larger_than_an_unadvertised_size_bounces(self):
        server = self.server(Postfix, settings="message_size_limit = 3000\nsmtpd_discard_ehlo_keywords = size")
        self.large_rows(server)

    def large_rows(self, server):
        """Every tenth message is too large: those bounce, the others arrive."""
        addresses = self.addresses(server, 50)
        self.connect(server)
        self.write("rows.csv", "email,first_name\n" + "".join(
            f"{address},{'large ' * 1000 if number % 10 == 0 else 'small'}\n" for number, address in enumerate(addresses)))
        self.campaign()
        self.sluice("send", "campaign.toml")
        large = set(addresses[::10])
        self.assertEqual(set(self.arrived(server, 45)), set(addresses) - large)
        bounces = {event["recipient"]: event["bounce_classification"] for event in self.events("test", "--type", "Bounce")}
        self.assertEqual(bounces, dict.fromkeys(large, "TooLarge"))

    def test_exim_that_takes_seven_messages_per_connection(self):
        server = self.server(Exim, main="smtp_accept_max_per_connection = 7")
        addresses = self.addresses(server, 40)
        self.send(server, addresses, shaping=ONE_SESSION)
        self.assertEqual(set(self.arrived(server, 40)), set(addresses))
        self.assertIn("too many messages in one connection", server.text())
        self.assertEqual(self.report()["attempts"]["deferred"], 0, "the end of a session costs an attempt")

    def test_exim_that_takes_three_connections_at_a_time(self):
        """It greets the others with 421. That is a limit, and no reason to rest while three sessions work."""
        server = self.server(Exim, main="smtp_accept_max_per_host = 3")
        addresses = self.addresses(server, 300)
        self.send(server, addresses)
        self.assertEqual(set(self.arrived(server, 300)), set(addresses))
        self.assertTrue("too many connections from that IP address" in server.text())
        self.assertEqual([event for event in self.events("test") if event["type"] == "SiteState"], [])

    def test_exim_that_hangs_up_after_ten_resets(self):
        server = self.server(Exim, recipient_acl="  deny local_parts = ^refused-.*\n       message = 5.1.1 user unknown")
        addresses = self.addresses(server, 60, every=2)
        self.send(server, addresses, shaping=ONE_SESSION)
        good = {address for address in addresses if address.startswith("user")}
        self.assertEqual(set(self.arrived(server, 30)), good)
        self.assertEqual({address for address, finals in self.final_events().items() if finals == ["Bounce"]}, set(addresses) - good)
        self.assertIn("too many nonmail commands", server.text())
        counted = [event["response"]["content"] for event in self.events("test", "--type", "TransientFailure") if not event.get("held")]
        self.assertFalse([text for text in counted if "nonmail" in text], "the end of a session costs an attempt")

    def test_exim_that_greylists(self):
        """Each recipient is refused once, with 451; the second attempt is the same message from the same sender."""
        server = self.server(Exim, main=MANY_RESETS, recipient_acl="  defer condition = ${run{/bin/mkdir /var/mail/seen/$local_part}{yes}{no}}\n"
                                                 "        message = 4.7.1 greylisted, try again later")
        server.run("sh", "-c", "mkdir /var/mail/seen && chown Debian-exim /var/mail/seen")
        addresses = self.addresses(server, 60)
        self.send(server, addresses)
        self.assertEqual(set(self.arrived(server, 60)), set(addresses))
        history = {}
        for event in self.events("test"):
            if event["type"] in ("TransientFailure", "Delivery"):
                history.setdefault(event["recipient"], []).append((event["type"], event["num_attempts"], event["sender"], event["id"]))
        for address in addresses:
            first, second = history[address]
            self.assertEqual((first[:2], second[:2]), (("TransientFailure", 1), ("Delivery", 2)))
            self.assertEqual(first[2:], second[2:], "another sender or Message-ID")
        self.assertEqual(self.report()["attempts"]["deferred"], 60)
