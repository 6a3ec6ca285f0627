"""That what the tests start their servers with leaves nothing behind where it fails."""

import sys

from lab import Lab
from servers import Process, accepts

PORT = 5300
LISTENS = f"import signal, socket; server = socket.create_server(('127.0.0.1', {PORT})); signal.pause()"


class Server(Process):
    def __init__(self, log, command, condition):
        super().__init__(command, log)
        self.wait_until_ready("the server", condition)


class ServersTest(Lab):
    def test_a_server_that_does_not_get_ready_leaves_its_port(self):
        def fails_once_it_listens():
            if accepts("127.0.0.1", PORT):
                raise AssertionError("its zones are wrong")
            return False
        with self.assertRaisesRegex(AssertionError, "its zones are wrong"):
            Server(self.path("log"), [sys.executable, "-c", LISTENS], fails_once_it_listens)
        self.assertFalse(accepts("127.0.0.1", PORT))

    def test_a_server_that_ends_is_not_waited_for(self):
        with self.assertRaisesRegex(AssertionError, "has ended: no zones"):
            Server(self.path("log"), ["sh", "-c", "printf 'no zones'"], lambda: False)
