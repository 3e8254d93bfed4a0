"""Juliet blocks Romeo, who is on another node, by slixmpp: he hears nothing of her, nor she of him,
her other device is told, and all is as before when she unblocks him. Ends with 0 if all of it went
as XEP-0191 says.

Usage: slixmpp_blocking.py PORT_OF_ROMEO_AND_THE_DESK PORT_OF_THE_PHONE
"""

import asyncio
import sys

from slixmpp.exceptions import IqError
from slixmpp_client import PATIENCE, Client, expect, log_in, log_out, run


class Person(Client):
    def __init__(self, jid):
        super().__init__(jid, ("xep_0030", "xep_0191", "xep_0199"))
        self.heard = asyncio.Queue()
        self.gone = set()
        self.changed = asyncio.Event()
        self.add_event_handler("message", self.on_message)
        self.add_event_handler("presence_unavailable", self.on_gone)
        self.add_event_handler("blocked", lambda iq: self.heard.put_nowait(
            ("blocked", {str(jid) for jid in iq["block"]["items"]})))
        self.add_event_handler("unblocked", lambda iq: self.heard.put_nowait(
            ("unblocked", {str(jid) for jid in iq["unblock"]["items"]})))

    async def begin(self):
        await self.get_roster(timeout=PATIENCE)
        self.send_presence()

    def on_message(self, message):
        what = message["error"]["condition"] if message["type"] == "error" else message["body"]
        self.heard.put_nowait((str(message["from"]), what))

    def on_gone(self, presence):
        self.gone.add(str(presence["from"]))  # slixmpp may say so twice.
        self.changed.set()

    async def until_gone(self, others):
        async def wait():
            while not others <= self.gone:
                self.changed.clear()
                await self.changed.wait()
        try:
            await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            sys.exit(f"FAILED: for {self.boundjid} {self.gone} are gone, not {others}")

    async def next(self):
        try:
            return await asyncio.wait_for(self.heard.get(), PATIENCE)
        except asyncio.TimeoutError:
            sys.exit(f"FAILED: {self.boundjid} heard nothing")


async def become_contacts(romeo, juliet):
    """slixmpp grants what it is asked for, and asks back."""
    seen = asyncio.Event()
    juliet.add_event_handler("presence_available",
                             lambda p: seen.set() if p["from"] == romeo.boundjid else None)
    romeo.send_presence_subscription("juliet@localhost")
    await asyncio.wait_for(seen.wait(), PATIENCE)


async def main():
    romeo = Person("romeo@localhost/orchard")
    phone, desk = Person("juliet@localhost/phone"), Person("juliet@localhost/desk")
    await log_in(romeo, phone)
    await log_in(desk)
    info = await phone["xep_0030"].get_info(jid="localhost", timeout=PATIENCE)
    expect("urn:xmpp:blocking" in info["disco_info"]["features"], "blocking is not announced")
    await become_contacts(romeo, phone)
    for device in (phone, desk):
        answer = await device["xep_0191"].get_blocked(timeout=PATIENCE)
        expect(not answer["blocklist"]["items"], f"the list is {answer}")

    await phone["xep_0191"].block("romeo@localhost", timeout=PATIENCE)
    for device in (phone, desk):
        heard = await device.next()
        expect(heard == ("blocked", {"romeo@localhost"}), f"{device.boundjid} heard {heard}")
    await romeo.until_gone({str(phone.boundjid), str(desk.boundjid)})
    for to in ("juliet@localhost", str(phone.boundjid), str(desk.boundjid)):
        romeo.send_message(to, "wherefore", mtype="chat")
        heard = await romeo.next()
        expect(heard == (to, "service-unavailable"), f"Romeo heard {heard}")
    try:
        await romeo["xep_0199"].send_ping(phone.boundjid, timeout=PATIENCE)
        sys.exit("FAILED: Romeo reaches the phone")
    except IqError as error:
        expect(error.condition == "service-unavailable", f"a ping got {error.condition}")
    desk.send_message(romeo.boundjid, "parting", mtype="chat")
    heard = await desk.next()
    expect(heard == (str(romeo.boundjid), "not-acceptable"), f"the desk heard {heard}")
    expect(phone.heard.empty() and desk.heard.empty() and romeo.heard.empty(),
           "somebody heard more than he should")

    await desk["xep_0191"].unblock("romeo@localhost", timeout=PATIENCE)
    for device in (phone, desk):
        heard = await device.next()
        expect(heard == ("unblocked", {"romeo@localhost"}), f"{device.boundjid} heard {heard}")
    romeo.send_message(phone.boundjid, "good night", mtype="chat")
    heard = await phone.next()
    expect(heard == (str(romeo.boundjid), "good night"), f"the phone heard {heard}")
    await log_out(romeo, phone, desk)


run(main)
