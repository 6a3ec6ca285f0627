"""Wrong inputs: one clear line each, the right exit code, and nothing sent."""

import os
import subprocess

from lab import SLUICE, Lab
from servers import wait_until


class WrongInputsTest(Lab):
    def setUp(self):
        super().setUp()
        self.config(dns="127.0.0.1:1", port=1)
        self.rows(["a@a.test", "b@b.test"])

    def refused(self, code, *words, arguments=("send", "campaign.toml")):
        """Runs it; expects the exit code, and one line on standard error that has all of the words."""
        done = self.sluice(*arguments, code=code)
        lines = [line for line in done.stderr.splitlines() if line.startswith("sluice:")]
        self.assertTrue(lines, done.stderr)
        self.assertEqual(len(lines), len(done.stderr.splitlines()), done.stderr)
        fitting = [line for line in lines if all(word in line for word in words)]
        self.assertEqual(len(fitting), 1, f"wanted {words} in one line of:\n{done.stderr}")
        return fitting[0]

    def broken(self, old, new, *words):
        text = self.campaign().read_text()
        self.assertIn(old, text)
        self.write("campaign.toml", text.replace(old, new))
        return self.refused(3, "campaign.toml", *words)

    def test_malformed_toml(self):
        self.broken("format = 1", "format = = 1", "campaign.toml:1")

    def test_malformed_json(self):
        self.write("campaign.json", '{"format": 1,\n "id": }')
        self.refused(3, "campaign.json:2", arguments=("send", "campaign.json"))

    def test_an_unknown_key_names_the_nearest(self):
        self.broken("subject =", "subjct =", "subjct", "subject")

    def test_a_wrong_type(self):
        self.broken('id = "test"', "id = 7", "campaign.toml:2", "id")

    def test_a_bad_id(self):
        self.broken('id = "test"', 'id = "a/b"', "campaign.toml:2", "a/b")

    def test_a_bad_duration(self):
        self.broken('dkim = "optional"', 'dkim = "optional"\nmax_age = "soon"', "max_age", "soon")

    def test_a_bad_rate(self):
        self.broken('dkim = "optional"', 'dkim = "optional"\nmax_message_rate = "5"', "max_message_rate")

    def test_an_undefined_field_names_its_line(self):
        line = self.broken("this is for", "{{nonsense}} is for", "nonsense")
        self.assertRegex(line, r"campaign\.toml:1\d:")

    def test_an_unbalanced_section(self):
        self.broken("this is for", "{{#first_name}} is for", "first_name")

    def test_a_missing_campaign_file(self):
        self.refused(3, "absent.toml", arguments=("send", "absent.toml"))

    def test_a_missing_recipients_file(self):
        text = self.campaign().read_text().replace("rows.csv", "absent.csv")
        self.write("campaign.toml", text)
        self.refused(3, "absent.csv")

    def test_a_named_pipe_of_recipients(self):
        """Nobody writes to it: the program does not wait for that."""
        self.path("rows.csv").unlink()
        os.mkfifo(self.path("rows.csv"))
        self.campaign()
        self.refused(3, "rows.csv: a pipe and no file")
        self.refused(3, "rows.csv: a pipe and no file", arguments=("check", "campaign.toml"))

    def test_no_address_column(self):
        self.write("rows.csv", "mail,first_name\na@a.test,A\n")
        self.campaign()
        self.refused(3, "rows.csv", "email", "mail")

    def test_an_empty_list(self):
        self.write("rows.csv", "email,first_name\n")
        self.campaign()
        self.refused(3, "rows.csv")

    def test_fewer_rows_than_expected(self):
        self.campaign(recipients="expect = 3")
        self.refused(3, "expect", "3", "2")

    def test_too_many_invalid_rows(self):
        self.rows(["a@a.test", "not an address"])
        self.campaign(recipients='max_invalid = "10%"')
        self.refused(3, "max_invalid")

    def test_an_invalid_row_stops_where_the_campaign_says_so(self):
        self.rows(["a@a.test", "not an address"])
        self.campaign(recipients='on_invalid = "stop"')
        self.refused(3, "rows.csv:3", "not an address")

    def test_an_unknown_id(self):
        self.refused(3, "nobody", arguments=("report", "nobody"))

    def test_wrong_usage(self):
        for arguments in (["send"], ["send", "--nonsense", "x"], ["nonsense"], []):
            done = subprocess.run([SLUICE, *arguments], capture_output=True, text=True, cwd=self.folder)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertTrue(done.stderr.strip(), arguments)

    def test_a_bad_configuration(self):
        self.campaign()
        self.path("sluice.toml").write_text("[engine]\nshard = 1\n")
        self.refused(3, "sluice.toml:2", "shard", "shards")

    def test_a_bad_shaping_file(self):
        self.campaign()
        self.path("shaping.toml").write_text('["default"]\nconnection_limt = 3\n')
        self.refused(3, "shaping.toml:2", "connection_limt", "connection_limit")

    def test_an_unwritable_state_folder(self):
        self.campaign()
        blocker = self.write("blocker", "")  # Root may write anywhere, but not below a file.
        text = self.path("sluice.toml").read_text().replace(str(self.path("state")), f"{blocker}/state")
        self.path("sluice.toml").write_text(text)
        self.refused(1, f"{blocker}/state")

    def test_a_full_disk_while_preparing_leaves_nothing_that_looks_prepared(self):
        self.rows([f"user{n}@d.test" for n in range(50000)])
        self.campaign()
        state = self.path("state")
        state.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(state)], check=True)
        self.addCleanup(subprocess.run, ["umount", str(state)], check=False)
        self.refused(1, "space")
        self.assertFalse(list(state.glob("**/manifest.json")))

    def test_the_inputs_changed_after_the_start(self):
        self.campaign(delivery='finish_by = "2020-01-01T00:00:00Z"')
        self.sluice("send", "campaign.toml")
        text = self.path("campaign.toml").read_text().replace("Hello {{first_name}},", "Goodbye {{first_name}},")
        self.write("campaign.toml", text)
        self.refused(3, "test", "changed")


class TwoProgramsTest(Lab):
    def test_of_two_that_start_at_once_one_sends(self):
        self.rows([f"user{n}@d{n % 5}.example" for n in range(2000)])
        self.campaign()
        sandbox = self.sandbox()
        self.config(dns=sandbox.dns, port=sandbox.port)
        both = [self.start("send", "campaign.toml", "--progress", "off") for _ in range(2)]
        codes = sorted(process.popen.wait(60) for process in both)
        self.assertIn(codes, ([0, 0], [0, 1]), [process.text() for process in both])  # 0, 0: one began after the other's end.
        seen = sandbox.end()
        self.assertEqual({row["accepted"] for row in seen.values()}, {1})
        self.assertEqual(len(seen), 2000)


class LockTest(Lab):
    def test_a_second_program_is_told_who_holds_the_campaign(self):
        self.rows(["a@a.test"])
        self.campaign()
        self.config(dns="127.0.0.1:1", port=1)  # The name server refuses: it waits.
        first = self.start("send", "campaign.toml", "--progress", "off")
        wait_until("the first one waits", lambda: "DNS" in first.text())
        done = self.sluice("send", "campaign.toml", code=1)
        self.assertIn(str(first.popen.pid), done.stderr)
        first.stop()
        self.assertEqual(first.popen.returncode, 4)


class UnmadeMessagesTest(Lab):
    """Messages that cannot be made are found before anything is sent, and nobody bounces for them."""

    def setUp(self):
        super().setUp()
        self.config(dns="127.0.0.1:1", port=1)
        self.rows(["a@a.test", "b@b.test"])

    def with_change(self, old, new):
        text = self.campaign().read_text()
        self.assertIn(old, text)
        self.write("campaign.toml", text.replace(old, new, 1))

    def test_a_sender_that_is_none_for_anybody_is_a_mistake(self):
        self.write("verp.txt", "bounce+{{token}}@example.com\n")
        self.with_change('"bounce+{{token}}@bounces.example.com"', '"{{> verp}}"\n[message.partial_files]\nverp = "verp.txt"')
        done = self.sluice("send", "campaign.toml", code=3)
        self.assertRegex(done.stderr, r'campaign\.toml:\d+: the envelope sender "bounce\+v1')
        self.sluice("report", "test", code=3)

    def test_where_no_row_has_a_url_that_is_one_nothing_is_sent(self):
        self.write("rows.csv", "email,first_name,url\na@a.test,A,http://a.test\nb@b.test,B,http://b.test\n")
        self.with_change("[message]", '[list]\nunsubscribe_url = "{{url}}"\n[message]')
        done = self.sluice("send", "campaign.toml", code=3)
        self.assertIn('rows.csv:2: "a@a.test" is no recipient: its message cannot be made: the unsubscribe URL "http://a.test"', done.stderr)
        self.assertIn("nobody to send to", done.stderr)

    def test_the_rows_that_can_be_sent_are(self):
        self.write("rows.csv", "email,first_name,url\na@a.test,A,https://a.test\nb@b.test,B,http://b.test\n")
        self.with_change("[message]", '[list]\nunsubscribe_url = "{{url}}"\n[message]')
        self.write("campaign.toml", 'name = "The\\ntest"\n' + self.path("campaign.toml").read_text())
        sandbox = self.sandbox()
        self.config(dns=sandbox.dns, port=sandbox.port)
        self.assertIn("refused_row", self.sluice("check", "campaign.toml", code=5).stdout)
        done = self.sluice("send", "campaign.toml")
        self.assertIn("test (The test): 1 of 1 recipients are pending", done.stderr)
        report = self.report()
        self.assertEqual((report["name"], report["totals"]["delivered"], report["totals"]["invalid"]), ("The test", 1, 1))
        invalid = self.events("test", "--type", "Invalid")
        self.assertEqual([event["recipient"] for event in invalid], ["b@b.test"])
        self.assertIn("its message cannot be made: the unsubscribe URL", invalid[0]["reason"])
        self.assertEqual(set(sandbox.end()), {"a@a.test"})
