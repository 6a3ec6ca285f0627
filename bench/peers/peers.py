"""The programs that are compared. Each has a machine of its own, sends messages to the sink, and says what that took."""

import json
import os
import pathlib
import shutil
import smtplib
import subprocess
import threading
import time

import mail_servers
import npm
import packages
from certificates import Authority
from machine import Machine
from servers import wait_until

HERE = pathlib.Path(__file__).resolve().parent
SINK_PORT, INJECT_PORT = 2525, 2526
DOMAIN, SELECTOR = "example.com", "s1"
CONNECTIONS = 50  # To the sink, open at once at most; where a program has such a limit.
INJECTORS, PER_CONNECTION = 8, 50
LOOK_EVERY, LONGEST = 0.3, 600  # Seconds.
TICK = os.sysconf("SC_CLK_TCK")


def body(name: str) -> str:
    """A letter of 10 KB that names its reader once in each kilobyte."""
    lines = []
    for number in range(140):
        lines.append(f"Dear {name}, this is for you, and some more of it follows here." if number % 14 == 0 else
                     "These are the news of today, in a line as long as lines in letters are.")
    return "\n".join(lines) + "\n"


def processes_inside(machine: Machine) -> list:
    """The processes of its namespace."""
    parent = machine.process.popen.pid
    try:
        first = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[0]
        namespace = os.readlink(f"/proc/{first}/ns/pid")
    except (OSError, IndexError):
        return []
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(folder / "ns" / "pid") == namespace:
                found.append(folder)
        except OSError:
            pass
    return found


def has_files(folder: pathlib.Path) -> bool:
    """At any depth. Folders that vanish meanwhile have none."""
    return any(files for _, _, files in os.walk(folder))


class Peer:
    """What all have in common: `self.machine` is its machine."""
    name = ""
    packages: tuple = ()  # Debian's, that it is in.
    signs = True
    machine: Machine
    memory_mb = 0.0

    @classmethod
    def fetch(cls, build: pathlib.Path):  # While there still is a network.
        for name in cls.packages:
            packages.fetch(build, name)

    def make_key(self, folder: pathlib.Path) -> pathlib.Path:
        key = folder / "dkim.pem"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        return key

    def cpu_seconds(self) -> float:
        """Of everything that has run in its namespace, and of what has ended."""
        ticks = 0
        for folder in processes_inside(self.machine):
            try:
                ticks += sum(map(int, (folder / "stat").read_text().rsplit(")", 1)[1].split()[11:15]))
            except OSError:
                pass
        return ticks / TICK

    def look_at_memory(self):
        """Proportional shares, so that what processes have in common counts once."""
        total = 0
        for folder in processes_inside(self.machine):
            try:
                rollup = (folder / "smaps_rollup").read_text()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        self.memory_mb = max(self.memory_mb, total / 1024)

    def wait_for(self, what, is_done):
        """Looks at the memory now and then meanwhile."""
        looked = 0.0

        def look() -> bool:
            nonlocal looked
            if time.monotonic() - looked > LOOK_EVERY:
                looked = time.monotonic()
                self.look_at_memory()
                return is_done()
            return False
        try:
            wait_until(what, look, timeout=LONGEST)
        except AssertionError as late:
            raise RuntimeError(f"{self.name}: {late}; its log: {self.machine.text()[-3000:]}") from None
        self.look_at_memory()

    def remove(self):
        self.machine.remove()


class Program(Peer):
    """A program that sends and ends. Its CPU time is known when it has ended."""

    def __init__(self, build, folder):
        self.build = build
        self.machine = Machine(folder, [packages.fetch(build, name) for name in self.packages])
        self.home = self.machine.root / "srv" / "peer"
        self.home.mkdir(parents=True)
        self.key = self.make_key(self.home)
        self.spent = 0.0

    def cpu_seconds(self) -> float:
        return self.spent

    def run(self, *command, counts=True):
        before = os.times()
        self.machine.start("sh", "-c", 'cd /srv/peer && exec "$@"', "sh", *map(str, command))
        self.wait_for("the program's end", lambda: self.machine.process.popen.poll() is not None)
        after = os.times()
        if self.machine.process.popen.returncode != 0:
            raise RuntimeError(f"{self.name}: {self.machine.process.text()[-2000:]}")
        if counts:
            self.spent += after.children_user + after.children_system - before.children_user - before.children_system


class Sluice(Program):
    name = "sluice"
    seals = False
    sent = 0

    def __init__(self, build, folder):
        super().__init__(build, folder)
        ready = self.home / "dns.json"
        # Every domain is served by the sink; the others are told where it is.
        self.names = subprocess.Popen([str(build / "sluice"), "bench-sink", "--target", "127.0.0.1", "--ready-file", str(ready),
                                       "--json", str(self.home / "names.json")])
        wait_until("a name server", ready.exists)
        self.dns = json.loads(ready.read_text())["dns"]

    def remove(self):
        self.names.kill()
        self.names.wait()
        super().remove()

    def send(self, messages: int):
        self.sent += 1
        shutil.copy(self.build / "sluice", self.home)
        (self.home / "body.txt").write_text(body("{{first_name}}"))
        rows = "".join(f"user{i}@d{i % 50}.example,Person {i}\n" for i in range(messages))
        (self.home / "rows.csv").write_text("email,first_name\n" + rows)
        (self.home / "campaign.toml").write_text(f"""format = 1
id = "peer{self.sent}"
kind = "transactional"
[from]
address = "news@{DOMAIN}"
[envelope]
sender = "bounce@{DOMAIN}"
[message]
subject = "Hello {{{{first_name}}}}"
text_file = "body.txt"
[recipients]
file = "rows.csv"
[delivery]
tls = "required"
""")
        (self.home / "shaping.toml").write_text(f'["default"]\nconnection_limit = {CONNECTIONS}\n')
        (self.home / "sluice.toml").write_text(f"""[engine]
state_dir = "state"
[smtp]
ehlo_domain = "mta.{DOMAIN}"
port = {SINK_PORT}
[dns]
servers = ["{self.dns}"]
[[dkim."{DOMAIN}"]]
selector = "{SELECTOR}"
key_file = "dkim.pem"
[shaping]
files = ["shaping.toml"]
[security]
allow_private_destinations = true
""")
        if self.seals:
            self.run("./sluice", "seal", "campaign.toml", "--progress", "off", counts=False)
        self.run("./sluice", "send", "campaign.toml", "--force", "--progress", "off")


class SluiceSealed(Sluice):
    name = "sluice-sealed"
    seals = True


class Nodemailer(Program):
    """As npm has it, on this system's Node.js; where there is no such, or too old a one, Debian's, which is older."""
    name = "nodemailer"

    @classmethod
    def fetch(cls, build):
        node = shutil.which("node") and subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
        if node and int(node.strip().lstrip("v").split(".")[0]) >= 20:  # As it needs.
            npm.fetch(build, cls.name, "10")
        if not npm.folder(build, cls.name).exists():
            packages.fetch(build, "node-nodemailer")

    def __init__(self, build, folder):
        from_npm = npm.folder(build, self.name)
        self.packages = () if from_npm.exists() else ("node-nodemailer",)
        super().__init__(build, folder)
        if from_npm.exists():
            shutil.copytree(from_npm, self.home / "node_modules" / self.name)
        shutil.copy(HERE / "nodemailer.js", self.home)

    def send(self, messages: int):
        (self.home / "body.txt").write_text(body("{{first_name}}"))
        self.run("env", "NODE_PATH=/usr/share/nodejs:/usr/lib/nodejs", "node", "nodemailer.js", SINK_PORT, messages, CONNECTIONS, DOMAIN, SELECTOR)


class Server(Peer):
    """A mail server, to which an injector brings the messages; they are done when its queue is empty."""

    def __init__(self, build, folder):
        folder.mkdir()
        authority = Authority(folder / "authority")
        key = self.make_key(folder).read_text()
        certificate = authority.certificate("mta.test", "127.0.0.1")
        self.machine = self.make(build, folder / "machine", certificate, key)

    def is_idle(self) -> bool:
        raise NotImplementedError

    def send(self, messages: int):
        failures = []
        threads = [threading.Thread(target=self.inject, args=(range(i, messages, INJECTORS), failures)) for i in range(INJECTORS)]
        for thread in threads:
            thread.start()
        self.wait_for("the injection", lambda: not any(thread.is_alive() for thread in threads))
        if failures:
            raise RuntimeError(f"{self.name} did not take a message: {failures[0]}; {self.machine.text()[-2000:]}")
        self.wait_for("an empty queue", self.is_idle)

    @staticmethod
    def inject(numbers, failures: list):
        """New connections now and then: OpenSMTPD takes 100 messages on each."""
        left = list(numbers)
        try:
            while left:
                with smtplib.SMTP("127.0.0.1", INJECT_PORT, timeout=60) as client:
                    for number in left[:PER_CONNECTION]:
                        person, to = f"Person {number}", f"user{number}@d{number % 50}.example"
                        client.sendmail(f"bounce@{DOMAIN}", to, f"From: news@{DOMAIN}\nTo: {to}\nSubject: Hello {person}\n"
                                        f"Date: Tue, 24 Nov 2026 09:00:00 +0000\nMessage-ID: <m{number}@{DOMAIN}>\nMIME-Version: 1.0\n"
                                        f"Content-Type: text/plain; charset=utf-8\n\n{body(person)}")
                left = left[PER_CONNECTION:]
        except (OSError, smtplib.SMTPException) as error:
            failures.append(error)


class PostfixMachine(mail_servers.Postfix):
    """With OpenDKIM as its milter, on a socket of this machine: over TCP it sent 89 messages/s where it sends 457 so."""

    def __init__(self, build, folder, certificate, key):
        self.build, self.dkim_key = build, key
        super().__init__(build, folder, "mta.test", "127.0.0.1", INJECT_PORT, ["kept.test"], certificate, f"""mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{SINK_PORT}
smtp_tls_security_level = encrypt
smtp_tls_connection_reuse = yes
smtp_tls_session_cache_database = btree:/var/lib/postfix/smtp_scache
default_destination_concurrency_limit = {CONNECTIONS}
initial_destination_concurrency = {CONNECTIONS}
default_process_limit = 200
smtpd_milters = unix:/run/opendkim/socket
milter_default_action = tempfail
""")

    def start(self):
        self.add_user("opendkim", 921, "/run/opendkim")
        self.mail_folder("run/opendkim", 921)
        root = packages.fetch(self.build, "opendkim")
        for folder in filter(lambda name: (root / name).exists(), ("usr", "lib")):
            subprocess.run(["cp", "-a", f"{root / folder}/.", self.root / ("usr/lib" if folder == "lib" else "usr")], check=True)
        self.write("etc/opendkim.conf", f"Mode s\nDomain {DOMAIN}\nSelector {SELECTOR}\nKeyFile /etc/dkim.pem\nSocket local:/run/opendkim/socket\n"
                   "UMask 0\nUserID opendkim\nCanonicalization relaxed/relaxed\nInternalHosts 127.0.0.1\nSyslog no\n")
        self.write("etc/dkim.pem", self.dkim_key, 0o600)
        self.run("chown", "opendkim", "/etc/dkim.pem")
        main = self.root / "etc/postfix/main.cf"
        settings = dict(line.split(" = ", 1) if " = " in line else (line.removesuffix(" ="), "") for line in main.read_text().splitlines())
        main.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))  # The last one of a name.
        with (self.root / "etc/postfix/master.cf").open("a") as services:
            services.write("tlsproxy unix - - n - 0 tlsproxy\n")  # TLS connections that are used again need it.
        Machine.start(self, "sh", "-c", "opendkim -f -x /etc/opendkim.conf & exec postfix start-fg")
        self.wait_until_it_listens()
        wait_until("OpenDKIM listening", (self.root / "run/opendkim/socket").exists)


class Postfix(Server):
    name = "postfix"
    packages = ("postfix", "opendkim")

    def make(self, build, folder, certificate, key) -> Machine:
        return PostfixMachine(build, folder, certificate, key)

    def is_idle(self) -> bool:
        return not any(has_files(self.machine.root / "var/spool/postfix" / name) for name in ("maildrop", "incoming", "active", "deferred"))


class EximMachine(mail_servers.Exim):
    def __init__(self, build, folder, certificate, key):
        self.dkim_key = key
        super().__init__(build, folder, "mta.test", "127.0.0.1", INJECT_PORT, ["kept.test"], certificate)

    def start(self):
        self.write("etc/exim4/dkim.pem", self.dkim_key, 0o640)
        self.run("chown", "root:Debian-exim", "/etc/exim4/dkim.pem")
        self.write("etc/exim4/exim4.conf", f"""primary_hostname = mta.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {INJECT_PORT}
host_lookup =
rfc1413_hosts =
keep_environment =
smtp_accept_max = 200
smtp_accept_queue_per_connection = 0
queue_run_max = {CONNECTIONS}
acl_smtp_rcpt = accept
begin routers
out:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = out
begin transports
out:
  driver = smtp
  port = {SINK_PORT}
  hosts_require_tls = *
  tls_verify_hosts =
  tls_try_verify_hosts =
  dkim_domain = {DOMAIN}
  dkim_selector = {SELECTOR}
  dkim_private_key = /etc/exim4/dkim.pem
  dkim_canon = relaxed
begin retry
* * F,1h,1m
""")
        super().start()


class Exim(Server):
    name = "exim"
    packages = ("exim4-daemon-heavy",)

    def make(self, build, folder, certificate, key) -> Machine:
        return EximMachine(build, folder, certificate, key)

    def is_idle(self) -> bool:
        return self.machine.run("/usr/sbin/exim4", "-bpc").strip() == "0"


class OpenSmtpdMachine(mail_servers.OpenSmtpd):
    def start(self):
        self.write("etc/smtpd.conf", f"""smtp max-message-size 20000000
listen on 127.0.0.1 port {INJECT_PORT} hostname mta.test
action out relay host "smtp://127.0.0.1:{SINK_PORT}" tls no-verify
match from any for any action out
""")
        super().start()


class OpenSmtpd(Server):
    name = "opensmtpd"
    packages = ("opensmtpd",)
    signs = False

    def make(self, build, folder, certificate, key) -> Machine:
        del key
        return OpenSmtpdMachine(build, folder, "mta.test", "127.0.0.1", INJECT_PORT, ["kept.test"], certificate)

    def is_idle(self) -> bool:
        return not has_files(self.machine.root / "var/spool/smtpd")


PEERS = {kind.name: kind for kind in (Sluice, SluiceSealed, Postfix, Exim, OpenSmtpd, Nodemailer)}
