#!/usr/bin/env python3
"""docs/cets-cases.md names each of CETS's cases once, and only tests that there are.

    cets_cases_test.py PAGE PROGRAM…: the page, and the test programs that it speaks of.
"""

import collections
import re
import subprocess
import sys

CETS = 183
BEGIN = re.compile(r"## (?:MongooseIM: )?(\w+_SUITE) \((\d+)\)$")


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def named(cell):
    return re.findall(r"`([^`]+)`", cell)


def read(lines):
    """The cases of each suite with how many its heading promises, the tests, and what is wrong."""
    suites, tests, faults = {}, set(), []
    suite = None
    for number, line in enumerate(lines, 1):
        if line.startswith("## "):
            begin = BEGIN.match(line)
            suite = line.strip("# \n") if begin else None
            if begin:
                suites[suite] = (int(begin[2]), collections.Counter())
        if not line.startswith("| ") or line.startswith(("| ---", "| case", "| what")):
            continue
        row = cells(line)
        tests.update(named(row[-1]))
        if suite is None:
            continue
        if len(row) != 3 or not named(row[0]):
            faults.append(f"line {number}: not a row of cases, what holds here, and tests")
        elif not row[1] or not (named(row[2]) or row[2] == "–"):
            faults.append(f"line {number}: neither a test nor a reason for there being none")
        else:
            suites[suite][1].update(named(row[0]))
    return suites, tests, faults


def tests_of(program):
    """The tests that a program says it has, as Suite.Name; those of many values once."""
    found, suite = set(), ""
    listed = subprocess.run([program, "--gtest_list_tests"], check=True, capture_output=True,
                            text=True, timeout=60).stdout
    for line in listed.splitlines():
        name = line.split("#")[0].strip()
        if not line.startswith(" "):
            suite = name.rpartition("/")[2]
        else:
            found.add(suite + name.partition("/")[0])
    return found


def main(page, programs):
    with open(page, encoding="utf-8") as file:
        suites, tests, faults = read(file.readlines())
    for suite, (promised, cases) in suites.items():
        faults += [f"{suite}: {case} stands {times} times"
                   for case, times in cases.items() if times != 1]
        if len(cases) != promised:
            faults.append(f"{suite}: has {len(cases)} cases")
    total = sum(promised for suite, (promised, _) in suites.items() if suite.startswith("cets_"))
    if total != CETS:
        faults.append(f"CETS has {CETS} cases, the page {total}")

    has = {}
    for program in programs:
        folder, _, name = program.rpartition("/")
        has[folder.partition("tests/")[2] + ":" + name] = tests_of(program)
    asked = set()
    for test in sorted(tests):
        target, _, name = test.partition(" ")
        asked.add(target)
        if target not in has:
            faults.append(f"{test}: //tests/{target} is not in this test's data, if it is at all")
        elif name not in has[target]:
            faults.append(f"{test}: there is no such test")
    faults += [f"//tests/{target} is in this test's data, and the page does not speak of it"
               for target in sorted(set(has) - asked)]

    for fault in faults:
        print(f"{page}: {fault}")
    print(f"{sum(len(cases) for _, cases in suites.values())} cases, {len(tests)} tests, "
          f"{len(faults)} faults")
    return 1 if faults or not tests else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
