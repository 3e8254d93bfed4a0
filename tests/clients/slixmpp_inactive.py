"""Juliet's client, by slixmpp, says that nobody looks at it: Romeo's presence, on another node, waits
until it is looked at again, or until he has something to say. Ends with 0 if all of it went as
XEP-0352 says.

Usage: slixmpp_inactive.py PORT_OF_ROMEO PORT_OF_JULIET
"""

import asyncio
import sys

from slixmpp_client import PATIENCE, Client, expect, log_in, log_out, run


class Person(Client):
    def __init__(self, jid):
        super().__init__(jid, ("xep_0085", "xep_0199", "xep_0352"))
        self.heard = []
        self.came = asyncio.Event()
        self.add_event_handler("presence", lambda p: self.note(p["from"], p["status"]))
        self.add_event_handler("message", lambda m: self.note(m["from"], m["body"]))

    async def begin(self):
        await self.get_roster(timeout=PATIENCE)
        self.send_presence()

    def note(self, sender, text):
        if sender.bare != self.boundjid.bare and text:
            self.heard.append(text)
            self.came.set()

    async def until_heard(self, expected):
        async def wait():
            while len(self.heard) < len(expected):
                self.came.clear()
                await self.came.wait()
        try:
            await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            pass
        expect(self.heard == expected, f"{self.boundjid} heard {self.heard}, not {expected}")
        self.heard.clear()


async def become_contacts(romeo, juliet):
    """slixmpp grants what it is asked for, and asks back."""
    seen = asyncio.Event()
    juliet.add_event_handler("presence_available",
                             lambda p: seen.set() if p["from"] == romeo.boundjid else None)
    romeo.send_presence_subscription("juliet@localhost")
    await asyncio.wait_for(seen.wait(), PATIENCE)


async def sent(client):
    """What the client sent has come to its server."""
    await client["xep_0199"].send_ping("localhost", timeout=PATIENCE)


async def main():
    romeo, juliet = Person("romeo@localhost/orchard"), Person("juliet@localhost/balcony")
    await log_in(romeo, juliet)
    await become_contacts(romeo, juliet)
    romeo.send_presence(pstatus="here")
    await juliet.until_heard(["here"])

    juliet["xep_0352"].send_inactive()
    await sent(juliet)
    for status in ("one", "two", "three"):
        romeo.send_presence(pstatus=status)
    await sent(romeo)
    romeo.send_message(juliet.boundjid, "it is the east", mtype="chat")
    await juliet.until_heard(["three", "it is the east"])

    # One alone: of two, the first could still be on its way between the nodes when she looks again.
    romeo.send_presence(pstatus="four")
    await sent(romeo)
    expect(not juliet.heard, f"Juliet heard {juliet.heard}")
    juliet["xep_0352"].send_active()
    await juliet.until_heard(["four"])
    romeo.send_presence(pstatus="five")
    await juliet.until_heard(["five"])
    await log_out(romeo, juliet)


run(main)
