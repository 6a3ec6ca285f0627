"""Submission through a smarthost: real Postfix (Cyrus SASL) and Exim, on 587 and 465."""

import unittest

from certificates import Authority
from lab import BUILD, Lab
from mail_servers import Exim, Postfix
from servers import Nsd

HOST, ADDRESS, DNS_PORT = "smtp.example.net", "127.0.1.1", 5300
DOMAINS = ["one.example", "two.example", "three.example"]  # Nobody's DNS has these: a look-up would hold their recipients.
USER, PASSWORD = "news", "correct horse"
PEOPLE = [f"person{number}@{DOMAINS[number % 3]}" for number in range(60)]


class SmarthostTest(Lab):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.path("authority"))
        names = self.started(Nsd(BUILD, self.folder, "127.0.0.1", DNS_PORT, {"example.net": f"smtp A {ADDRESS}"}))
        self.addCleanup(names.stop)

    def postfix(self):
        server = Postfix(BUILD, self.path("postfix"), HOST, ADDRESS, 25, DOMAINS, self.authority.certificate(HOST, ADDRESS),
                         users={USER: PASSWORD})
        self.addCleanup(server.remove)
        return server

    def prepare(self, password=PASSWORD, authority=None, **keys):
        self.rows(PEOPLE)
        self.campaign()
        self.config(dns=f"127.0.0.1:{DNS_PORT}")
        self.write("password", password + "\n").chmod(0o600)
        keys = {"host": HOST, "username": USER, "password_file": "password", **keys}
        lines = [f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {str(value).lower()}" for key, value in keys.items()]
        with open(self.path("sluice.toml"), "a") as config:
            config.write("\n".join([f'[tls]\nca_file = "{authority or self.authority.file}"', "[smarthost]", *lines]) + "\n")

    def check_everyone_has_it(self, server):
        self.assertEqual(self.report()["totals"]["delivered"], len(PEOPLE))
        self.assertEqual(sorted(message.recipient for message in server.messages(len(PEOPLE))), sorted(PEOPLE))

    def check_nobody_has_it(self, server):
        totals = self.report()["totals"]
        self.assertEqual((totals["pending"], totals["delivered"]), (len(PEOPLE), 0))
        self.assertEqual(server.messages(), [])

    def send_through_postfix(self, method, **keys):
        server = self.postfix()
        self.prepare(**keys)
        self.sluice("send", "campaign.toml")
        self.check_everyone_has_it(server)
        self.assertIn(f"sasl_method={method}, sasl_username={USER}@{HOST}", server.text())
        self.assertEqual({event["tls_protocol_version"] for event in self.events() if event["type"] == "Delivery"}, {"TLSv1.3"})

    def test_scram_is_chosen_first(self):
        self.send_through_postfix("SCRAM-SHA-256")

    def test_scram_over_implicit_tls(self):
        self.send_through_postfix("SCRAM-SHA-256", tls="implicit")

    def test_plain(self):
        self.send_through_postfix("PLAIN", mechanism="PLAIN")

    def test_login_over_implicit_tls(self):
        self.send_through_postfix("LOGIN", mechanism="LOGIN", tls="implicit")

    def test_a_wrong_password_pauses_with_the_words_of_the_server(self):
        server = self.postfix()
        for mechanism in ("SCRAM-SHA-256", "PLAIN", "LOGIN"):
            with self.subTest(mechanism):
                self.prepare(password="wrong", mechanism=mechanism)
                done = self.sluice("send", "campaign.toml", code=6)
                self.assertIn("paused: the smarthost refuses the login (535 5.7.8 Error: authentication failed", done.stdout)
                self.check_nobody_has_it(server)
                self.assertIn("paused", self.sluice("send", "campaign.toml", code=6).stdout)
                self.sluice("resume", "test")
        self.prepare()
        self.sluice("send", "campaign.toml")
        self.check_everyone_has_it(server)

    def test_the_password_goes_to_nobody_without_a_good_certificate(self):
        server = self.postfix()
        stranger = Authority(self.path("stranger"))
        self.prepare(authority=stranger.file)
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("an attempt that found no good certificate", lambda report: report["pending"]["deferred"] > 0)
        process.stop()
        self.check_nobody_has_it(server)
        self.assertNotIn("sasl_method", server.text())
        self.assertNotIn("SASL", server.text())

    def test_any_certificate_where_the_configuration_says_so(self):
        server = self.postfix()
        self.prepare(authority=Authority(self.path("stranger")).file, verify_certificate=False)
        self.sluice("send", "campaign.toml")
        self.check_everyone_has_it(server)

    def test_a_password_file_that_cannot_be_read_ends_it_before_anything_happens(self):
        self.prepare(password_file="nowhere")
        for command in ("check", "send"):
            self.assertIn("nowhere", self.sluice(command, "campaign.toml", code=3).stderr)

    def test_a_password_file_that_everybody_can_read_is_warned_of(self):
        server = self.postfix()
        self.prepare()
        self.path("password").chmod(0o644)
        self.assertIn("everybody on this machine can read it", self.sluice("send", "campaign.toml").stderr)
        self.check_everyone_has_it(server)

    def test_plain_and_login_at_exim(self):
        server = Exim(BUILD, self.path("exim"), HOST, ADDRESS, 587, DOMAINS, self.authority.certificate(HOST, ADDRESS),
                      users={USER: "secret"})
        self.addCleanup(server.remove)
        self.prepare(password="wrong")
        self.assertIn("the smarthost refuses the login (535 Incorrect authentication data)",
                      self.sluice("send", "campaign.toml", code=6).stdout)
        self.sluice("resume", "test")
        for mechanism, people in (("PLAIN", PEOPLE[:30]), ("LOGIN", PEOPLE[30:])):
            with self.subTest(mechanism):
                self.prepare(password="secret", mechanism=mechanism)
                self.rows(people)
                self.campaign(identity=mechanism.lower())
                self.sluice("send", "campaign.toml")
                self.assertIn(f"A={mechanism.lower()}:{USER}", server.text())
        self.assertEqual(sorted(message.recipient for message in server.messages(len(PEOPLE))), sorted(PEOPLE))


if __name__ == "__main__":
    unittest.main()
