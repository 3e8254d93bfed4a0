"""Juliet loses her connection and goes on with her session on the other node, by slixmpp: what Romeo
said meanwhile is there, once, and what she says next reaches him. Ends with 0 if it went as XEP-0198
§5 says.

Usage: slixmpp_resumption.py PORT_OF_JULIET PORT_OF_ROMEO
"""

import asyncio
import sys

from slixmpp_client import PATIENCE, Client, expect, log_in, log_out, run


class Person(Client):
    def __init__(self, jid):
        super().__init__(jid, ("xep_0198",))
        self.heard = asyncio.Queue()
        self.enabled, self.resumed, self.lost = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.logins = 0
        self.add_event_handler("message", lambda m: self.heard.put_nowait(m["body"]))
        self.add_event_handler("sm_enabled", lambda _: self.enabled.set())
        self.add_event_handler("session_resumed", lambda _: self.resumed.set())
        self.add_event_handler("disconnected", lambda _: self.lost.set())

    async def begin(self):
        self.logins += 1
        self.send_presence()

    async def hear(self, body):
        try:
            heard = await asyncio.wait_for(self.heard.get(), PATIENCE)
        except asyncio.TimeoutError:
            sys.exit(f"FAILED: {self.boundjid} did not hear {body}")
        expect(heard == body, f"{self.boundjid} heard {heard}, not {body}")


async def main():
    juliet, romeo = Person("juliet@localhost/balcony"), Person("romeo@localhost/orchard")
    await log_in(juliet, romeo)
    await asyncio.wait_for(juliet.enabled.wait(), PATIENCE)
    balcony = "juliet@localhost/balcony"
    romeo.send_message(balcony, "before", mtype="chat")
    await juliet.hear("before")

    juliet.abort()
    await asyncio.wait_for(juliet.lost.wait(), PATIENCE)
    romeo.send_message(balcony, "meanwhile", mtype="chat")
    juliet.connect(("127.0.0.1", int(sys.argv[2])))
    await asyncio.wait_for(juliet.resumed.wait(), PATIENCE)
    await juliet.hear("meanwhile")
    juliet.send_message("romeo@localhost/orchard", "good night", mtype="chat")
    await romeo.hear("good night")
    romeo.send_message(balcony, "a thousand times", mtype="chat")
    await juliet.hear("a thousand times")
    expect(juliet.heard.empty() and juliet.logins == 1, "Juliet heard more, or logged in again")
    await log_out(juliet, romeo)


run(main)
