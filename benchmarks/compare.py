#!/usr/bin/env python3
"""Compares two builds of a Google Benchmark program, and prints what changed beyond noise.

    benchmarks/compare.py [--runs=9] [--filter=REGEX] [--all] BASE NEW

The two run in turns, so that both meet the same machine. Times are CPU times. A benchmark has
changed when the medians differ by more than --tolerance and the middle halves of the two do not
overlap. Exit code: 0 nothing is slower, 1 something is, 64 a program does not run.
"""

import argparse
import json
import statistics
import subprocess
import sys

NANOSECONDS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


def run(program, pattern):
    """CPU nanoseconds an iteration, by benchmark."""
    command = [program, "--benchmark_format=json", f"--benchmark_filter={pattern}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise SystemExit(f"{program}: {error.strerror}") from None
    try:
        benchmarks = json.loads(done.stdout)["benchmarks"]
    except (json.JSONDecodeError, KeyError):
        raise SystemExit(f"{program} printed no benchmarks: {done.stderr.strip()}") from None
    failed = [each["name"] for each in benchmarks if each.get("error_occurred")]
    if failed:
        raise SystemExit(f"{program} failed in {', '.join(failed)}")
    return {
        each["name"]: each["cpu_time"] * NANOSECONDS[each["time_unit"]]
        for each in benchmarks
        if each["run_type"] == "iteration"
    }


def middle_half(times):
    """Lower quartile, median, upper quartile."""
    if len(times) < 2:
        return times[0], times[0], times[0]
    return tuple(statistics.quantiles(times, n=4, method="inclusive"))


def judge(base, new, tolerance):
    """The ratio of the medians, and 'slower', 'faster' or '' for noise."""
    base_low, base_median, base_high = middle_half(base)
    new_low, new_median, new_high = middle_half(new)
    ratio = new_median / base_median
    if ratio > 1 + tolerance and new_low > base_high:
        return ratio, "slower"
    if ratio < 1 - tolerance and new_high < base_low:
        return ratio, "faster"
    return ratio, ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", help="program before")
    parser.add_argument("new", help="program after")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--filter", default=".")
    parser.add_argument("--tolerance", type=float, default=0.03, help="ratio, default 0.03")
    parser.add_argument("--all", action="store_true", help="also what did not change")
    options = parser.parse_args()

    times = {}
    for _ in range(options.runs):
        for side, program in enumerate((options.base, options.new)):
            for name, time in run(program, options.filter).items():
                times.setdefault(name, ([], []))[side].append(time)

    is_slower = False
    print(f"{'benchmark':<40} {'base ns':>12} {'new ns':>12} {'new/base':>9}")
    for name, (base, new) in times.items():
        if not base or not new:
            print(f"{name:<40} only in {'new' if new else 'base'}")
            continue
        ratio, verdict = judge(base, new, options.tolerance)
        is_slower = is_slower or verdict == "slower"
        if verdict or options.all:
            print(
                f"{name:<40} {statistics.median(base):>12.1f} {statistics.median(new):>12.1f} "
                f"{ratio:>9.3f} {verdict}"
            )
    return 1 if is_slower else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SystemExit as stopped:
        if isinstance(stopped.code, str):
            print(stopped.code, file=sys.stderr)
            sys.exit(64)
        raise
