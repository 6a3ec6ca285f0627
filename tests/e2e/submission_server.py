"""A submission server for one test, which logs users in, or does not, as the test says. It speaks plain SMTP with STARTTLS, a line at a time."""

import base64
import dataclasses
import socket
import ssl
import threading

from certificates import Certificate


class HungUp(Exception):
    """The conversation ends without a further word."""


@dataclasses.dataclass
class Conversation:
    """One connection. `on_auth` gets it to ask for more than came with the command."""
    connection: socket.socket
    number: int  # Of the connection, from 1.
    encrypted: bool = False
    recipient: str = ""  # Of the message under way.

    def __post_init__(self):
        self.lines = self.connection.makefile("rb")

    def encrypt(self, context: ssl.SSLContext):
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.lines = self.connection.makefile("rb")
        self.encrypted = True

    def say(self, text: str):
        self.connection.sendall(text.encode() + b"\r\n")

    def hear(self) -> str:
        line = self.lines.readline()
        if not line.endswith(b"\r\n"):
            raise HungUp
        return line[:-2].decode()

    def hear_content(self) -> bytes:
        content = b""
        while (line := self.lines.readline()) != b".\r\n":
            if not line:
                raise HungUp
            content += line[1:] if line.startswith(b".") else line
        return content

    def ask(self, challenge: str) -> str:
        """A challenge of the login, and the client's answer to it; both as they are without base64. "*" stays as it is."""
        self.say("334 " + base64.b64encode(challenge.encode()).decode())
        answer = self.hear()
        return answer if answer == "*" else base64.b64decode(answer, validate=True).decode()


class SubmissionServer:
    """`on_auth(conversation, mechanism, initial response)` returns the last reply to a login. Runs until `stop`."""

    def __init__(self, name: str, address: str, port: int, certificate: Certificate, on_auth, mechanisms="XOAUTH2 PLAIN LOGIN"):
        self.name, self.on_auth, self.mechanisms = name, on_auth, mechanisms
        self.logins = []      # Mechanism and initial response, in order.
        self.recipients = []  # Of the messages that it took.
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.certificate, certificate.key)
        self.listener = socket.create_server((address, port), backlog=100)
        self.connections = []
        threading.Thread(target=self.serve, daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def serve(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.connections.append(connection)
            conversation = Conversation(connection, len(self.connections))
            threading.Thread(target=self.talk, args=(conversation,), daemon=True).start()

    def talk(self, conversation: Conversation):
        try:
            conversation.say(f"220 {self.name} ready")
            while self.answer(conversation, conversation.hear()):
                pass
        except (HungUp, OSError):
            pass
        finally:
            conversation.lines.close()
            conversation.connection.close()

    def answer(self, conversation: Conversation, line: str) -> bool:
        """False: the conversation is over."""
        verb, _, rest = line.partition(" ")
        if verb == "EHLO":
            offer = f"250-AUTH {self.mechanisms}\r\n" if conversation.encrypted and self.mechanisms else ""
            conversation.say(f"250-{self.name}\r\n{offer}250 {'8BITMIME' if conversation.encrypted else 'STARTTLS'}")
        elif verb == "STARTTLS":
            conversation.say("220 go on")
            conversation.encrypt(self.context)
        elif verb == "AUTH":
            mechanism, _, initial = rest.partition(" ")
            initial = base64.b64decode(initial, validate=True).decode()
            self.logins.append((mechanism, initial))
            reply = self.on_auth(conversation, mechanism, initial)
            conversation.say(reply)
            return not reply.startswith("421")
        elif verb == "DATA":
            conversation.say("354 go on")
            conversation.hear_content()
            self.recipients.append(conversation.recipient)
            conversation.say("250 2.0.0 taken")
        elif verb == "QUIT":
            conversation.say("221 bye")
            return False
        else:
            if verb == "RCPT":
                conversation.recipient = rest.split("<", 1)[1].split(">", 1)[0]
            conversation.say("250 2.1.0 ok")
        return True
