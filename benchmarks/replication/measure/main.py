#!/usr/bin/env python3
"""Measures replication on nodes in processes of their own, and prints a table.

    bazel run --config=release //benchmarks/replication/measure -- --rows=memory,join --runs=3

Without --rows: all of them, some ten minutes. --quick: small and once, to see that it runs.
"""

import argparse
import datetime
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cluster_rows  # noqa: E402
import write_rows  # noqa: E402
from processes import Failed, Programs  # noqa: E402
from report import chart, table  # noqa: E402

ROWS = {row.__name__: row for row in write_rows.ROWS + cluster_rows.ROWS}


def median(values):
    values = sorted(values)
    return values[len(values) // 2]


def measure(name, programs, size, options, runs):
    """The medians of each figure over the runs. A run that fails is said, and the row has none."""
    results = []
    for _ in range(runs):
        try:
            results.append(ROWS[name](programs, size, options))
        except Failed as fault:
            print(f"{name}: {fault}", file=sys.stderr)
            return {}
    return {figure: median([r[figure] for r in results]) for figure in sorted(results[0])}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default=",".join(ROWS), help="which, of: " + " ".join(ROWS))
    parser.add_argument("--runs", type=int, default=3, help="medians are over so many (3)")
    parser.add_argument("--quick", action="store_true", help="small, and once")
    parser.add_argument("--record-bytes", type=int, default=0,
                        help="pads key and record to so many bytes, encoded")
    parser.add_argument("--programs", default=os.path.join(here, "..", "replica"),
                        help="folder of the built replica and gate")
    parser.add_argument("--json", help="writes the figures to this file")
    parser.add_argument("--from-json", help="prints these figures and measures nothing")
    parser.add_argument("--chart", help="writes a chart (SVG) to this file")
    arguments = parser.parse_args()

    if arguments.from_json:
        with open(arguments.from_json, encoding="utf-8") as file:
            results = json.load(file)
    else:
        programs = Programs(arguments.programs)
        size, runs = (0.05, 1) if arguments.quick else (1, arguments.runs)
        options = [f"--record-bytes={arguments.record_bytes}"] if arguments.record_bytes else []
        results = {}
        for name in arguments.rows.split(","):
            if name not in ROWS:
                parser.error(f"there is no row '{name}'")
            results[name] = measure(name, programs, size, options, runs)
            print(f"{name}: " + "  ".join(
                f"{figure}={value:.3g}" for figure, value in results[name].items()), flush=True)
        load = " ".join("%.1f" % value for value in os.getloadavg())
        print(f"\n{datetime.date.today()}, load average {load}, {os.cpu_count()} cores, "
              f"{runs} run(s) a row\n")
        if arguments.quick:
            print("--quick: a twentieth of the records, nodes and seconds that the rows name; it shows "
                  "that all\nruns, and measures nothing\n")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1, sort_keys=True)
    print(table(results))
    if arguments.chart:
        with open(arguments.chart, "w", encoding="utf-8") as file:
            file.write(chart(results))
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
