"""Romeo on one node and Juliet on another, both by slixmpp: they log in over TLS, chat, and ask the
server what a client asks. Ends with 0 if all of it went as RFC 6120 and 6121 and the XEPs say.

Usage: slixmpp_chat.py PORT_OF_ROMEO PORT_OF_JULIET
"""

import asyncio
import datetime

from slixmpp_client import PATIENCE, Client, expect, log_in, log_out, run


class Talker(Client):
    def __init__(self, jid):
        super().__init__(jid, ("xep_0030", "xep_0092", "xep_0198", "xep_0199", "xep_0202", "xep_0203"))
        self.messages = asyncio.Queue()
        self.add_event_handler("message", self.messages.put_nowait)

    async def next_message(self):
        return await asyncio.wait_for(self.messages.get(), PATIENCE)


async def say(sender, to, body, receiver):
    """What the receiver gets. A session that was bound a moment ago may not be known on the other
    node yet: what comes back as an error is sent again."""
    received = asyncio.ensure_future(receiver.next_message())
    while True:
        sender.send_message(to, body, mtype="chat")
        returned = asyncio.ensure_future(sender.next_message())
        await asyncio.wait({received, returned}, return_when=asyncio.FIRST_COMPLETED)
        if received.done():
            returned.cancel()
            return received.result()
        expect(returned.result()["type"] == "error", f"{sender.boundjid} got {returned.result()}")


async def talk(romeo, juliet):
    for client in (romeo, juliet):
        mechanism = client["feature_mechanisms"].mech.name
        expect(mechanism.startswith("SCRAM-SHA-"), f"the login was by {mechanism}")
        expect(client.transport.get_extra_info("ssl_object"), "the stream is not encrypted")

    body = "hello <&> \U0001F600"
    message = await say(romeo, "juliet@localhost", body, juliet)
    expect(message["body"] == body, f"Juliet got {message}")
    expect(message["from"] == romeo.boundjid, f"it came from {message['from']}")
    message = await say(juliet, message["from"], "good night", romeo)
    expect(message["body"] == "good night", f"Romeo got {message}")

    romeo.send_message("nobody@localhost", "is there anybody?", mtype="chat")
    message = await romeo.next_message()
    expect(message["type"] == "error", f"a message to nobody gave {message}")
    condition = message["error"]["condition"]
    expect(condition == "service-unavailable", f"a message to nobody gave {condition}")


async def ask(romeo, juliet):
    await romeo["xep_0199"].ping("localhost", timeout=PATIENCE)
    # To a client on the other node, by its full JID, and back.
    await romeo["xep_0199"].ping(juliet.boundjid, timeout=PATIENCE)
    disco = await romeo["xep_0030"].get_info("localhost", timeout=PATIENCE)
    identities = {identity[:2] for identity in disco["disco_info"]["identities"]}
    expect(("server", "im") in identities, f"the server is {identities}")
    for feature in ("urn:xmpp:ping", "jabber:iq:version", "http://jabber.org/protocol/disco#info"):
        expect(feature in disco["disco_info"]["features"], f"no {feature} among the features")
    version = await romeo["xep_0092"].get_version("localhost", timeout=PATIENCE)
    expect(version["software_version"]["version"], "the server has no version")
    time = await romeo["xep_0202"].get_entity_time("localhost", timeout=PATIENCE)
    # Read raw: slixmpp 1.8 appends a second Z to the one that XEP-0202 §3 wants.
    utc = time.xml.findtext("{urn:xmpp:time}time/{urn:xmpp:time}utc")
    expect(utc and utc.endswith("Z"), f"the server's time is {utc}")


async def leave_messages(romeo, juliet):
    """What is sent to Juliet while she is away she gets when she comes back, in order, with its time."""
    juliet["xep_0198"].send_ack()  # Else what she has not acknowledged comes again, too.
    await juliet["xep_0199"].ping("localhost", timeout=PATIENCE)
    await log_out(juliet)
    bodies = [f"good night {n}" for n in range(5)]
    for body in bodies:
        romeo.send_message("juliet@localhost", body, mtype="chat")
    await romeo["xep_0199"].ping("localhost", timeout=PATIENCE)
    juliet = Talker("juliet@localhost/balcony")
    await log_in(juliet)
    for body in bodies:
        message = await juliet.next_message()
        expect(message["body"] == body, f"Juliet got {message}")
        expect(message["delay"]["from"] == "localhost", f"no delay in {message}")
        age = datetime.datetime.now(datetime.timezone.utc) - message["delay"]["stamp"]
        expect(abs(age.total_seconds()) < PATIENCE, f"the message is {age} old")
    return juliet


async def main():
    romeo = Talker("romeo@localhost/orchard")
    juliet = Talker("juliet@localhost/balcony")
    await log_in(romeo, juliet)
    await talk(romeo, juliet)
    await ask(romeo, juliet)
    juliet = await leave_messages(romeo, juliet)
    await log_out(romeo, juliet)


run(main)
