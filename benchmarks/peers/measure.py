#!/usr/bin/env python3
"""What a server costs beside the floor (benchmarks/relay) and beside other servers.

    benchmarks/peers/measure.py [--figures=message,session,limit] [--runs=3] [SERVER…]

SERVER is relay, meerkat, meerkat-mysql, meerkat-archive, ejabberd or prosody, over TCP alone, or with
`-tls` behind its name over STARTTLS with an ECDSA certificate; by default relay, meerkat and
meerkat-tls. Figures:

  message  CPU of the server's processes for each delivered message while a rate holds: 500 pairs,
           bodies of 100 bytes (about 215 on the wire) to bare JIDs, no XEP-0198
  session  CPU of a login, and what a session that does nothing adds to the server's memory
  limit    the highest rate that keeps 99 of 100 deliveries under 20 ms with nothing lost, a tenth apart

The servers have turns within a run, so that all meet the same machine. meerkat-archive keeps each
message in the archives of both people, in a MariaDB whose CPU is said apart; meerkat-mysql is the
same without the archive. benchmarks/peers/run.sh has the servers' configurations. Builds what it
needs, with MEERKAT_BAZEL_FLAGS.
"""

import argparse
import datetime
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import tempfile

from chart import chart

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PROGRAMS = ("//server:meerkatd", "//loadgen:meerkat-load", "//benchmarks/relay")

# A run that was slow, or whose generator was late, has still been measured.
MEASURED = (0, 1, 3)
PASSED = 0

# By figure and name: title, unit, whether it is shown as a multiple of the relay's.
TITLES = {
    "cpu_us": ("CPU a message", "µs", True),
    "messages_s": ("messages", "/s", False),
    "p50_ms": ("p50", "ms", False),
    "p99_ms": ("p99", "ms", False),
    "login_cpu_ms": ("CPU a login", "ms", False),
    "session_bytes": ("memory of a session", "B", False),
    "idle_cores": ("CPU of all sessions", "cores", False),
    "limit_messages_s": ("highest rate", "/s", True),
}


def build():
    """The folder of the built programs."""
    flags = shlex.split(os.environ.get("MEERKAT_BAZEL_FLAGS", ""))
    startup = [flag for flag in flags if flag.startswith("--output_")]
    bazel = ["bazel", *startup]
    flags = [flag for flag in flags if flag not in startup]
    subprocess.run([*bazel, "build", *flags, *PROGRAMS], cwd=ROOT, check=True)
    return subprocess.run([*bazel, "info", *flags, "bazel-bin"], cwd=ROOT, check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()


def run(server, scenario, *options):
    """The exit code of one run of a scenario, and its report."""
    name, _, tls = server.partition("-tls") if server.endswith("-tls") else (server, "", None)
    environment = {**os.environ, "PEER_TLS": "off" if tls is None else "starttls"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [os.path.join(HERE, "run.sh"), name, scenario, "--ui=off", f"--folder={folder}/run",
             *options],
            cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            check=False)
        if done.returncode not in MEASURED:
            raise SystemExit(f"{server} {scenario}: exit code {done.returncode}\n{done.stdout}")
        for line in done.stdout.splitlines():
            if line.startswith("database: "):
                print(f"  {line}", file=sys.stderr)
        with open(f"{folder}/run/latest/report.json", encoding="utf-8") as file:
            return done.returncode, json.load(file)


def chat(server, arguments, rate, seconds):
    """A run of chat, and of its phase that counts: the figures by name."""
    code, report = run(
        server, "chat", f"--sessions={arguments.sessions}", "--login-rate=500/s", "--warmup=3s",
        "--settle=10s", "--body=100..100", "--stream-management=off", f"--duration={seconds}s",
        f"--rate={rate}")
    steady = next(phase for phase in report["phases"] if phase["name"] == "steady")
    delivery = steady["latency"]["delivery"]
    return code, report["audit"], {
        "cpu_us": steady["figures"]["server_cpu_us_per_message"],
        "messages_s": delivery["count"] / seconds,
        "p50_ms": delivery["p50_s"] * 1e3,
        "p99_ms": delivery["p99_s"] * 1e3,
    }


def measure_message(server, arguments):
    return {f"at {rate}": chat(server, arguments, rate, arguments.seconds)[2]
            for rate in arguments.rates.split(",")}


def measure_session(server, arguments):
    if server.startswith("relay"):
        return {}  # It has no accounts.
    _, report = run(server, "idle", f"--sessions={arguments.idle_sessions}", "--login-rate=200/s",
                    f"--duration={arguments.seconds}s", f"--auth={arguments.auth}")
    figures = report["figures"]
    return {f"{arguments.auth}, {arguments.idle_sessions} sessions": {
        "login_cpu_ms": figures["server_cpu_ms_per_login"],
        "session_bytes": figures["server_bytes_per_session@hold"],
        "idle_cores": figures["server_cpu_cores@hold"],
    }}


def holds(server, arguments, rate):
    code, audit, figures = chat(server, arguments, f"{rate}/s", arguments.seconds)
    print(f"  {server} at {rate}/s: p99 {figures['p99_ms']:.1f} ms, lost {audit['lost']}",
          file=sys.stderr)
    return (code == PASSED and audit["lost"] == 0 and figures["p99_ms"] < 20
            and figures["messages_s"] > 0.99 * rate)


def measure_limit(server, arguments):
    held, failed = 0, 1000
    while holds(server, arguments, failed):
        held, failed = failed, failed * 2
    while failed > held * 1.1:
        middle = (held + failed) // 2
        if middle < 100:
            break
        if holds(server, arguments, middle):
            held = middle
        else:
            failed = middle
    return {"p99 < 20 ms": {"limit_messages_s": held}}


FIGURES = {"message": measure_message, "session": measure_session, "limit": measure_limit}


def shown(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def rows_of(results):
    """By situation, server and figure: all values of the runs."""
    rows = {}
    for server, situation, name, value in results:
        rows.setdefault(situation, {}).setdefault(server, {}).setdefault(name, []).append(value)
    return rows


def table(rows):
    lines = []
    for situation, servers in rows.items():
        names = list(next(iter(servers.values())))
        titles = []
        for name in names:
            title, unit, beside_relay = TITLES[name]
            titles += [f"{title}, {unit}"] + (["to the relay's"] if beside_relay else [])
        lines += ["", "| " + " | ".join([situation, *titles]) + " |", "| --- " * (len(titles) + 1) + "|"]
        for server, figures in servers.items():
            cells = [server]
            for name in names:
                values = figures[name]
                median = statistics.median(values)
                cells.append(f"{shown(median)} ({shown(min(values))} to {shown(max(values))})")
                if TITLES[name][2]:
                    floor = servers.get("relay", {}).get(name)
                    cells.append(f"{median / statistics.median(floor):.2f} ×" if floor else "–")
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("servers", nargs="*", metavar="SERVER",
                        default=["relay", "meerkat", "meerkat-tls"])
    parser.add_argument("--figures", default="message,session",
                        help="which, of: " + " ".join(FIGURES) + " (message,session)")
    parser.add_argument("--runs", type=int, default=3, help="medians are over so many (3)")
    parser.add_argument("--rates", default="1k/s,5k/s", help="of message (1k/s,5k/s)")
    parser.add_argument("--seconds", type=int, default=10, help="that a load holds (10)")
    parser.add_argument("--sessions", default="1k", help="of message and limit (1k)")
    parser.add_argument("--idle-sessions", default="3k", help="of session (3k)")
    parser.add_argument("--auth", default="scram-sha-1", help="of session (scram-sha-1)")
    parser.add_argument("--json", help="writes all values to this file")
    parser.add_argument("--from-json", help="prints these and measures nothing")
    parser.add_argument("--chart", help="writes a chart (SVG) to this file")
    arguments = parser.parse_args()
    for name in arguments.figures.split(","):
        if name not in FIGURES:
            parser.error(f"there is no figure '{name}'")
    for server in arguments.servers:
        if not re.fullmatch(r"(relay|meerkat(-mysql|-archive)?|ejabberd|prosody)(-tls)?", server):
            parser.error(f"there is no server '{server}'")

    if arguments.from_json:
        with open(arguments.from_json, encoding="utf-8") as file:
            results = json.load(file)
    else:
        if "PEER_BIN" not in os.environ:
            os.environ["PEER_BIN"] = build()
        results = []
        for number in range(arguments.runs):
            for figure in arguments.figures.split(","):
                for server in arguments.servers:
                    print(f"run {number + 1} of {arguments.runs}: {figure} of {server}",
                          file=sys.stderr)
                    for situation, values in FIGURES[figure](server, arguments).items():
                        results += [(server, situation, *item) for item in values.items()]
        print(f"{datetime.date.today()}: medians of {arguments.runs} runs (least to greatest)")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    rows = rows_of(results)
    print(table(rows))
    if arguments.chart:
        with open(arguments.chart, "w", encoding="utf-8") as file:
            file.write(chart(rows, TITLES))


if __name__ == "__main__":
    main()
