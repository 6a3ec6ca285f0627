"""`sluice bench`: every word of a scenario acts, the counts of sender and sink agree, and what is wrong is said in one line."""

import json
import pathlib
import re
import signal
import subprocess
import unittest

from certificates import Authority
from lab import BUILD, SLUICE, Lab
from mail_servers import Postfix, wait_until_it_speaks_tls
from servers import Process, SmtpSink, wait_until

SHORT = ["--seconds", "1", "--connections", "32"]


def children_of(pid: int) -> list:
    """The processes that this one started, without those that have ended."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:  # It ended meanwhile.
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def is_alive(pid: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class BenchLab(Lab):
    def bench(self, *arguments, code=0) -> subprocess.CompletedProcess:
        work = self.path("work")
        work.mkdir(exist_ok=True)
        done = subprocess.run([SLUICE, "bench", *arguments, "--dir", str(work)], capture_output=True, text=True, timeout=120, cwd=self.folder)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        self.assertEqual(list(work.iterdir()), [], "nothing stays behind")
        return done

    def measure(self, scenario, *arguments) -> dict:
        lines = self.bench("--json", "--scenario", scenario, *(arguments or SHORT)).stdout.splitlines()
        self.assertEqual(len(lines), 1)
        result = json.loads(lines[0])
        self.check(result, scenario)
        return result

    def check(self, result, scenario):
        whole = result["whole_run"]
        self.assertEqual(result["scenario"], scenario)
        self.assertGreater(result["messages"], 0)
        self.assertGreaterEqual(whole["delivered"], result["messages"])
        self.assertEqual(whole["delivered"], whole["accepted_by_sink"])
        self.assertEqual(whole["recorded"], whole["delivered"] if result["settings"]["ledger"] else None)
        rounding = 0.0005 / result["seconds"]  # They are told in milliseconds.
        self.assertAlmostEqual(result["messages_per_s"], result["messages"] / result["seconds"],
                               delta=(0.01 + rounding) * result["messages_per_s"] + 1)
        self.assertGreater(result["cpu_us_per_message"], 0)
        self.assertGreater(result["rss_anon_peak_kb"], 0)
        self.assertGreater(result["sink_ceiling_per_s"], result["messages_per_s"] * 0.9)  # They are not measured at the same moments.
        self.assertGreater(result["sink_measured_per_s"], 0)
        self.assertGreater(result["sink_measured_cpu_share"], 0)
        if result["sink_cpu_share"] != 0.9 and result["sink_measured_cpu_share"] != 0.8:  # Rounded.
            flooded = result["sink_measured_cpu_share"] >= 0.8 and result["messages_per_s"] > 0.9 * result["sink_measured_per_s"]
            self.assertEqual(result["sink_bound"], result["sink_cpu_share"] > 0.9 or flooded)
        self.assertGreaterEqual(whole["connections"], 1)


class ScenarioTest(BenchLab):
    def test_the_default_is_rsa_under_tls_with_a_ledger(self):
        result = json.loads(self.bench("--json", *SHORT).stdout)
        self.check(result, "tls,rsa")
        settings = result["settings"]
        self.assertEqual((settings["tls"], settings["signing"], settings["ledger"], settings["shards"]), (True, "rsa", True, 1))
        self.assertEqual((settings["body_bytes"], settings["personalised"]), (10000, True))
        self.assertEqual(result["signatures_per_s"], result["messages_per_s"])
        self.assertGreater(result["openssl_signatures_per_s"], 0)
        whole = result["whole_run"]
        self.assertGreater(whole["handshakes"], 0)
        self.assertGreater(whole["checked"], 0)
        self.assertEqual(whole["valid_signatures"], whole["checked"])

    def test_plain_and_unsigned(self):
        result = self.measure("plain,unsigned")
        self.assertEqual((result["whole_run"]["handshakes"], result["whole_run"]["valid_signatures"]), (0, 0))
        self.assertIsNone(result["signatures_per_s"])
        self.assertIsNone(result["openssl_signatures_per_s"])
        self.assertEqual(result["bytes"] // result["messages"] // 1000, 10, "the body and a small header")

    def test_ed25519(self):
        result = self.measure("plain,ed25519")
        self.assertEqual(result["settings"]["signing"], "ed25519")
        self.assertGreater(result["whole_run"]["checked"], 0)
        self.assertEqual(result["whole_run"]["valid_signatures"], result["whole_run"]["checked"])

    def test_a_shared_signature_is_valid_on_every_message_and_is_made_once(self):
        result = self.measure("plain,shared")
        self.assertFalse(result["settings"]["personalised"])
        self.assertIsNone(result["signatures_per_s"])
        self.assertGreater(result["whole_run"]["checked"], 0)
        self.assertEqual(result["whole_run"]["valid_signatures"], result["whole_run"]["checked"])
        signed = result["bytes"] / result["messages"]
        bare = self.measure("plain,unsigned")
        self.assertGreater(signed, bare["bytes"] / bare["messages"] + 400, "its signature travels")

    def test_sealed_mail_is_signed_before_and_not_while_it_is_sent(self):
        result = self.measure("tls,sealed", "--recipients", "3000", "--connections", "32")
        self.assertEqual(result["settings"]["signing"], "sealed")
        self.assertIsNone(result["signatures_per_s"])
        self.assertEqual(result["sealed"]["signed_while_sending"], 0)
        self.assertGreater(result["sealed"]["signatures_per_s"], 0)
        self.assertGreater(result["whole_run"]["checked"], 0)
        self.assertEqual(result["whole_run"]["valid_signatures"], result["whole_run"]["checked"])
        text = self.bench("--scenario", "plain,sealed,rtt=10ms", "--recipients", "500", "--connections", "10").stdout
        self.assertIn("sealed before: 500 signatures", text)
        self.assertIn("of what 10 connections could deliver", text)

    def test_body_and_shards(self):
        result = self.measure("plain,unsigned,shards=2", *SHORT, "--body", "2k")
        self.assertEqual((result["settings"]["shards"], result["settings"]["body_bytes"]), (2, 2000))
        self.assertLess(result["bytes"] / result["messages"], 3000)
        large = self.measure("tls,unsigned", "--recipients", "60", "--body", "1m")
        taken = [run["sink_measured_per_s"] / run["sink_measured_cpu_share"] for run in (large, result)]  # Whatever else runs meanwhile.
        self.assertLess(taken[0], taken[1], "of messages of this size")

    def test_signing_spreads_over_the_shards_where_one_site_has_most_of_the_mail(self):
        for words in ("sites=1", "skew=60"):
            with self.subTest(words):
                result = self.measure(f"plain,rsa,{words},shards=2", "--recipients", "3000", "--connections", "64", "--unpinned")
                whole = result["whole_run"]
                self.assertGreaterEqual(whole["signatures"], 3000)
                self.assertGreater(whole["signatures_by_other_shards"], 0)
                self.assertEqual(len(result["threads_cpu_share"]), 2)
        alone = self.measure("plain,rsa,sites=1", "--recipients", "500", "--connections", "64")["whole_run"]
        self.assertEqual(alone["signatures_by_other_shards"], 0)

    def test_every_site_has_connections_of_its_own(self):
        result = self.measure("plain,unsigned,sites=100", "--recipients", "2000", "--domains", "400", "--connections", "200")
        self.assertEqual((result["settings"]["sites"], result["settings"]["domains"]), (100, 400))
        self.assertEqual(result["whole_run"]["delivered"], 2000)
        self.assertGreaterEqual(result["whole_run"]["connections"], 100)
        one = self.measure("plain,unsigned,sites=1", "--recipients", "2000", "--connections", "3")
        self.assertLessEqual(one["whole_run"]["connections"], 3)

    def test_without_a_ledger_nothing_is_recorded(self):
        result = self.measure("plain,unsigned,ledger=off")
        self.assertFalse(result["settings"]["ledger"])
        self.assertIsNone(result["whole_run"]["recorded"])

    def test_the_round_trip_bounds_a_connection(self):
        # On each connection one message is in flight, and its reply takes 50 ms; one may be under way when the time begins.
        for connections in (1, 4):
            result = self.measure("plain,unsigned,rtt=50ms", "--recipients", str(40 * connections), "--connections", str(connections))
            self.assertEqual(result["settings"]["rtt_ms"], 50)
            self.assertEqual(result["whole_run"]["connections"], connections)
            self.assertLessEqual(result["messages"], connections * (20 * result["seconds"] + 1))
            # What the sink can take has nothing to do with it.
            self.assertGreater(result["sink_measured_per_s"], result["messages_per_s"])
            self.assertFalse(result["sink_bound"])


class OutputTest(BenchLab):
    def test_recipients_are_delivered_to_the_last(self):
        result = self.measure("plain,unsigned", "--recipients", "1500", "--io", "epoll")
        self.assertEqual((result["messages"], result["whole_run"]["delivered"]), (1500, 1500))
        self.assertEqual((result["settings"]["io"], result["settings"]["seconds"]), ("epoll", None))
        self.assertEqual(result["settings"]["signer"], "openssl", "there is no key")
        signed = self.measure("plain,rsa", *SHORT)
        self.assertIn(signed["settings"]["io"], ("io_uring", "epoll"))
        self.assertEqual(signed["settings"]["signer"], "batches" if "avx512ifma" in pathlib.Path("/proc/cpuinfo").read_text() else "openssl")

    def test_people_get_a_summary(self):
        text = self.bench("--scenario", "plain,rsa", *SHORT).stdout
        for part in ("plain,rsa:", "messages/s", "CPU us/message", "signatures/s", "accepted by the sink", "in the ledger", "of a flood it took"):
            self.assertIn(part, text)

    def test_two_scenarios_are_compared_in_turn(self):
        done = self.bench("--json", "--compare", "plain,unsigned", "plain,unsigned,ledger=off", "--rounds", "2", *SHORT)
        result = json.loads(done.stdout)
        self.assertEqual(result["rounds"], 2)
        for side, scenario in (("a", "plain,unsigned"), ("b", "plain,unsigned,ledger=off")):
            self.assertEqual(len(result[side]["runs"]), 2)
            for run in result[side]["runs"]:
                self.check(run, scenario)
        medians = [sum(run["messages_per_s"] for run in result[side]["runs"]) / 2 for side in "ab"]
        self.assertAlmostEqual(result["ratio"]["messages_per_s"], medians[0] / medians[1], delta=0.01)
        text = self.bench("--compare", "plain,unsigned", "plain,shared", "--rounds", "1", *SHORT).stdout
        self.assertIn("ratio of medians over 1 rounds", text)

    def test_the_help_has_what_works_and_nothing_else(self):
        text = subprocess.run([SLUICE, "bench", "--help"], capture_output=True, text=True, check=True).stdout
        self.assertIn("sealed", text)
        everything = subprocess.run([SLUICE, "--help"], capture_output=True, text=True, check=True).stdout
        self.assertIn("  bench ", everything)
        self.assertNotIn("bench-sink", everything)
        self.assertNotIn("bench-flood", everything)


class TargetTest(BenchLab):
    """Somebody's server: Postfix's smtp-sink, and Postfix."""

    def sink(self, *options) -> SmtpSink:
        folder = self.path("sink")
        folder.mkdir()
        return self.started(SmtpSink(BUILD, folder, "127.0.0.1", 2525, options))

    def to_target(self, scenario, *arguments, port=2525, address="127.0.0.1", to="me@example.net", messages=60, rate="100/s", code=0):
        return self.bench("--json", "--scenario", scenario, "--target", f"{address}:{port}", "--to", to, "--messages", str(messages),
                          "--rate", rate, *arguments, code=code)

    def test_so_many_messages_go_to_one_address_no_faster_than_said(self):
        sink = self.sink()
        result = json.loads(self.to_target("plain,rsa", "--from", "news@example.org").stdout)
        self.assertEqual((result["messages"], result["whole_run"]), (60, {"delivered": 60, "recorded": 60}))
        self.assertEqual(result["settings"]["target"], {"server": "127.0.0.1:2525", "to": "me@example.net", "rate": "100/s"})
        self.assertGreater(result["seconds"], 0.5, "sixty at a hundred in a second, less the first few at once")
        self.assertIsNone(result["sink_bound"])
        self.assertIsNone(result["sink_measured_per_s"])
        self.assertEqual(sink.recipients(), ["me@example.net"] * 60)
        kept = [path.read_text() for path in sink.kept.iterdir()]
        self.assertEqual(len(set(re.search("Message-ID: (.*)", text)[1] for text in kept)), 60, "each is another message")
        for text in kept:
            self.assertIn("X-Mail-Args: <news@example.org>", text)
            self.assertIn("d=example.org;", text)

    def test_what_the_server_refuses_ends_it_with_its_words(self):
        self.sink("-r", "rcpt", "-B", "550 5.7.1 not here")
        done = self.to_target("plain,unsigned", code=1)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"did not end in a delivery: nothing was measured .*; the first of them: \d+ .+")

    def test_to_postfix_under_tls(self):
        authority = Authority(self.path("authority"))
        server = Postfix(BUILD, self.path("mx"), "mx.postfix.test", "127.0.0.11", 2525, ["postfix.test"],
                         authority.certificate("mx.postfix.test", "127.0.0.11"))
        self.addCleanup(server.remove)
        wait_until_it_speaks_tls(server)
        text = self.bench("--scenario", "tls,ed25519", "--target", "127.0.0.11:2525", "--to", "me@postfix.test", "--messages", "20",
                          "--rate", "50/s").stdout
        self.assertIn("whole run: 20 delivered to me@postfix.test at 127.0.0.11:2525, 20 in the ledger", text)
        messages = server.messages(20)
        self.assertEqual({message.recipient for message in messages}, {"me@postfix.test"})
        self.assertTrue(all("TLSv1.3" in message.trace for message in messages))

    def test_other_machines_need_permission_and_words_that_mean_nothing_are_said(self):
        for arguments, what in {("plain,unsigned", "192.0.2.1"): "--with-permission", ("plain,unsigned,rtt=5ms", "127.0.0.1"): "rtt",
                                ("plain,shared", "127.0.0.1"): "shared", ("plain,unsigned", "no.such.host.invalid"): "no IPv4 address"}.items():
            with self.subTest(arguments=arguments):
                done = self.to_target(arguments[0], address=arguments[1], code=2)
                self.assertIn(what, done.stderr)
        for option, value in {"--to": "nobody", "--rate": "fast", "--from": "a@b@c"}.items():
            with self.subTest(option=option):
                wrong = {"to": "me@example.net", "rate": "1/s", "from": "me@example.net", option[2:]: value}
                done = self.to_target("plain,unsigned", "--from", wrong["from"], to=wrong["to"], rate=wrong["rate"], code=2)
                self.assertIn(f"{option} {value}", done.stderr)
        self.assertIn("--rate", self.bench("--target", "127.0.0.1:25", "--to", "me@example.net", "--messages", "5", code=2).stderr)
        self.assertIn("--target", self.bench("--messages", "5", code=2).stderr)


class FailureTest(BenchLab):
    def test_wrong_words_are_one_line_and_exit_code_2(self):
        cases = {("--scenario", "rsa,sealed"): "already", ("--scenario", "quick"): "not a word of a scenario",
                 ("--scenario", "plain,tls"): "already", ("--scenario", "rtt=fast"): "such as rtt=50ms", ("--scenario", "skew=100"): "from 1 to 99", ("--scenario", "sites=1,skew=60"): "more than one", ("--scenario", ""): "empty word",
                 ("--compare", "tls", "tls,plain"): "already", ("--compare", "tls"): "--compare",
                 ("--scenario", "tls", "--compare", "tls", "plain"): "--compare", ("--body", "10x"): "--body",
                 ("--seconds", "0"): "--seconds", ("--connections", "0"): "--connections", ("--connections", "-1"): "--connections", ("--rounds", "2"): "--rounds",
                 ("--seconds", "1", "--recipients", "5"): "--recipients", ("--io", "kqueue"): "--io",
                 ("--scenario", "plain,unsigned", "--seconds", "3600"): "fewer seconds"}
        for arguments, what in cases.items():
            with self.subTest(arguments=arguments):
                done = self.bench(*arguments, code=2)
                self.assertEqual(done.stdout, "")
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertTrue(done.stderr.startswith("sluice: "), done.stderr)
                self.assertIn(what, done.stderr)

    def test_a_folder_that_is_not_there_is_an_error(self):
        done = subprocess.run([SLUICE, "bench", "--dir", str(self.path("absent"))], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("absent", done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1)

    def started_bench(self):
        """A benchmark that is sending, and its sink's process."""
        self.path("work").mkdir()
        bench = self.started(Process([SLUICE, "bench", "--scenario", "plain,rsa", "--seconds", "60", "--dir", str(self.path("work"))],
                                     self.path("bench.log"), cwd=self.folder))
        ledger = "sluice-bench-*/state/campaigns/bench/ledger/*"
        wait_until("the campaign's start", lambda: any(self.path("work").glob(ledger)), timeout=60)
        sinks = children_of(bench.popen.pid)
        self.assertEqual(len(sinks), 1)
        return bench, sinks[0]

    def test_ctrl_c_ends_it_with_its_sink(self):
        bench, sink = self.started_bench()
        self.assertEqual(bench.stop(signal.SIGINT), 4)
        self.assertFalse(is_alive(sink))
        self.assertEqual(bench.text().splitlines()[-1], "sluice: interrupted: nothing was measured")
        self.assertEqual(list(self.path("work").iterdir()), [])

    def test_the_sink_ends_when_its_sender_is_killed(self):
        bench, sink = self.started_bench()
        bench.stop(signal.SIGKILL)
        wait_until("the sink's end", lambda: not is_alive(sink))

    def test_a_sink_that_dies_is_an_error(self):
        bench, sink = self.started_bench()
        subprocess.run(["kill", "-9", str(sink)], check=True)
        bench.wait_for_end(1)
        self.assertNotIn("messages/s", bench.text())
        self.assertIn("nothing was measured", bench.text())
        self.assertEqual(list(self.path("work").iterdir()), [])


if __name__ == "__main__":
    unittest.main()
