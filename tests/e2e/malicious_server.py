"""A mail exchanger that does at one point of the dialogue what no mail exchanger should, and knows what it has accepted."""

import collections
import itertools
import socket
import struct
import threading

# What follows the words of an answer.
GO_ON, FIN, RESET, SILENCE = "go on", "FIN", "RST", "silence"
EHLO = b"250-mx\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250 CHUNKING\r\n"
WITHOUT_CHUNKING = b"250-mx\r\n250 PIPELINING\r\n"
STARTTLS = b"250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n"


def forever(piece):
    return itertools.repeat(piece)


NEVER = threading.Event()  # To be slow is the behaviour of some: they wait for this, so long.


def drip(text, seconds):
    """Byte by byte."""
    for byte in text:
        NEVER.wait(seconds)
        yield bytes([byte])


class Behaviour:
    """`answers`: by point (greeting, ehlo, starttls, mail, rcpt, data, bdat, content, rset, quit), what is said there instead of the usual
    words, as bytes or a callable that gives pieces of them, and what follows."""

    def __init__(self, name, ehlo=EHLO, reads=None, **answers):
        self.name, self.ehlo, self.reads = name, ehlo, reads
        self.answers = {point: answer if isinstance(answer, tuple) else (answer, GO_ON) for point, answer in answers.items()}


def data(name, **answers):
    return Behaviour(name, ehlo=WITHOUT_CHUNKING, **answers)


BEHAVIOURS = [
    Behaviour("banner-without-end", greeting=lambda: forever(b"220-more\r\n" * 500)),
    Behaviour("banner-line-without-end", greeting=lambda: forever(b"220 " + b"x" * 60000)),
    Behaviour("no-banner", greeting=(b"", SILENCE)),
    Behaviour("banner-drips", greeting=lambda: drip(b"220 hello, hello, hello\r\n", 0.3)),
    Behaviour("banner-554", greeting=(b"554 5.3.2 No\r\n", FIN)),
    Behaviour("banner-421", greeting=(b"421 4.3.2 Not now\r\n", FIN)),
    Behaviour("banner-354", greeting=b"354 go on\r\n"),
    Behaviour("banner-http", greeting=(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", FIN)),
    Behaviour("banner-binary", greeting=(bytes(range(256)) * 10, FIN)),
    Behaviour("banner-megabytes", greeting=lambda: itertools.chain([b"220-" + b"y" * 900 + b"\r\n"] * 11000, [b"220 end\r\n"])),
    Behaviour("hangs-up-at-once", greeting=(b"", FIN)),
    Behaviour("resets-at-once", greeting=(b"", RESET)),
    Behaviour("all-replies-with-the-banner", greeting=b"220 hi\r\n250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n250 ok\r\n250 ok\r\n250 ok\r\n"),
    Behaviour("ehlo-500-and-helo-500", ehlo=b"500 What?\r\n"),
    Behaviour("ehlo-megabytes", ehlo=b"".join(b"250-X%d %s\r\n" % (n, b"y" * 900) for n in range(11000)) + b"250 END\r\n"),
    Behaviour("ehlo-nuls", ehlo=b"250-\0\0\0\r\n250-PIPELINING\0\r\n250 \0\r\n"),
    Behaviour("ehlo-two-codes", ehlo=b"250-mx\r\n550-PIPELINING\r\n250 CHUNKING\r\n"),
    Behaviour("ehlo-nonsense", ehlo=b"250-mx\r\n250-SIZE abc\r\n250-SIZE -1\r\n250-LIMITS MAILMAX=-1 RCPTMAX=\r\n250-AUTH\r\n250 \r\n"),
    Behaviour("ehlo-never-ends", ehlo=b"250-mx\r\n" * 50, ehlo_then=(b"", SILENCE)),
    Behaviour("ehlo-then-fin", ehlo_then=(b"", FIN)),
    Behaviour("ehlo-then-reset", ehlo_then=(b"", RESET)),
    Behaviour("ehlo-then-421", ehlo_then=(b"421 4.7.0 Not you\r\n", FIN)),
    Behaviour("bare-line-ends", ehlo=b"250-mx\n250-PIPELINING\n250 CHUNKING\n", mail=b"250 ok\n", rcpt=b"250 ok\r\r\n", content=b"250 ok\n"),
    Behaviour("starttls-unasked", ehlo=b"250-x\r\n250 STARTTLS\r\n220 go\r\n"),
    Behaviour("starttls-then-words", ehlo=STARTTLS, starttls=b"220 go\r\n250 ok\r\n250 ok\r\n"),
    Behaviour("starttls-garbage", ehlo=STARTTLS, starttls=lambda: iter([b"220 go\r\n", b"this is no TLS\r\n" * 50])),
    Behaviour("starttls-fin", ehlo=STARTTLS, starttls=(b"220 go\r\n", FIN)),
    Behaviour("starttls-silence", ehlo=STARTTLS, starttls=(b"220 go\r\n", SILENCE)),
    Behaviour("starttls-454", ehlo=STARTTLS, starttls=b"454 4.7.0 Not now\r\n"),
    Behaviour("starttls-354", ehlo=STARTTLS, starttls=b"354 go on\r\n"),
    Behaviour("mail-258", mail=b"258 as you like\r\n", rcpt=b"259 \r\n", content=b"299\r\n"),
    Behaviour("mail-354", mail=b"354 go on\r\n"),
    Behaviour("mail-571", mail=b"571 5.7.1 Not from you\r\n"),
    Behaviour("mail-drips", mail=lambda: drip(b"250 " + b"o" * 30 + b"k\r\n", 0.3)),
    Behaviour("mail-fin", mail=(b"", FIN)),
    Behaviour("mail-reset", mail=(b"", RESET)),
    Behaviour("mail-silence", mail=(b"", SILENCE)),
    Behaviour("mail-megabytes", mail=lambda: forever(b"450-" + b"later " * 160 + b"\r\n")),
    Behaviour("mail-letters", mail=b"OK\r\n"),
    Behaviour("rcpt-two-replies", rcpt=b"250 ok\r\n250 ok\r\n"),
    Behaviour("rcpt-421", rcpt=(b"421 4.7.0 Enough\r\n", FIN)),
    Behaviour("rcpt-reset", rcpt=(b"", RESET)),
    Behaviour("rcpt-fin-after-yes", rcpt=(b"250 ok\r\n", FIN)),
    Behaviour("rcpt-552", rcpt=b"552-5.2.2 full\r\n" * 200 + b"552 5.2.2 full\r\n"),
    Behaviour("rcpt-999", rcpt=b"999 what is that\r\n"),
    data("data-250", data=b"250 ok\r\n"),
    data("data-silence", data=(b"", SILENCE)),
    data("data-reset", data=(b"", RESET)),
    data("data-fin", data=(b"", FIN)),
    data("data-go-on-reset", data=(b"354 go on\r\n", RESET)),
    data("data-go-on-fin", data=(b"354 go on\r\n", FIN)),
    data("data-two-replies", data=b"354 go on\r\n250 ok\r\n"),
    data("dot-fin", content=(b"", FIN)),
    data("dot-reset", content=(b"", RESET)),
    data("dot-silence", content=(b"", SILENCE)),
    data("dot-354", content=b"354 more\r\n"),
    Behaviour("bdat-502", bdat=b"502 5.5.1 Not here\r\n"),
    Behaviour("bdat-half", bdat=(b"", RESET)),
    Behaviour("content-fin", content=(b"", FIN)),
    Behaviour("content-reset", content=(b"", RESET)),
    Behaviour("content-silence", content=(b"", SILENCE)),
    Behaviour("content-421", content=(b"421 4.3.2 Going down\r\n", FIN)),
    Behaviour("content-letters", content=b"Thank you\r\n"),
    Behaviour("content-drips", content=lambda: drip(b"250 ok\r\n", 0.1)),
    Behaviour("content-never-ends", content=lambda: forever(b"250-" + b"z" * 900 + b"\r\n")),
    Behaviour("content-451-and-250", content=b"451 4.3.0 later\r\n250 ok\r\n"),
    Behaviour("content-two-yes", content=b"250 ok\r\n250 ok\r\n"),
    Behaviour("content-then-fin", content=(b"250 ok\r\n", FIN)),
    Behaviour("rset-500", rcpt=b"450 4.2.1 Later\r\n", rset=b"500 What?\r\n"),
    Behaviour("rset-silence", rcpt=b"450 4.2.1 Later\r\n", rset=(b"", SILENCE)),
    Behaviour("quit-silence", quit=(b"", SILENCE)),
    Behaviour("quit-megabytes", quit=lambda: forever(b"221-" + b"bye " * 200 + b"\r\n")),
    Behaviour("reads-slowly", reads=(2000, 0.05)),
]


class MaliciousServer:
    """Listens on `address`, port 2525. `accepted`: by recipient, how many whole messages it has answered with 2yz; `perhaps`: how many it
    had whole and gave no such answer to."""

    def __init__(self, behaviour: Behaviour, address: str):
        self.behaviour = behaviour
        self.connections = 0
        self.accepted, self.perhaps = collections.Counter(), collections.Counter()
        self.listener = socket.create_server((address, 2525), backlog=100)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def close(self):
        self.listener.close()

    def serve(self, connection):
        with connection:
            connection.settimeout(60)
            try:
                Dialogue(self, connection).run()
            except (OSError, EOFError):
                pass


class Dialogue:
    def __init__(self, server: MaliciousServer, connection: socket.socket):
        self.server, self.connection = server, connection
        self.input = b""
        self.recipient = None
        self.mail_taken = self.recipient_taken = False

    def read_more(self):
        if self.server.behaviour.reads:
            size, rest = self.server.behaviour.reads
            NEVER.wait(rest)
        else:
            size = 1 << 16
        got = self.connection.recv(size)
        if not got:
            raise EOFError
        self.input += got

    def read(self, size: int) -> bytes:
        while len(self.input) < size:
            self.read_more()
        taken, self.input = self.input[:size], self.input[size:]
        return taken

    def read_to(self, end: bytes) -> bytes:
        while end not in self.input:
            self.read_more()
        taken, self.input = self.input.split(end, 1)
        return taken

    def say(self, point, usual, before_it_follows=lambda first: None) -> bytes:
        """The first words of what was said."""
        words, then = self.server.behaviour.answers.get(point, (usual, GO_ON))
        first = b""
        for piece in words() if callable(words) else [words]:
            first = first or piece[:16]
            self.connection.sendall(piece)
        before_it_follows(first)
        if then == SILENCE:
            while True:
                self.read_more()
        if then == RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if then in (FIN, RESET):
            raise EOFError
        return first

    def content(self):
        """A whole message has come."""
        taken = self.recipient_taken
        self.mail_taken = self.recipient_taken = False
        if not taken:
            self.connection.sendall(b"503 5.5.1 No recipient\r\n")
            return
        self.server.perhaps[self.recipient] += 1

        def count(first):
            if first.startswith(b"2"):
                self.server.perhaps[self.recipient] -= 1
                self.server.accepted[self.recipient] += 1

        self.say("content", b"250 ok\r\n", count)

    def run(self):
        self.say("greeting", b"220 mx\r\n")
        while True:
            line = self.read_to(b"\r\n")
            verb = line.split(b" ")[0].upper()
            if verb == b"EHLO":
                self.connection.sendall(self.server.behaviour.ehlo)
                self.say("ehlo_then", b"")
            elif verb == b"HELO" and self.server.behaviour.ehlo.startswith(b"5"):
                self.connection.sendall(self.server.behaviour.ehlo)
            elif verb == b"STARTTLS":
                self.say("starttls", b"220 go\r\n")
            elif verb == b"MAIL":
                self.recipient_taken = False
                self.mail_taken = self.say("mail", b"250 ok\r\n").startswith(b"2")
            elif verb == b"RCPT":
                self.recipient = line.split(b"<", 1)[1].split(b">", 1)[0].decode()
                self.recipient_taken = self.say("rcpt", b"250 ok\r\n").startswith(b"2") and self.mail_taken
            elif verb == b"DATA":
                if not self.recipient_taken:
                    self.connection.sendall(b"503 5.5.1 No recipient\r\n")
                elif self.say("data", b"354 go on\r\n").startswith(b"354"):
                    self.read_to(b"\r\n.\r\n")
                    self.content()
            elif verb == b"BDAT":
                if "bdat" in self.server.behaviour.answers:
                    self.read(min(100, int(line.split(b" ")[1])))
                    self.say("bdat", b"")
                    self.read(int(line.split(b" ")[1]) - 100)
                else:
                    self.read(int(line.split(b" ")[1]))
                    self.content()
            elif verb == b"QUIT":
                self.say("quit", b"221 bye\r\n")
                return
            else:
                self.say(verb.decode(errors="replace").lower(), b"250 ok\r\n")
