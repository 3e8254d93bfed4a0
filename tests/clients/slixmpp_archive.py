"""Romeo and Juliet talk on two nodes, and each reads it again by slixmpp's archive, page by page.
Ends with 0 if all of it went as XEP-0313 and XEP-0059 say.

Usage: slixmpp_archive.py PORT_OF_ROMEO PORT_OF_JULIET
"""

import asyncio
from xml.etree import ElementTree

from slixmpp_client import PATIENCE, Client, ask_until, expect, log_in, log_out, run

MESSAGES = 25
PAGE = 10
RETRACT = "urn:xmpp:message-retract:1"


class Talker(Client):
    def __init__(self, jid):
        super().__init__(jid, ("xep_0030", "xep_0059", "xep_0203", "xep_0297", "xep_0313"))
        self.heard = asyncio.Queue()
        self.add_event_handler("message", self.on_message)

    def on_message(self, message):
        if message["body"]:
            self.heard.put_nowait(message["body"])

    async def archived(self, **filters):
        """The bodies of what the archive has, and how many pages it took."""
        bodies, pages = [], 0
        rsm = {"max": PAGE}
        while True:
            answer = await self["xep_0313"].retrieve(rsm=rsm, timeout=PATIENCE, **filters)
            pages += 1
            for result in answer["mam"]["results"]:
                forwarded = result["mam_result"]["forwarded"]
                expect(forwarded["delay"]["stamp"] is not None, "a result has no time")
                bodies.append(forwarded["stanza"]["body"])
            fin = answer["mam_fin"]
            if fin.xml.get("complete") == "true":
                return bodies, pages
            rsm = {"max": PAGE, "after": fin["rsm"]["last"]}


async def main():
    romeo, juliet = Talker("romeo@localhost/orchard"), Talker("juliet@localhost/balcony")
    await log_in(romeo, juliet)
    info = await juliet["xep_0030"].get_info(jid=juliet.boundjid.bare, timeout=PATIENCE)
    features = info["disco_info"]["features"]
    for feature in (
        "urn:xmpp:mam:2",
        "urn:xmpp:mam:2#extended",
        "urn:xmpp:sid:0",
        f"{RETRACT}#tombstone",
    ):
        expect(feature in features, f"{feature} is not announced")

    said = [f"message {n}" for n in range(MESSAGES)]
    for n, body in enumerate(said):
        speaker, listener = (romeo, juliet) if n % 2 else (juliet, romeo)
        speaker.send_message(listener.boundjid, body, mtype="chat")
        expect(await asyncio.wait_for(listener.heard.get(), PATIENCE) == body, f"no {body}")

    for reader, other in ((romeo, juliet), (juliet, romeo)):
        bodies, pages = await ask_until(  # The last ones may be on their way there.
            reader.archived, lambda answer: len(answer[0]) == MESSAGES
        )
        expect(bodies == said, f"the archive of {reader.boundjid} has {bodies}")
        expect(pages == 3, f"{MESSAGES} messages came on {pages} pages")
        bodies, _ = await reader.archived(with_jid=other.boundjid.bare)
        expect(bodies == said, f"with {other.boundjid} it has {bodies}")
        bodies, _ = await reader.archived(with_jid="nurse@localhost")
        expect(bodies == [], f"with somebody else it has {bodies}")
    await take_back(romeo, juliet)
    await log_out(romeo, juliet)


async def take_back(romeo, juliet):
    """Romeo takes back what he has said (XEP-0424), of which slixmpp knows an older version only."""
    mistake = romeo.make_message(juliet.boundjid, "for Rosaline", mtype="chat")
    mistake.send()
    expect(await asyncio.wait_for(juliet.heard.get(), PATIENCE) == "for Rosaline", "no mistake")
    retraction = romeo.make_message(juliet.boundjid, "He took it back.", mtype="chat")
    ElementTree.SubElement(retraction.xml, f"{{{RETRACT}}}retract", id=mistake["id"])
    retraction.send()
    expect(await asyncio.wait_for(juliet.heard.get(), PATIENCE) == "He took it back.", "no word")
    for reader in (romeo, juliet):

        async def last_two():
            answer = await reader["xep_0313"].retrieve(rsm={"max": 100}, timeout=PATIENCE)
            results = list(answer["mam"]["results"])[-2:]
            return [result["mam_result"]["forwarded"]["stanza"] for result in results]

        def is_tombstone(last):
            gone = last[0].xml.find(f"{{{RETRACT}}}retracted")
            return gone is not None and gone.get("id") == retraction["id"]

        last = await ask_until(last_two, is_tombstone)
        expect(last[0]["body"] == "", f"it still says {last[0]['body']}")
        expect(last[0]["id"] == mistake["id"], "the tombstone is of another message")
        expect(last[1]["id"] == retraction["id"], "the retraction is not archived")


run(main)
