"""Romeo on one node and Juliet on another, both by profanity in a terminal of its own, driven by the
keys that a person would type. Ends with 0 if each sees what the other does.

Usage: profanity_chat.py PORT_OF_ROMEO PORT_OF_JULIET
"""

import os
import shutil
import sys
import tempfile

try:
    import pexpect
except ImportError:
    sys.exit("pexpect is not there: install Debian's package python3-pexpect")

PATIENCE = 30  # Seconds for a step, on a machine that builds meanwhile.


class Profanity:
    """One client with a home folder and a terminal of its own."""

    def __init__(self, name, home):
        self.name = name
        folder = os.path.join(home, name)
        os.makedirs(folder)
        environment = dict(
            os.environ,
            HOME=folder,
            XDG_CONFIG_HOME=os.path.join(folder, "config"),
            XDG_DATA_HOME=os.path.join(folder, "data"),
            TERM="xterm",
            LC_ALL="C.UTF-8",
        )
        # Wide, so that no word is broken over two lines.
        self.terminal = pexpect.spawn(
            "profanity", env=environment, dimensions=(50, 200), timeout=PATIENCE, encoding="utf-8"
        )
        self.sees("Type '/help'")

    def types(self, line):
        self.terminal.sendline(line)

    def sees(self, text):
        try:
            self.terminal.expect_exact(text)
        except (pexpect.TIMEOUT, pexpect.EOF):
            sys.exit(f"FAILED: {self.name} never saw {text!r}; the terminal's last bytes:\n"
                     f"{self.terminal.before[-2000:]}")

    def logs_in(self, port):
        self.types(f"/connect {self.name}@localhost server 127.0.0.1 port {port} tls trust")
        self.sees("Enter password:")
        self.types(self.name)
        self.sees("logged in successfully")

    def leaves(self):
        self.types("/quit")
        self.terminal.expect(pexpect.EOF)


def main(port_of_romeo, port_of_juliet):
    home = tempfile.mkdtemp()
    try:
        romeo, juliet = Profanity("romeo", home), Profanity("juliet", home)
        romeo.logs_in(port_of_romeo)
        juliet.logs_in(port_of_juliet)

        # Each becomes the other's contact, and sees the other come online.
        romeo.types("/sub request juliet@localhost")
        juliet.sees("Received authorization request from romeo@localhost")
        juliet.types("/sub allow romeo@localhost")
        romeo.sees("juliet@localhost")
        juliet.types("/sub request romeo@localhost")
        romeo.sees("Received authorization request from juliet@localhost")
        romeo.types("/sub allow juliet@localhost")
        juliet.types("/status set away back-at-midnight")
        romeo.sees("back-at-midnight")

        juliet.types("/msg romeo@localhost")  # Looks at the window of their chat.
        romeo.types("/msg juliet@localhost what-light-through-yonder-window")
        juliet.sees("what-light-through-yonder-window")
        juliet.types("/msg romeo@localhost good-night-good-night")
        romeo.sees("good-night-good-night")

        juliet.leaves()
        romeo.sees("offline")
        romeo.leaves()
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print("all went well")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
