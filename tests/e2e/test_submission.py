"""Logins at a submission server that does what servers do on bad days: refuses, is busy, asks without end, says nothing, hangs up."""

import json
import signal

from certificates import Authority
from lab import BUILD, SHAPING, Lab
from servers import Nsd, wait_until
from submission_server import HungUp, SubmissionServer

HOST, PORT, DNS_PORT = "smtp.example.net", 587, 5300
ADDRESSES = ["127.0.1.1", "127.0.1.2"]
USER = "news@example.net"
PEOPLE = [f"person{number}@d{number % 3}.example" for number in range(60)]
REASON = '{"status":"401","schemes":"Bearer","scope":"https://mail.example.net/"}'


def accept(_conversation, _mechanism, _initial):
    return "235 2.7.0 welcome"


class SubmissionTest(Lab):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.path("authority"))

    def server(self, on_auth, address=ADDRESSES[0], **options) -> SubmissionServer:
        certificate = self.authority.certificate(HOST, address)
        server = SubmissionServer(HOST, address, PORT, certificate, on_auth, **options)
        self.addCleanup(server.stop)
        return server

    def prepare(self, people=PEOPLE, addresses=ADDRESSES[:1], shaping=SHAPING, secret="token_file", identity="test"):
        if not self.path("nsd").exists():
            self.path("nsd").mkdir()
            zone = "".join(f"smtp A {address}\n" for address in addresses)
            self.started(Nsd(BUILD, self.path("nsd"), "127.0.0.1", DNS_PORT, {"example.net": zone}))
        self.rows(people)
        self.campaign(identity)
        self.config(dns=f"127.0.0.1:{DNS_PORT}", ca_file=self.authority.file, shaping=shaping)
        self.token("first")
        with self.path("sluice.toml").open("a") as config:
            config.write(f'[smarthost]\nhost = "{HOST}"\nport = {PORT}\nusername = "{USER}"\n{secret} = "secret"\n')

    def token(self, text):
        self.write("secret.new", text + "\n").chmod(0o600)
        self.path("secret.new").rename(self.path("secret"))

    def message_of(self, token) -> str:
        return f"user={USER}\x01auth=Bearer {token}\x01\x01"

    def check_nobody_was_tried(self, report):
        self.assertEqual((report["totals"]["pending"], report["attempts"]["total"]), (len(PEOPLE), 0))

    def check_everyone_has_it(self, *servers, people=PEOPLE):
        self.assertEqual(self.report()["totals"]["delivered"], len(people))
        self.assertEqual(sorted(sum((server.recipients for server in servers), [])), sorted(people))


class TokenTest(SubmissionTest):
    """XOAUTH2."""

    def test_the_token_goes_as_google_and_microsoft_want_it(self):
        server = self.server(accept)
        self.prepare()
        self.sluice("send", "campaign.toml")
        self.check_everyone_has_it(server)
        self.assertEqual(set(server.logins), {("XOAUTH2", self.message_of("first"))})

    def test_a_refused_token_pauses_with_the_words_of_the_server(self):
        answers = []

        def refuse_the_first(conversation, _mechanism, initial):
            if initial == self.message_of("second"):
                return "235 2.7.0 welcome"
            answers.append(conversation.ask(REASON))
            return "535 5.7.8 token expired"
        server = self.server(refuse_the_first)
        self.prepare()
        done = self.sluice("send", "campaign.toml", code=6)
        self.assertIn("paused: the smarthost refuses the login (535 5.7.8 token expired)", done.stdout)
        self.assertEqual(set(answers), {""}, "the reason is answered with an empty line")
        self.check_nobody_was_tried(self.report())
        logins = len(server.logins)
        self.sluice("send", "campaign.toml", code=6)
        self.assertEqual(len(server.logins), logins, "a paused campaign tries nothing")
        self.token("second")
        self.sluice("resume", "test")
        self.sluice("send", "campaign.toml")
        self.check_everyone_has_it(server)

    def test_a_token_that_is_renewed_while_it_sends_is_taken_up(self):
        def renew(conversation, _mechanism, _initial):
            if conversation.number == 3:
                self.token("second")
            return "235 2.7.0 welcome"
        server = self.server(renew)
        people = [f"person{number}@d{number % 3}.example" for number in range(600)]
        self.prepare(people, shaping=SHAPING.replace("= 20", "= 1").replace("= 100", "= 2"))
        self.sluice("send", "campaign.toml")
        self.check_everyone_has_it(server, people=people)
        tokens = [initial for _, initial in server.logins]
        self.assertEqual(tokens, sorted(tokens))
        self.assertEqual({tokens[0], tokens[-1]}, {self.message_of("first"), self.message_of("second")})


class RefusedLoginTest(SubmissionTest):
    def pauses(self, on_auth, why, mechanisms="XOAUTH2 PLAIN LOGIN", **options):
        server = self.server(on_auth, mechanisms=mechanisms)
        self.prepare(**options)
        done = self.sluice("send", "campaign.toml", code=6)
        self.assertIn(f"paused: the smarthost refuses the login (AUTH: {why}", done.stdout)
        self.check_nobody_was_tried(self.report())
        self.assertEqual(server.recipients, [])

    def test_no_way_to_log_in_is_offered(self):
        self.pauses(accept, "the server offers no AUTH; logging in here needs XOAUTH2", mechanisms="")

    def test_another_way_to_log_in_is_offered(self):
        self.pauses(accept, "the server offers GSSAPI NTLM; logging in here needs SCRAM-SHA-256, PLAIN or LOGIN", mechanisms="GSSAPI NTLM",
                    secret="password_file")

    def test_a_server_that_asks_without_end(self):
        def ask(conversation, _mechanism, _initial):
            while conversation.ask(REASON) != "*":
                pass
            return "501 5.7.0 as you like"
        self.pauses(ask, "the server asks without end")

    def test_a_challenge_that_is_not_base64(self):
        def ask(conversation, _mechanism, _initial):
            conversation.say("334 ???")
            return "501 5.7.0 as you like" if conversation.hear() == "*" else "235 2.7.0 welcome"
        self.pauses(ask, "the server's challenge is not base64")

    def test_a_reply_that_makes_no_sense(self):
        self.pauses(lambda *_: "354 go on", "the server answers AUTH with 354 go on")


class BusyServerTest(SubmissionTest):
    def rests(self, reply):
        """The server says that it cannot now: it is left alone for five minutes, and nobody is tried."""
        server = self.server(lambda *_: reply)
        self.prepare()
        process = self.start("send", "campaign.toml", "--progress", "off")
        wait_until("the line about the server", lambda: f"{HOST} is suspended for 300 s" in process.text())
        self.assertIn(reply, process.text())
        self.assertEqual(process.stop(signal.SIGINT), 4)
        report = self.report()
        self.check_nobody_was_tried(report)
        rest, = report["suspended"]
        self.assertEqual((rest["site"], rest["sample_replies"]), (HOST, [reply]))
        logins = len(server.logins)
        self.assertLessEqual(logins, 20, "none but those that were opened before it had said so")
        server.on_auth = accept
        again = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("the next run", lambda report: report["state"] == "running")
        wait_until("the site left alone", lambda: json.loads(self.sluice("status", "test", "--json", code=None).stdout or "{}").get("held"))
        self.assertEqual(again.stop(signal.SIGINT), 4)
        self.assertEqual(len(server.logins), logins, "the next run leaves it alone, too")

    def test_454(self):
        self.rests("454 4.7.0 authentication server is down")

    def test_421(self):
        self.rests("421 4.3.2 shutting down")

    def test_the_other_address_of_a_busy_server_is_used(self):
        busy = self.server(lambda *_: "454 4.7.0 authentication server is down")
        well = self.server(accept, address=ADDRESSES[1])
        self.prepare(addresses=ADDRESSES)
        self.sluice("send", "campaign.toml")
        self.check_everyone_has_it(well)
        self.assertEqual(busy.recipients, [])

    def test_421_to_a_login_too_many_does_not_stop_those_that_are_logged_in(self):
        def one_at_a_time(conversation, _mechanism, _initial):
            return "235 2.7.0 welcome" if conversation.number == 1 else "421 4.7.0 too many connections"
        server = self.server(one_at_a_time)
        self.prepare()
        self.sluice("send", "campaign.toml")
        self.check_everyone_has_it(server)

    def defers(self, on_auth):
        """Nothing is known: the recipients wait for the retry, and the campaign goes on when the server is well."""
        server = self.server(on_auth)
        self.prepare(shaping=SHAPING + 'auth_timeout = "1s"\n')
        process = self.start("send", "campaign.toml", "--progress", "off")
        self.wait_for_report("deferred recipients", lambda report: report["attempts"]["deferred"] > 0)
        server.on_auth = accept
        process.wait_for_end(0, timeout=120)
        self.check_everyone_has_it(server)
        self.assertEqual({event["bounce_classification"] for event in self.events("test", "--type", "TransientFailure")}, {"NoAnswerFromHost"})

    def test_a_server_that_hangs_up_at_the_login(self):
        def hang_up(*_):
            raise HungUp
        self.defers(hang_up)

    def test_a_server_that_says_nothing_to_the_login(self):
        def say_nothing(conversation, _mechanism, _initial):
            conversation.hear()  # Until the client has gone.
            raise HungUp
        self.defers(say_nothing)
