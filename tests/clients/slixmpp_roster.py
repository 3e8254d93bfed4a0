"""Romeo on one node and Juliet on another, both by slixmpp: they become contacts, see each other
come, change and go, and Romeo sees Juliet gone when her node is killed. Ends with 0 if all of it
went as RFC 6121 and XEP-0237 say.

Prints "kill the second node" when that is to be done.

Usage: slixmpp_roster.py PORT_OF_ROMEO PORT_OF_JULIET
"""

import asyncio
import sys

from slixmpp_client import PATIENCE, Client, expect, log_in, log_out, run


class Contact(Client):
    def __init__(self, jid):
        super().__init__(jid)
        # Whether to grant a subscription is this test's to say.
        self.roster.auto_authorize = None
        self.roster.auto_subscribe = False
        self.presences = []
        self.came = asyncio.Event()
        self.add_event_handler("presence", self.on_presence)
        self.add_event_handler("roster_update", lambda _: self.came.set())

    async def begin(self):
        await self.get_roster(timeout=PATIENCE)
        self.send_presence()

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
    groups = romeo.client_roster["juliet@localhost"]["groups"]
    expect(groups == ["Verona"], f"the groups are {groups}")


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
    romeo = Contact("romeo@localhost/orchard")
    juliet = Contact("juliet@localhost/balcony")
    await log_in(romeo, juliet)
    await become_contacts(romeo, juliet)
    await see_each_other(romeo, juliet)
    romeo.presences.clear()
    print("kill the second node", flush=True)
    await romeo.until_presence("unavailable", "juliet@localhost/balcony")
    await log_out(romeo)


run(main)
