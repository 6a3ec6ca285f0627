"""Real mail servers, each on a machine of its own: Postfix, Exim, OpenSMTPD, aiosmtpd. Each listens on a loopback address of the test's
network namespace, offers STARTTLS, and keeps every message that it accepts for its domains."""

import dataclasses
import pathlib
import smtplib
import ssl

import kept_mail
import packages
from certificates import Certificate
from machine import Machine
from servers import Process, accepts, wait_until, wait_until_free

HERE = pathlib.Path(__file__).resolve().parent
NOBODY = 65534
KEPT = "var/mail/kept"


def wait_until_it_speaks_tls(server, ciphers=None):
    """Postfix answers 454 to STARTTLS, or does not offer it, until its TLS manager is up. `ciphers`: where it has none that is usual."""
    context = ssl.create_default_context()
    if ciphers is not None:
        context.set_ciphers(ciphers)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def speaks():
        try:
            with smtplib.SMTP(server.address, server.port, timeout=20) as client:
                return client.starttls(context=context)[0] == 220
        except (OSError, smtplib.SMTPException):
            return False
    wait_until(f"{server.name} speaking TLS", speaks, timeout=60)


@dataclasses.dataclass(frozen=True)
class Face:
    """Another address at which a server listens, with another certificate and other TLS."""
    address: str
    certificate: Certificate
    tls: str = ""  # Postfix: options of its smtpd. Exim: GnuTLS's priorities.
    has_tls: bool = True


class MailServer(Machine):
    """What all of them share. `domains` are those whose mail is kept, whoever the recipient is."""

    def __init__(self, folder: pathlib.Path, roots, name: str, address: str, port: int, domains, certificate: Certificate,
                 faces=()):
        super().__init__(folder, roots)
        wait_until_free(address, port)
        self.name, self.address, self.port, self.domains = name, address, port, domains
        self.kept = self.root / KEPT
        self.write("etc/mx/mx.crt", certificate.certificate.read_text())
        self.write("etc/mx/mx.key", certificate.key.read_text())
        for face in faces:
            self.write(f"etc/mx/{face.address}.crt", face.certificate.certificate.read_text())
            self.write(f"etc/mx/{face.address}.key", face.certificate.key.read_text())
        self.write("etc/hosts", f"127.0.0.1 localhost\n{address} {name}\n")

    def wait_until_it_listens(self):
        def listens():
            if self.process.popen.poll() is not None:
                raise AssertionError(f"{self.name} has ended: {self.text()[-3000:]}")
            return accepts(self.address, self.port)
        wait_until(f"{self.name} listening", listens, timeout=60)

    def messages(self, count=None, timeout=60) -> list:
        """What it kept. With `count`: waits until it has delivered that many into its mailbox, because it accepts before it delivers."""
        if count is not None:
            wait_until(f"{count} messages kept by {self.name}", lambda: len(kept_mail.read(self.kept)) >= count, timeout)
        return kept_mail.read(self.kept)


class Postfix(MailServer):
    """`settings` are lines for main.cf. `users`, by name with passwords, may log in (Cyrus SASL) at `submission` (STARTTLS) and `smtps`.
    What it has accepted and cannot put into the mailbox at once, as after a crash, it tries again in seconds: by default it is minutes."""

    def __init__(self, build, folder, name, address, port, domains, certificate, settings="", users=None, submission=587, smtps=465,
                 faces=()):
        names = ["postfix", *(["sasl2-bin"] if users else [])]
        super().__init__(folder, [packages.fetch(build, package) for package in names], name, address, port, domains, certificate, faces)
        self.add_user("postfix", 911, "/var/spool/postfix")
        self.add_user("postdrop", 912, "/var/spool/postfix")
        self.mail_folder("var/mail/kept", NOBODY)
        self.write("etc/postfix/main.cf", f"""compatibility_level = 3.6
maillog_file = /dev/stdout
queue_directory = /var/spool/postfix
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
data_directory = /var/lib/postfix
shlib_directory = /usr/lib/postfix
setgid_group = postdrop
sendmail_path = /usr/sbin/sendmail
mailq_path = /usr/bin/mailq
newaliases_path = /usr/bin/newaliases
myhostname = {name}
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks =
mydestination =
alias_maps =
local_recipient_maps =
smtpd_peername_lookup = no
smtpd_sasl_local_domain = $myhostname
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
virtual_mailbox_domains = {', '.join(domains)}
virtual_mailbox_base = /var/mail
virtual_mailbox_maps = static:kept/
virtual_mailbox_limit = 0
virtual_uid_maps = static:{NOBODY}
virtual_gid_maps = static:{NOBODY}
transport_retry_time = 2s
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 10s
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/mx/mx.key, /etc/mx/mx.crt
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
{settings}
""")
        services = (self.root / "usr/share/postfix/master.cf.dist").read_text()
        lines = [line.split() for line in services.splitlines() if line[:1].isalpha()]
        kept = [[*line[:4], "n", *line[5:]] for line in lines if line[7] not in ("pipe", "smtpd")]  # Not in Postfix's own chroot.
        ports = [f"{address}:{port} inet n - n - - smtpd"]
        ports += [f"{face.address}:{port} inet n - n - - smtpd -o smtpd_tls_security_level={'may' if face.has_tls else 'none'} "
                  f"-o smtpd_tls_chain_files=/etc/mx/{face.address}.key,/etc/mx/{face.address}.crt {face.tls}" for face in faces]
        if users:
            self.add_users(users)
            options = "-o smtpd_sasl_auth_enable=yes -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject"
            ports += [f"{address}:{submission} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt {options}",
                      f"{address}:{smtps} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes {options}"]
        self.write("etc/postfix/master.cf", "\n".join([*ports, *(" ".join(line) for line in kept)]) + "\n")
        self.run("chown", "-R", "postfix", "/var/lib/postfix")
        self.run("sh", "-c", "chgrp postdrop /usr/sbin/postqueue /usr/sbin/postdrop && chmod g+s /usr/sbin/postqueue /usr/sbin/postdrop")
        self.start()

    def add_users(self, users: dict):
        self.write("etc/postfix/sasl/smtpd.conf", "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN SCRAM-SHA-256\n")
        for user, password in users.items():
            self.run("saslpasswd2", "-c", "-p", "-u", self.name, user, input=password)
        self.run("chown", "postfix", "/etc/sasldb2")

    def start(self):
        (self.root / "var/spool/postfix/pid/master.pid").unlink(missing_ok=True)
        super().start("postfix", "start-fg")
        self.wait_until_it_listens()

    def queue(self) -> str:
        return self.run("postqueue", "-j")


class Exim(MailServer):
    """`main` are lines for the main section, `recipient_acl` statements before the one that accepts. `users` may log in at every port."""

    def __init__(self, build, folder, name, address, port, domains, certificate, main="", recipient_acl="", users=None, faces=()):
        super().__init__(folder, [packages.fetch(build, "exim4-daemon-heavy")], name, address, port, domains, certificate, faces)
        self.add_user("Debian-exim", 911, "/var/spool/exim4")
        self.mail_folder(KEPT, NOBODY)
        for path in ("var/spool/exim4", "var/log/exim4"):
            (self.root / path).mkdir(parents=True, exist_ok=True)
            self.run("chown", "Debian-exim:Debian-exim", f"/{path}")
        self.run("chown", "-R", "root:Debian-exim", "/etc/mx")
        self.write("etc/exim4/exim4.conf", f"""primary_hostname = {name}
local_interfaces = {' : '.join([address, *(face.address for face in faces)])}
daemon_smtp_ports = {port}
tls_advertise_hosts = {self.by_face({face.address: "" for face in faces if not face.has_tls}, "*")}
tls_certificate = /etc/mx/{self.by_face({face.address: face.address for face in faces}, "mx")}.crt
tls_privatekey = /etc/mx/{self.by_face({face.address: face.address for face in faces}, "mx")}.key
tls_require_ciphers = {self.by_face({face.address: face.tls for face in faces if face.tls}, "NORMAL")}
domainlist kept_domains = {' : '.join(domains)}
host_lookup =
rfc1413_hosts =
keep_environment =
smtp_accept_max = 200
smtp_accept_queue_per_connection = 0
acl_smtp_rcpt = check_recipient
log_selector = +tls_cipher +smtp_connection
{main}
begin acl
check_recipient:
{recipient_acl}
  accept domains = +kept_domains
  accept authenticated = *
  deny message = relaying denied
begin routers
keep:
  driver = accept
  transport = keep
begin transports
keep:
  driver = appendfile
  maildir_format
  directory = /{KEPT}
  return_path_add
  envelope_to_add
  user = nobody
  group = nogroup
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if eq{{$auth3}}{{${{extract{{$auth2}}{{{self.login_table(users)}}}{{$value}}{{\\n}}}}}}}}
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if eq{{$auth2}}{{${{extract{{$auth1}}{{{self.login_table(users)}}}{{$value}}{{\\n}}}}}}}}
  server_set_id = $auth1
  server_advertise_condition = ${{if def:tls_in_cipher}}
""")
        self.start()

    @staticmethod
    def by_face(values: dict, otherwise: str) -> str:
        """What Exim takes for its value, by the address that the client has connected to."""
        for address, value in values.items():
            otherwise = f"${{if eq{{$received_ip_address}}{{{address}}}{{{value}}}{{{otherwise}}}}}"
        return otherwise

    @staticmethod
    def login_table(users) -> str:
        return " ".join(f'{user}="{password}"' for user, password in (users or {}).items())

    def start(self):
        super().start("/usr/sbin/exim4", "-bdf", "-q1m")
        self.wait_until_it_listens()

    def text(self) -> str:
        logs = sorted((self.root / "var/log/exim4").iterdir())
        return super().text() + "".join(path.read_text(errors="replace") for path in logs)


class OpenSmtpd(MailServer):
    """`settings` are lines before the rules of smtpd.conf."""

    def __init__(self, build, folder, name, address, port, domains, certificate, settings=""):
        super().__init__(folder, [packages.fetch(build, "opensmtpd")], name, address, port, domains, certificate)
        self.add_user("opensmtpd", 911, "/var/lib/opensmtpd/empty")
        self.add_user("opensmtpq", 912, "/var/lib/opensmtpd/empty")
        self.add_user("keeper", 913, "/var/mail")
        (self.root / "var/lib/opensmtpd/empty").mkdir(parents=True, exist_ok=True)
        self.mail_folder(KEPT, 913)
        (self.root / "etc/mx/mx.key").chmod(0o600)
        self.write("etc/smtpd.conf", f"""pki {name} cert "/etc/mx/mx.crt"
pki {name} key "/etc/mx/mx.key"
smtp max-message-size 20000000
{settings}
table kept_domains {{ {', '.join(domains)} }}
table keeper {{ "@" = keeper }}
listen on {address} port {port} tls pki {name} hostname {name}
action keep maildir "/{KEPT}" virtual <keeper>
match from any for domain <kept_domains> action keep
""")
        self.start()

    def start(self):
        super().start("/usr/sbin/smtpd", "-d", "-f", "/etc/smtpd.conf")
        self.wait_until_it_listens()


class Aiosmtpd(Process):
    """aiosmtpd needs no machine: it is a library, and aiosmtpd_keeper.py a program that uses it. `options` are that program's."""

    def __init__(self, build, folder: pathlib.Path, name, address, port, certificate, *options):
        folder.mkdir()
        self.name, self.address, self.port, self.kept = name, address, port, folder / "kept"
        libraries = packages.fetch(build, "python3-aiosmtpd") / "usr/lib/python3/dist-packages"
        command = ["/usr/bin/python3", str(HERE / "aiosmtpd_keeper.py"), "--listen", f"{address}:{port}", "--keep", str(self.kept),
                   "--certificate", str(certificate.certificate), "--key", str(certificate.key), *options]
        super().__init__(command, folder / "log", env={"PYTHONPATH": str(libraries), "PATH": "/usr/bin"})
        self.wait_until_ready(f"{name} listening", lambda: accepts(address, port))

    def messages(self, count=None) -> list:
        del count  # It keeps before it accepts.
        return kept_mail.read(self.kept)
