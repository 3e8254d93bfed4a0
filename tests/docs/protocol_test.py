#!/usr/bin/env python3
"""docs/protocol.md has the frame kinds and refusal codes of the sources, by number and name.

    protocol_test.py docs/protocol.md replication/frame.h replication/error.h
"""

import re
import sys

TRAVELS_BELOW = 100  # Greater codes never stand in a refuse frame.


def of_page(text, heading):
    """Rows `| 16 | resume | …` of the table behind that heading."""
    section = text[text.index(heading):]
    section = section[:section.find("\n## ", 1)]
    return {int(number): name for number, name in re.findall(r"^\| (\d+) \| (\w+) \|", section, re.M)}


def of_enum(text, name):
    body = re.search(r"enum class %s[^{]*\{(.*?)\n\};" % name, text, re.S)[1]
    return {int(number): value for value, number in re.findall(r"^\s*(\w+) = (\d+),", body, re.M)}


def main(page, frames, errors):
    texts = []
    for path in (page, frames, errors):
        with open(path, encoding="utf-8") as file:
            texts.append(file.read())
    codes = {number: name for number, name in of_enum(texts[2], "Errc").items()
             if number < TRAVELS_BELOW}
    faults = 0
    for what, here, there in (("kind", of_page(texts[0], "## 2. Frames"), of_enum(texts[1], "FrameKind")),
                              ("code", of_page(texts[0], "## 3. Hello"), codes)):
        for number in sorted(set(here) | set(there)):
            if here.get(number) != there.get(number):
                faults += 1
                print(f"{what} {number}: {here.get(number)} in {page}, {there.get(number)} in the source")
        print(f"{len(here)} {what}s")
        faults += not here
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
