"""Several messages in flight on a connection to a real server: each has its own outcome, whoever dies."""

import random

import test_server_dialogues
from lab import SHAPING
from mail_servers import Postfix
from test_server_restarts import CrashTest

SESSIONS, AT_ONCE = 4, 5
MANY = SHAPING.replace("connection_limit = 20", "connection_limit = 1") + "max_in_flight = 10\n"
FEW = SHAPING.replace("connection_limit = 20", f"connection_limit = {SESSIONS}") + f"max_in_flight = {AT_ONCE}\n"


class InFlightTest(CrashTest):
    addresses = test_server_dialogues.DialogueTest.addresses
    send = test_server_dialogues.DialogueTest.send
    arrived = test_server_dialogues.DialogueTest.arrived
    everyone_arrives_at_the_first_attempt = test_server_dialogues.DialogueTest.everyone_arrives_at_the_first_attempt
    commands = test_server_dialogues.ExtensionsTest.commands
    counts = test_server_dialogues.ExtensionsTest.counts

    def test_postfix_gets_each_behind_the_one_before(self):
        server = self.server(Postfix)
        self.everyone_arrives_at_the_first_attempt(server, count=200, shaping=MANY)
        commands = self.commands(server, 200)
        self.assertEqual((commands["mail"], commands["bdat"]), (200, 200))
        self.assertGreater(commands["rset"], 100)

    def test_postfix_refuses_some_recipients_among_them(self):
        server = self.server(Postfix, settings="smtpd_error_sleep_time = 0\nsmtpd_hard_error_limit = 1000\n"
                                               "smtpd_recipient_restrictions = check_recipient_access regexp:/etc/postfix/recipients")
        server.write("etc/postfix/recipients", "/^refused-/ 550 5.1.1 user unknown\n")
        addresses = self.addresses(server, 150, every=3)
        self.send(server, addresses, shaping=MANY)
        good = {address for address in addresses if address.startswith("user")}
        self.assertEqual(set(self.arrived(server, len(good))), good)
        for address, finals in self.final_events().items():
            self.assertEqual(finals, ["Delivery"] if address in good else ["Bounce"], address)
        self.assertEqual(self.report()["attempts"]["total"], len(addresses))

    def test_postfix_is_killed_and_comes_back(self):
        self.kill_server(self.server(Postfix), most_in_doubt=SESSIONS * AT_ONCE, shaping=FEW)

    def test_the_program_is_killed(self):
        server = self.server(Postfix)
        addresses = self.begin(server, 2000, shaping=FEW)
        chance = random.Random(5)
        kills = 0
        while kills < 4 and self.kill_program(chance.uniform(0.2, 0.5)):
            kills += 1
        self.assertGreater(kills, 0)
        self.sluice("send", "campaign.toml", timeout=300)
        self.check(server, addresses, most_in_doubt=kills * SESSIONS * AT_ONCE)
