"""Juliet's phone and desk, on two nodes, hear of what the other says and hears, by slixmpp; and no
more once they do not want to. Ends with 0 if all of it went as XEP-0280 says.

Usage: slixmpp_carbons.py PORT_OF_PHONE_AND_ROMEO PORT_OF_DESK
"""

import asyncio
import sys

from slixmpp_client import PATIENCE, Client, expect, log_in, log_out, run

QUIET = 1  # Seconds in which nothing comes.


class Device(Client):
    def __init__(self, jid):
        super().__init__(jid, ("xep_0030", "xep_0280"))
        self.copies = asyncio.Queue()
        self.messages = asyncio.Queue()
        self.add_event_handler("carbon_received", lambda m: self.note("carbon_received", m))
        self.add_event_handler("carbon_sent", lambda m: self.note("carbon_sent", m))
        self.add_event_handler("message", self.on_message)

    def note(self, kind, wrapper):
        expect(wrapper["from"] == self.boundjid.bare, f"a copy is from {wrapper['from']}")
        self.copies.put_nowait((kind, str(wrapper[kind]["from"]), wrapper[kind]["body"]))

    def on_message(self, message):
        if message["body"]:
            self.messages.put_nowait(message["body"])

    async def copy(self):
        try:
            return await asyncio.wait_for(self.copies.get(), PATIENCE)
        except asyncio.TimeoutError:
            sys.exit(f"FAILED: no copy came to {self.boundjid}")


async def until_known(romeo, phone, desk):
    """Another node knows of a wish a moment later than its own."""
    for _ in range(PATIENCE * 10):
        romeo.send_message(phone.boundjid, "are you there?", mtype="chat")
        await asyncio.sleep(0.1)
        if not desk.copies.empty():
            break
    await asyncio.sleep(QUIET)
    for device in (phone, desk):
        while not device.copies.empty():
            device.copies.get_nowait()


async def main():
    romeo = Device("romeo@localhost/orchard")
    phone, desk = Device("juliet@localhost/phone"), Device("juliet@localhost/desk")
    await log_in(phone, desk)
    await log_in(romeo)

    info = await phone["xep_0030"].get_info(jid="localhost", timeout=PATIENCE)
    expect("urn:xmpp:carbons:2" in info["disco_info"]["features"], "carbons are not announced")
    for device in (phone, desk):
        await device["xep_0280"].enable(timeout=PATIENCE)
    await until_known(romeo, phone, desk)

    romeo.send_message(phone.boundjid, "good night", mtype="chat")
    expect(await desk.copy() == ("carbon_received", str(romeo.boundjid), "good night"),
           "the desk did not hear what the phone did")
    phone.send_message(romeo.boundjid, "a thousand times", mtype="chat")
    expect(await desk.copy() == ("carbon_sent", str(phone.boundjid), "a thousand times"),
           "the desk did not hear what the phone said")
    desk.send_message(romeo.boundjid, "the worse", mtype="chat")
    expect(await phone.copy() == ("carbon_sent", str(desk.boundjid), "the worse"),
           "the phone did not hear what the desk said")
    await asyncio.sleep(QUIET)
    expect(phone.copies.empty() and desk.copies.empty(), "a device heard more than it should")

    await desk["xep_0280"].disable(timeout=PATIENCE)
    desk.send_message(desk.boundjid, "note to self", mtype="chat")  # Its own node knows at once.
    expect(await desk.messages.get() == "note to self", "a note to itself did not come")
    await log_out(romeo, phone, desk)


run(main)
