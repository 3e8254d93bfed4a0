"""What the tests by slixmpp have in common: a client that logs in to a node of a test."""

import asyncio
import ssl
import sys

try:
    import slixmpp
except ImportError:
    sys.exit("slixmpp is not there: install Debian's package python3-slixmpp")

PATIENCE = 20  # Seconds for a step, on a machine that builds meanwhile.


class Client(slixmpp.ClientXMPP):
    """A client whose password is its name. `session` is done once it is logged in."""

    def __init__(self, jid, plugins=()):
        super().__init__(jid, jid.split("@")[0])
        # The nodes of the tests make their own certificates.
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        self.session = asyncio.get_event_loop().create_future()
        for plugin in plugins:
            self.register_plugin(plugin)
        self.add_event_handler("session_start", self.on_session)
        self.add_event_handler("failed_all_auth", self.on_refused)

    async def on_session(self, _):
        await self.begin()
        if not self.session.done():
            self.session.set_result(None)

    async def begin(self):
        """What it does first once it is logged in."""
        self.send_presence()

    def on_refused(self, _):
        if not self.session.done():
            self.session.set_exception(RuntimeError(f"{self.boundjid} cannot log in"))


def expect(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


async def ask_until(ask, is_right):
    """The first right answer, or the last one before PATIENCE is over. `ask` is a round trip."""
    deadline = asyncio.get_event_loop().time() + PATIENCE
    answer = await ask()
    while not is_right(answer) and asyncio.get_event_loop().time() < deadline:
        answer = await ask()
    return answer


async def log_in(*clients):
    """Logs the clients in, each at the port of 127.0.0.1 that the command line has for it."""
    for client, port in zip(clients, sys.argv[1:]):
        client.connect(("127.0.0.1", int(port)))
    await asyncio.wait_for(asyncio.gather(*(client.session for client in clients)), PATIENCE)


async def log_out(*clients):
    await asyncio.wait_for(asyncio.gather(*(client.disconnect() for client in clients)), PATIENCE)


def run(main):
    asyncio.get_event_loop().run_until_complete(main())
    print("all went well", flush=True)
