"""Romeo on one node and Juliet on another, both by slixmpp: they become contacts, see each other
come, change and go, and Romeo sees Juliet gone when her node is killed. Ends with 0 if all of it
went as RFC 6121 and XEP-0237 say.

Prints "kill the second node" when that is to be done.

Usage: slixmpp_roster.py PORT_OF_ROMEO PORT_OF_JULIET
"""

import asyncio
import ssl
import sys

try:
    import slixmpp
except ImportError:
    sys.exit("slixmpp is not there: install Debian's package python3-slixmpp")

PATIENCE = 20  # Seconds for a step, on a machine that builds meanwhile.


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password):
        super().__init__(jid, password)
        # The nodes of the tests make their own certificates.
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        # Whether to grant a subscription is this test's to say.
        self.roster.auto_authorize = None
        self.roster.auto_subscribe = False
        self.presences = []
        self.came = asyncio.Event()
        self.session = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", self.on_session)
        self.add_event_handler("presence", self.on_presence)
        self.add_event_handler("roster_update", lambda _: self.came.set())
        self.add_event_handler("failed_all_auth", self.on_refused)

    async def on_session(self, _):
        await self.get_roster(timeout=PATIENCE)
        self.send_presence()
        if not self.session.done():
            self.session.set_result(None)

    def on_refused(self, _):
        if not self.session.done():
            self.session.set_exception(RuntimeError(f"{self.boundjid} cannot log in"))

    def on_presence(self, presence):
        # One's own comes back, which says nothing here.
        if presence["from"].bare != self.boundjid.bare:
            self.presences.append((presence["type"], str(presence["from"]), presence["status"]))
        self.came.set()

    async def until(self, what, is_so):
        """Waits until `is_so()`, and looks again after each presence and roster push."""
        async def wait():
            while not is_so():
                self.came.clear()
                await self.came.wait()
        try:
            await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            sys.exit(f"FAILED: {self.boundjid} waited for {what}; it got {self.presences}, "
                     f"and its roster is {self.client_roster}")

    async def until_presence(self, kind, sender, status=""):
        await self.until(f"{kind} of {sender} {status!r}",
                         lambda: (kind, sender, status) in self.presences)

    async def until_subscription(self, contact, subscription):
        await self.until(f"subscription {subscription} with {contact}",
                         lambda: contact in self.client_roster
                         and self.client_roster[contact]["subscription"] == subscription)


async def become_contacts(romeo, juliet):
    romeo.update_roster("juliet@localhost", name="Juliet <3", groups=["Verona"])
    await romeo.until("Juliet by her name",
                      lambda: romeo.client_roster["juliet@localhost"]["name"] == "Juliet <3")
    romeo.send_presence_subscription("juliet@localhost")
    await juliet.until_presence("subscribe", "romeo@localhost")
    juliet.send_presence_subscription("romeo@localhost", ptype="subscribed")
    await romeo.until_presence("subscribed", "juliet@localhost")
    await romeo.until_presence("available", "juliet@localhost/balcony")
    await romeo.until_subscription("juliet@localhost", "to")
    await juliet.until_subscription("romeo@localhost", "from")

    juliet.send_presence_subscription("romeo@localhost")
    await romeo.until_presence("subscribe", "juliet@localhost")
    romeo.send_presence_subscription("juliet@localhost", ptype="subscribed")
    await juliet.until_presence("available", "romeo@localhost/orchard")
    await romeo.until_subscription("juliet@localhost", "both")
    await juliet.until_subscription("romeo@localhost", "both")
    if romeo.client_roster["juliet@localhost"]["groups"] != ["Verona"]:
        sys.exit(f"FAILED: the groups are {romeo.client_roster['juliet@localhost']['groups']}")


async def see_each_other(romeo, juliet):
    juliet.send_presence(pshow="away", pstatus="on the balcony")
    await romeo.until_presence("away", "juliet@localhost/balcony", "on the balcony")
    romeo.presences.clear()
    juliet.send_presence(ptype="unavailable", pstatus="asleep")
    await romeo.until_presence("unavailable", "juliet@localhost/balcony", "asleep")
    romeo.presences.clear()
    juliet.presences.clear()
    juliet.send_presence()
    await romeo.until_presence("available", "juliet@localhost/balcony")
    # The server asked Romeo's for it, on the other node.
    await juliet.until_presence("available", "romeo@localhost/orchard")


async def main():
    romeo = Client("romeo@localhost/orchard", "romeo")
    juliet = Client("juliet@localhost/balcony", "juliet")
    romeo.connect(("127.0.0.1", int(sys.argv[1])))
    juliet.connect(("127.0.0.1", int(sys.argv[2])))
    await asyncio.wait_for(asyncio.gather(romeo.session, juliet.session), PATIENCE)
    await become_contacts(romeo, juliet)
    await see_each_other(romeo, juliet)
    romeo.presences.clear()
    print("kill the second node", flush=True)
    await romeo.until_presence("unavailable", "juliet@localhost/balcony")
    await asyncio.wait_for(romeo.disconnect(), PATIENCE)
    print("all went well", flush=True)


asyncio.get_event_loop().run_until_complete(main())
