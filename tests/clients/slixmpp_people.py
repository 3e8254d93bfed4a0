"""Juliet publishes what people have, by slixmpp: an avatar, a vCard, bookmarks, the list of her
devices. Romeo, on another node, hears of what he may, and reads it; so does her second device when
it comes later. Ends with 0 if all of it went as XEP-0049, 0054, 0060, 0084, 0115, 0163, 0398 and 0402 say.

Usage: slixmpp_people.py PORT_OF_ROMEO PORT_OF_JULIET
"""

import asyncio
import base64
import hashlib
import sys
from xml.etree import ElementTree

from slixmpp.exceptions import IqError
from slixmpp_client import PATIENCE, Client, expect, log_in, log_out, run

PICTURE = b"\x89PNG" + bytes(range(256)) * 60
DEVICES = "eu.siacs.conversations.axolotl.devicelist"


class Person(Client):
    def __init__(self, jid):
        super().__init__(jid, ("xep_0030", "xep_0048", "xep_0049", "xep_0054", "xep_0060",
                               "xep_0084", "xep_0115", "xep_0163"))
        self.avatars = asyncio.Queue()
        self.devices = asyncio.Queue()
        self.add_event_handler("avatar_metadata_publish", self.avatars.put_nowait)
        self["xep_0060"].map_node_event(DEVICES, "devices")
        self.add_event_handler("devices_publish", self.devices.put_nowait)

    async def begin(self):
        await self.get_roster(timeout=PATIENCE)
        self["xep_0163"].add_interest(DEVICES)
        await self["xep_0115"].update_caps(broadcast=False)
        self.send_presence()


async def next_of(queue, what):
    try:
        return await asyncio.wait_for(queue.get(), PATIENCE)
    except asyncio.TimeoutError:
        sys.exit(f"FAILED: no {what} came")


async def become_contacts(romeo, juliet):
    """slixmpp grants what it is asked for, and asks back."""
    seen = asyncio.Event()
    juliet.add_event_handler("presence_available",
                             lambda p: seen.set() if p["from"] == romeo.boundjid else None)
    romeo.send_presence_subscription("juliet@localhost")
    await asyncio.wait_for(seen.wait(), PATIENCE)


async def avatars(romeo, juliet):
    picture = hashlib.sha1(PICTURE).hexdigest()
    await juliet["xep_0084"].publish_avatar(PICTURE, timeout=PATIENCE)
    await juliet["xep_0084"].publish_avatar_metadata(
        [{"id": picture, "type": "image/png", "bytes": len(PICTURE)}], timeout=PATIENCE)
    event = await next_of(romeo.avatars, "news of the avatar")
    expect(event["from"] == "juliet@localhost", f"the avatar is from {event['from']}")
    item = event["pubsub_event"]["items"]["item"]["avatar_metadata"]
    expect([info["id"] for info in item["items"]] == [picture], f"the avatar is {item}")
    answer = await romeo["xep_0084"].retrieve_avatar("juliet@localhost", picture, timeout=PATIENCE)
    data = answer["pubsub"]["items"]["item"]["avatar_data"]["value"]
    expect(data == PICTURE, "the avatar is another picture")


async def devices(romeo, juliet):
    """As OMEMO has it: open to everybody."""
    options = juliet["xep_0004"].make_form(ftype="submit")
    options.add_field("FORM_TYPE", ftype="hidden",
                      value="http://jabber.org/protocol/pubsub#publish-options")
    options.add_field("pubsub#access_model", value="open")
    devices = ElementTree.fromstring(
        "<list xmlns='eu.siacs.conversations.axolotl'><device id='4711'/></list>")
    await juliet["xep_0060"].publish(None, DEVICES, id="current", payload=devices,
                                     options=options, timeout=PATIENCE)
    event = await next_of(romeo.devices, "news of the devices")
    expect("4711" in str(event), f"the devices are {event}")
    tablet = Person("juliet@localhost/tablet")
    await log_in(tablet)
    event = await next_of(tablet.devices, "devices for the new one")
    expect("4711" in str(event), f"the devices are {event}")
    await next_of(tablet.avatars, "avatar for the new device")
    await log_out(tablet)


async def own_things(romeo, juliet):
    vcard = juliet["xep_0054"].make_vcard()
    vcard["FN"] = "Juliet <Capulet>"
    await juliet["xep_0054"].publish_vcard(vcard=vcard, timeout=PATIENCE)
    answer = await romeo["xep_0054"].get_vcard("juliet@localhost", timeout=PATIENCE)
    expect(answer["vcard_temp"]["FN"] == "Juliet <Capulet>", f"the vCard is {answer}")

    bookmarks = juliet["xep_0048"].stanza.Bookmarks()
    bookmarks.add_conference("verona@rooms.localhost", "juliet", name="Verona")
    await juliet["xep_0048"].set_bookmarks(bookmarks, method="xep_0049", timeout=PATIENCE)
    answer = await juliet["xep_0048"].get_bookmarks(method="xep_0049", timeout=PATIENCE)
    rooms = [room["jid"] for room in answer["private"]["bookmarks"]["conferences"]]
    expect(rooms == ["verona@rooms.localhost"], f"the bookmarks are {answer}")

    options = juliet["xep_0004"].make_form(ftype="submit")
    options.add_field("pubsub#access_model", value="whitelist")
    options.add_field("pubsub#max_items", value="max")
    options.add_field("pubsub#persist_items", value="true")
    options.add_field("pubsub#send_last_published_item", value="never")
    room = ElementTree.fromstring("<conference xmlns='urn:xmpp:bookmarks:1' name='Fair Verona'/>")
    await juliet["xep_0060"].publish(None, "urn:xmpp:bookmarks:1", id="verona@rooms.localhost",
                                     payload=room, options=options, timeout=PATIENCE)
    answer = await juliet["xep_0060"].get_items(None, "urn:xmpp:bookmarks:1", timeout=PATIENCE)
    ids = [item["id"] for item in answer["pubsub"]["items"]["substanzas"]]
    expect(ids == ["verona@rooms.localhost"], f"the bookmarks are {answer}")
    # An older client sees what a newer one has changed (XEP-0402 §4).
    answer = await juliet["xep_0048"].get_bookmarks(method="xep_0049", timeout=PATIENCE)
    rooms = [(room["jid"], room["name"]) for room in answer["private"]["bookmarks"]["conferences"]]
    expect(rooms == [("verona@rooms.localhost", "Fair Verona")], f"the bookmarks are {answer}")
    try:
        answer = await romeo["xep_0060"].get_items("juliet@localhost", "urn:xmpp:bookmarks:1",
                                                   timeout=PATIENCE)
        expect(False, f"Romeo got {answer}")
    except IqError as error:
        expect(error.condition == "item-not-found", f"Romeo got {error}")


async def photos(romeo, juliet):
    """A client that knows only vCards, and one that knows only PEP (XEP-0398)."""
    other = PICTURE + b"another"
    vcard = juliet["xep_0054"].make_vcard()
    vcard["PHOTO"]["TYPE"] = "image/png"
    vcard["PHOTO"]["BINVAL"] = other
    await juliet["xep_0054"].publish_vcard(vcard=vcard, timeout=PATIENCE)
    picture = hashlib.sha1(other).hexdigest()
    ids = []
    while ids != [picture]:
        event = await next_of(romeo.avatars, f"news of the photo after {ids}")
        item = event["pubsub_event"]["items"]["item"]["avatar_metadata"]
        ids = [info["id"] for info in item["items"]]
    answer = await romeo["xep_0084"].retrieve_avatar("juliet@localhost", picture, timeout=PATIENCE)
    data = answer["pubsub"]["items"]["item"]["avatar_data"]["value"]
    expect(data == other, "the avatar is another picture than the photo")

    await avatars(juliet=juliet, romeo=romeo)
    answer = await romeo["xep_0054"].get_vcard("juliet@localhost", timeout=PATIENCE)
    photo = answer["vcard_temp"].xml.find(".//{vcard-temp}BINVAL").text
    expect(base64.b64decode(photo) == PICTURE, "the photo is another picture than the avatar")


async def main():
    romeo = Person("romeo@localhost/orchard")
    juliet = Person("juliet@localhost/balcony")
    await log_in(romeo, juliet)
    await become_contacts(romeo, juliet)
    await avatars(romeo, juliet)
    await devices(romeo, juliet)
    await own_things(romeo, juliet)
    await photos(romeo, juliet)
    await log_out(romeo, juliet)


run(main)
