"""What Juliet does with her account, and what Romeo, on another node, comes to know of it, by slixmpp:
she goes and says why, she takes another password, and at last she removes her account. Ends with 0
if all of it went as XEP-0012 and XEP-0077 say.

Usage: slixmpp_account.py PORT_OF_ROMEO_AND_THE_TABLET PORT_OF_JULIET
"""

import asyncio
import sys

from slixmpp.exceptions import IqError
from slixmpp_client import PATIENCE, Client, ask_until, expect, log_in, log_out, run


class Person(Client):
    def __init__(self, jid):
        super().__init__(jid, ("xep_0012", "xep_0030", "xep_0077", "xep_0199"))
        self["xep_0077"].create_account = False
        loop = asyncio.get_event_loop()
        self.end = loop.create_future()
        self.add_event_handler("stream_error", lambda error: self.end.done()
                               or self.end.set_result(error["condition"]))

    async def begin(self):
        await self.get_roster(timeout=PATIENCE)
        self.send_presence()

    async def sent(self):
        """What it sent before has come to its server."""
        await self["xep_0199"].send_ping("localhost", timeout=PATIENCE)


async def become_contacts(romeo, juliet):
    """slixmpp grants what it is asked for, and asks back."""
    seen = asyncio.Event()
    juliet.add_event_handler("presence_available",
                             lambda p: seen.set() if p["from"] == romeo.boundjid else None)
    romeo.send_presence_subscription("juliet@localhost")
    await asyncio.wait_for(seen.wait(), PATIENCE)


async def last_activity(client, jid):
    try:
        answer = await client["xep_0012"].get_last_activity(jid, timeout=PATIENCE)
    except IqError as error:
        return error.condition
    return answer["last_activity"]["seconds"], answer["last_activity"]["status"]


async def activity(romeo, juliet):
    up = await last_activity(romeo, "localhost")
    expect(isinstance(up, tuple) and up[0] < 1000, f"the server has been up for {up}")
    before = await last_activity(romeo, "juliet@localhost")
    expect(before == "forbidden", f"a stranger was told {before}")
    await become_contacts(romeo, juliet)
    here = await last_activity(romeo, "juliet@localhost")
    expect(here[0] == 0, f"of who is here Romeo was told {here}")
    juliet.send_presence(ptype="unavailable", pstatus="to the friar's cell")
    await juliet.sent()
    gone = await ask_until(  # It is stored in the background.
        lambda: last_activity(romeo, "juliet@localhost"),
        lambda answer: isinstance(answer, tuple) and answer[1],
    )
    expect(gone[0] < 60 and gone[1] == "to the friar's cell", f"Romeo was told {gone}")
    juliet.send_presence()
    await juliet.sent()


async def main():
    romeo, juliet = Person("romeo@localhost/orchard"), Person("juliet@localhost/balcony")
    await log_in(romeo, juliet)
    tablet = Person("juliet@localhost/tablet")
    await activity(romeo, juliet)
    await log_in(tablet)

    await juliet["xep_0077"].change_password("nightingale", timeout=PATIENCE)
    condition = await asyncio.wait_for(tablet.end, PATIENCE)
    expect(condition == "not-authorized", f"the tablet heard {condition}")
    await juliet.sent()

    seen = asyncio.Event()
    romeo.add_event_handler("presence_unsubscribe", lambda _: seen.set())
    await juliet["xep_0077"].cancel_registration(timeout=PATIENCE)
    condition = await asyncio.wait_for(juliet.end, PATIENCE)
    expect(condition == "not-authorized", f"Juliet heard {condition}")
    await asyncio.wait_for(seen.wait(), PATIENCE)
    after = await last_activity(romeo, "juliet@localhost")
    expect(after == "forbidden", f"of an account that is gone Romeo was told {after}")
    await log_out(romeo)


run(main)
