"""The table beside what was measured of CETS and Mnesia on such a machine, and its chart."""

import math

# What, row, figure, unit, CETS, Mnesia (ram copies), what must be. The peers' figures: CETS at git
# 2e7d519 and Mnesia 4.21.3 on Erlang/OTP 25, 2 cores, records of 190 bytes in Erlang's format.
LINES = [
    ("CPU of a replicated write, 64 callers on the node's loop", "write_cpu_on_loop",
     "cpu_us_64_callers", "µs", "70–81", "66–87 (sync)", "≤ 3"),
    ("… 1,000 callers on the node's loop", "write_cpu_on_loop", "cpu_us_1000_callers", "µs", "–", "–",
     "≤ 3"),
    ("… 64 callers on another thread", "write_cpu", "cpu_us_64_callers", "µs", "70–81",
     "66–87 (sync)", "≤ 3"),
    ("… 64 of these on each node", "write_cpu", "cpu_us_64_callers_on_each", "µs",
     "92–97 (16 on each)", "108 (sync)", "≤ 3"),
    ("… 1,000 callers on another thread", "write_cpu", "cpu_us_1000_callers", "µs", "–", "–", "≤ 3"),
    ("… in bulks of 1,000, from another thread", "write_cpu", "cpu_us_ahead_by_1000", "µs", "10.6",
     "–", "≤ 3"),
    ("acknowledged writes, 64 callers on one node's loop", "write_cpu_on_loop",
     "writes_s_64_callers", "/s", "18,000–26,000", "21,000–26,000", "≥ 300,000"),
    ("… 1,000 callers on one node's loop", "write_cpu_on_loop", "writes_s_1000_callers", "/s", "–",
     "–", "≥ 300,000"),
    ("… 64 callers on another thread", "write_cpu", "writes_s_64_callers", "/s", "18,000–26,000",
     "21,000–26,000", "≥ 300,000"),
    ("… 1,000 callers on another thread", "write_cpu", "writes_s_1000_callers", "/s", "–", "–",
     "≥ 300,000"),
    ("… in bulks of 1,000, from another thread", "write_cpu", "writes_s_ahead_by_1000", "/s",
     "117,000", "–", "≥ 300,000"),
    ("one writer on the node's loop: write until both peers have it, p50", "one_writer_on_loop",
     "write_p50_us", "µs", "108–135", "103 (sync)", ""),
    ("… to a bare round trip to both, by epoll", "one_writer_on_loop", "ratio_to_epoll", "×", "", "",
     "≤ 1.5"),
    ("… to one by blocking calls, a thread a connection", "one_writer_on_loop", "ratio_to_blocking",
     "×", "", "", ""),
    ("one writer that blocks a thread of its own, p50", "one_writer", "write_p50_us", "µs",
     "108–135", "103 (sync)", ""),
    ("… to a bare round trip to both, by epoll", "one_writer", "ratio_to_epoll", "×", "", "",
     "≤ 1.5"),
    ("… to one by blocking calls, a thread a connection", "one_writer", "ratio_to_blocking", "×", "",
     "", ""),
    ("memory of a record, on its owner", "memory", "owner_bytes", "B", "416", "424", "≤ 130"),
    ("… on another node", "memory", "replica_bytes", "B", "448", "456", "≤ 130"),
    ("join of an empty node to 1,000,000 records", "join", "wall_s", "s", "17", "6–7", "≤ 2"),
    ("… peak memory to steady, joiner", "join", "joiner_peak_to_steady", "×", "3.5", "1.0",
     "≤ 1.2"),
    ("… and of the others", "join", "others_peak_to_steady", "×", "3.7", "–", "≤ 1.2"),
    ("… longest write anywhere", "join", "longest_write_ms", "ms", "17,000", "10–130", "≤ 5"),
    ("… the same of a control (below)", "join", "longest_write_control_ms", "ms", "", "", ""),
    ("… writers' rate, worst tenth of a second", "join", "writers_lowest_rate_to_asked", "×",
     "0", "–", "> 0.5"),
    ("owner of 100,000 dies: found after it was told to be gone", "death_100k",
     "told_gone_to_last_found_ms", "ms", "138–464", "2,900–5,600", "≤ 1"),
    ("… killed until invisible", "death_100k", "killed_to_invisible_ms", "ms", "", "", ""),
    ("… longest read", "death_100k", "longest_read_ms", "ms", "–", "–", "≤ 1"),
    ("… the same of a control", "death_100k", "longest_read_control_ms", "ms", "", "", ""),
    ("… longest write", "death_100k", "longest_write_ms", "ms", "136–1,553", "1,000", "≤ 1"),
    ("… the same of a control", "death_100k", "longest_write_control_ms", "ms", "", "", ""),
    ("owner of 1,000,000 dies: found after it was told to be gone", "death_1m",
     "told_gone_to_last_found_ms", "ms", "grows", "grows", "≤ 1"),
    ("… killed until invisible", "death_1m", "killed_to_invisible_ms", "ms", "", "", ""),
    ("… longest read", "death_1m", "longest_read_ms", "ms", "–", "–", "≤ 1"),
    ("… the same of a control", "death_1m", "longest_read_control_ms", "ms", "", "", ""),
    ("… longest write", "death_1m", "longest_write_ms", "ms", "–", "–", "≤ 1"),
    ("… the same of a control", "death_1m", "longest_write_control_ms", "ms", "", "", ""),
    ("peer frozen for 12 s: longest write on the others", "frozen", "longest_write_ms", "ms",
     "12,100", "12,140 (sync)", "none waits"),
    ("… first wait for replication", "frozen", "first_replicated_s", "s", "12.1", "12.1",
     "lag_max (2)"),
    ("… later ones", "frozen", "later_replicated_ms", "ms", "12,100", "12,100", ""),
    ("cut for 12 s, healed: whole after", "cut", "healed_to_whole_s", "s", "1.5–18, or 293",
     "never", "≤ 1"),
    ("… writes lost", "cut", "lost", "", "0", "5,600–6,200", "0"),
    ("… deletes undone, of 2,000", "cut", "deletes_undone", "", "0–2,000", "1,000", "0"),
    ("… keys that differ between nodes", "cut", "keys_that_differ", "", "0–1,000", "1,000", "0"),
    ("one link of three cut: longest write", "one_link", "longest_write_ms", "ms",
     "11,000–15,000", "–", "no stall"),
    ("… a write crosses by the third after", "one_link", "relayed_after_s", "s", "never", "–",
     "relayed"),
    ("64 nodes start at once: all joined after", "start_64", "started_and_joined_s", "s", "livelock at 8",
     "–", "≤ 10"),
    ("32 nodes, 1,000,000 records among them", "start_32_1m", "joined_s", "s", "–", "–",
     "all join"),
    ("CPU of a write, 2 nodes, in bulks", "growth", "cpu_us_2_ahead", "µs", "", "", ""),
    ("… 4 nodes", "growth", "cpu_us_4_ahead", "µs", "", "", "below linear"),
    ("… 8 nodes", "growth", "cpu_us_8_ahead", "µs", "", "", "below linear"),
    ("… 16 nodes", "growth", "cpu_us_16_ahead", "µs", "", "", "below linear"),
    ("CPU of a write, 2 nodes, 1,000 callers on the node's loop", "growth", "cpu_us_2_1000_on_loop", "µs", "", "", ""),
    ("… 4 nodes", "growth", "cpu_us_4_1000_on_loop", "µs", "", "", "below linear"),
    ("… 8 nodes", "growth", "cpu_us_8_1000_on_loop", "µs", "", "", "below linear"),
    ("… 16 nodes", "growth", "cpu_us_16_1000_on_loop", "µs", "", "", "below linear"),
    ("CPU of a write, 2 nodes, 64 callers on the node's loop", "growth", "cpu_us_2_64_on_loop", "µs", "", "", ""),
    ("… 4 nodes", "growth", "cpu_us_4_64_on_loop", "µs", "", "", "below linear"),
    ("… 8 nodes", "growth", "cpu_us_8_64_on_loop", "µs", "", "", "below linear"),
    ("… 16 nodes", "growth", "cpu_us_16_64_on_loop", "µs", "", "", "below linear"),
    ("CPU of a write, 2 nodes, 64 callers on another thread", "growth", "cpu_us_2_64_callers", "µs", "", "", ""),
    ("… 4 nodes", "growth", "cpu_us_4_64_callers", "µs", "", "", "below linear"),
    ("… 8 nodes", "growth", "cpu_us_8_64_callers", "µs", "", "", "below linear"),
    ("… 16 nodes", "growth", "cpu_us_16_64_callers", "µs", "", "", "below linear"),
]


def shown(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(results):
    lines = ["| three nodes unless said | Meerkat | CETS | Mnesia | must be |",
             "| --- | --- | --- | --- | --- |"]
    for what, row, figure, unit, cets, mnesia, target in LINES:
        if row not in results:
            continue
        value = results[row].get(figure)
        own = "not seen" if value is None or value < 0 else f"{shown(value)} {unit}".strip()
        lines.append(f"| {what} | {own} | {cets} | {mnesia} | {target} |")
    return "\n".join(lines)


# What, row, figure, unit, CETS's and Mnesia's number (the better end of its range).
BARS = [
    ("CPU of a replicated write, in bulks", "write_cpu", "cpu_us_ahead_by_1000", "µs", 10.6, None),
    ("CPU of a replicated write, 64 callers", "write_cpu_on_loop", "cpu_us_64_callers", "µs", 70, 66),
    ("One writer, write to replicated", "one_writer_on_loop", "write_p50_us", "µs", 108, 103),
    ("Memory of a record on a replica", "memory", "replica_bytes", "B", 448, 456),
    ("Join of an empty node, 1M records", "join", "wall_s", "s", 17, 6),
    ("Longest write during that join", "join", "longest_write_ms", "ms", 17000, 10),
    ("Longest write, peer frozen 12 s", "frozen", "longest_write_ms", "ms", 12100, 12140),
    ("Whole after a cut has healed", "cut", "healed_to_whole_s", "s", 1.5, None),
]


def chart(results):
    """Bars on a logarithmic scale, the shorter the better, each group on a scale of its own."""
    width, left, right, bar = 760, 250, 110, 13
    colours = {"Meerkat": "#1b7f5c", "CETS": "#b0b7bf", "Mnesia": "#d8dce0"}
    groups = []
    for what, row, figure, unit, cets, mnesia in BARS:
        own = results.get(row, {}).get(figure)
        if own is not None:
            groups.append((what, unit, [(name, value) for name, value in (
                ("Meerkat", own), ("CETS", cets), ("Mnesia", mnesia)) if value is not None]))
    parts, y = [], 40
    for what, unit, values in groups:
        low = min(value for _, value in values) / 3
        high = max(value for _, value in values)
        parts.append(f'<text x="{left - 10}" y="{y + 11}" text-anchor="end">{what}</text>')
        for name, value in values:
            part = math.log(value / low) / math.log(high / low) if value > 0 and low > 0 else 0
            length = max(2, part * (width - left - right))
            parts.append(f'<rect x="{left}" y="{y}" width="{length:.0f}" height="{bar - 2}" '
                         f'fill="{colours[name]}"/>')
            parts.append(f'<text x="{left + length + 5:.0f}" y="{y + 10}">'
                         f'{shown(value)} {unit} {name}</text>')
            y += bar
        y += 12
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" '
            f'font-family="sans-serif" font-size="11" fill="#222">'
            f'<rect width="{width}" height="{y}" fill="#fff"/>'
            f'<text x="10" y="20" font-size="14">Replication: shorter is better '
            f'(logarithmic, a scale for each group)</text>')
    return head + "".join(parts) + "</svg>\n"
