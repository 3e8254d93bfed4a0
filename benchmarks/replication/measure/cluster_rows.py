"""Rows of the table: memory, and nodes that come, die, freeze and lose sight of each other.

A function for each: what is done to the replicas, and what is read off. Each returns
{figure: number}; main.py runs it several times and takes the medians. `size` scales the work down
for a quick look.
"""

import time

from processes import Cluster, Failed


def now_us():
    return time.monotonic_ns() / 1000


def memory(programs, size, options):
    """Growth of each process by so many records, its log and buffers warm before."""
    count = int(1_000_000 * size)
    with Cluster(programs, 3, options) as cluster:
        cluster[0].ask("windowed 300000 20000 90000000 1000")
        cluster.until_whole()
        before = cluster.all("stats")
        cluster[0].ask(f"windowed {count} 20000 0 {count}")
        cluster.until_whole()
        after = cluster.all("stats")
        each = [(b["rss"] - a["rss"]) / count for a, b in zip(before, after)]
        counted = cluster[1].ask("count")
        return {
            "owner_bytes": each[0],
            "replica_bytes": max(each[1:]),
            "counted_bytes": counted["bytes"] / counted["records"],
        }


def join(programs, size, options):
    """An empty third node joins two with half of the records each, all three writing meanwhile."""
    count = int(1_000_000 * size)
    rate = 10_000
    with Cluster(programs, 2, options) as cluster:
        a, b = cluster.nodes
        for node in (a, b):
            node.tell(f"put {10_000_000 * cluster.nodes.index(node)} {count // 2}")
        for node in (a, b):
            node.answer()
        cluster.until_whole()
        for number, node in enumerate((a, b)):
            node.ask(f"writer start {rate} {50_000_000 + 10_000_000 * number} 1000")
            node.ask(f"reader start 1000 {10_000_000 * (1 - number)} {count // 2}")
        time.sleep(1)
        steady = [node.ask("stats")["rss"] for node in (a, b)]
        for number, node in enumerate((a, b)):
            node.ask("writer stop")
            node.ask("reset_peak")
            node.ask(f"writer start {rate} {50_000_000 + 10_000_000 * number} 1000")
        cpu = cluster.cpu()
        c = cluster.add()
        c.port
        c.ask("writer start 1000 70000000 1000")
        begun = now_us()
        cluster.introduce()
        cluster.wait_joined()
        wall = (now_us() - begun) / 1e6
        cpu = cluster.cpu() - cpu
        writers = cluster.all("writer stop")
        readers = [node.ask("reader stop") for node in (a, b)]
        cluster.until_whole()
        stats = cluster.all("stats")
        time.sleep(1)
        later = cluster.all("stats")
        return {
            "wall_s": wall,
            "cpu_us_per_record": cpu / count * 1e6,
            "joiner_peak_to_steady": stats[2]["rss_peak"] / later[2]["rss"],
            "others_peak_to_steady": max(
                stat["rss_peak"] / rss for stat, rss in zip(stats[:2], steady)),
            "longest_write_ms": max(w["longest_us"] for w in writers) / 1000,
            "longest_write_undisturbed_ms": max(w["undisturbed_us"] for w in writers) / 1000,
            "longest_write_control_ms": max(w["control_us"] for w in writers) / 1000,
            "longest_read_ms": max(r["longest_us"] for r in readers) / 1000,
            "writers_rate_to_asked": min(
                w["writes"] / w["seconds"] / rate for w in writers[:2]),
            "writers_lowest_rate_to_asked": min(w["lowest_rate"] / rate for w in writers[:2]),
        }


def death_of(programs, count, options):
    with Cluster(programs, 3, options) as cluster:
        a, b, c = cluster.nodes
        c.ask(f"put 0 {count}")
        cluster.until_whole()
        for node in (a, b):
            node.ask(f"reader start 5000 0 {count}")
            node.ask(f"writer start 1000 {50_000_000 + 10_000_000 * cluster.nodes.index(node)} 1000")
        time.sleep(0.5)
        killed = now_us()
        c.kill()
        for node in (a, b):
            node.ask(f"until_state {c.name} gone 10")
        time.sleep(1)  # The sweep of memory goes on behind the readers' backs.
        readers = [node.ask("reader stop") for node in (a, b)]
        writers = [node.ask("writer stop") for node in (a, b)]
        # Told after the records have become invisible: what is seen from outside, not the switch.
        detected = [node.event("gone", c.name) for node in (a, b)]
        return {
            "killed_to_invisible_ms": max(r["last_found"] - killed for r in readers) / 1000,
            "told_gone_to_last_found_ms": max(
                max(0, r["last_found"] - at) for r, at in zip(readers, detected)) / 1000,
            "longest_read_ms": max(r["longest_us"] for r in readers) / 1000,
            "longest_read_undisturbed_ms": max(r["undisturbed_us"] for r in readers) / 1000,
            "longest_read_control_ms": max(r["control_us"] for r in readers) / 1000,
            "longest_write_control_ms": max(w["control_us"] for w in writers) / 1000,
            "longest_write_ms": max(w["longest_us"] for w in writers) / 1000,
            "longest_write_undisturbed_ms": max(w["undisturbed_us"] for w in writers) / 1000,
        }


def death_100k(programs, size, options):
    """The owner of 100,000 records is killed."""
    return death_of(programs, int(100_000 * size), options)


def death_1m(programs, size, options):
    """The owner of 1,000,000 records is killed."""
    return death_of(programs, int(1_000_000 * size), options)


def frozen(programs, size, options):
    """A peer is stopped (SIGSTOP) for 12 s and goes on."""
    seconds = max(4, 12 * size)
    with Cluster(programs, 3, options) as cluster:
        a, b, c = cluster.nodes
        for number, node in enumerate(cluster.nodes):
            node.ask(f"writer start 1000 {10_000_000 * number} 10000")
        time.sleep(0.5)
        c.freeze()
        stopped = time.monotonic()
        time.sleep(0.1)  # So that the position is of a write that the peer cannot have.
        position = a.ask("stats")["position"]
        waited = a.ask(f"replicated {position} 30")["seconds"]
        time.sleep(max(0, seconds - 1 - (time.monotonic() - stopped)))
        again = a.ask(f"replicated {a.ask('stats')['position']} 30")["seconds"]
        time.sleep(max(0, seconds - (time.monotonic() - stopped)))
        c.thaw()
        thawed = now_us()
        writers = [node.ask("writer stop") for node in cluster.nodes]
        cluster.until_whole()
        return {
            "longest_write_ms": max(w["longest_us"] for w in writers[:2]) / 1000,
            "longest_write_undisturbed_ms": max(w["undisturbed_us"] for w in writers[:2]) / 1000,
            "first_replicated_s": waited,
            "later_replicated_ms": again * 1000,
            "thawed_to_whole_s": (now_us() - thawed) / 1e6,
        }


def cut(programs, size, options):
    """{a} and {b, c} cannot reach each other for 12 s, write on, and meet again."""
    seconds = max(5, 12 * size)
    gates = [("n01", "n02"), ("n01", "n03")]
    with Cluster(programs, 3, options, gates) as cluster:
        a, b, c = cluster.nodes
        for number, node in enumerate(cluster.nodes):
            node.ask(f"put {10_000_000 * number} 10000")
            node.ask(f"writer start 1000 {10_000_000 * number + 5_000_000} 1000000")
        time.sleep(0.5)
        for gate in cluster.gates.values():
            gate.ask("stall")
        deletes = 1000
        for number, node in enumerate((a, b)):
            node.ask(f"erase {10_000_000 * number} {deletes}")
        for node in (a, c):  # The same keys on both sides: each owner's record stays its own.
            node.ask("put 90000000 1000")
        time.sleep(seconds)
        writers = cluster.all("writer stop")
        own = [node.ask("digest self") for node in cluster.nodes]
        apart = own[0]["records"] - b.ask(f"digest {a.name}")["records"]
        if apart <= 0:
            raise Failed("the cut let writes through")
        for gate in cluster.gates.values():
            gate.tell("open")
        healed = now_us()
        cluster.until_whole()
        whole = (now_us() - healed) / 1e6
        lost = undone = differ = 0
        for owner, digest in zip(cluster.nodes, own):
            for node in cluster.nodes:
                seen = node.ask(f"digest {owner.name}")
                lost += abs(digest["records"] - seen["records"])
        for number in range(2):
            for key in range(10_000_000 * number, 10_000_000 * number + deletes):
                undone += any(node.ask(f"find {key}").get("owners") for node in cluster.nodes)
        for key in range(90_000_000, 90_001_000, 10):
            differ += len({tuple(sorted(str(node.ask(f"find {key}")["owners"]).split(",")))
                           for node in cluster.nodes}) != 1
        return {
            "healed_to_whole_s": whole,
            "writes_meanwhile": sum(w["writes"] for w in writers),
            "missing_before_heal": apart,
            "lost": lost,
            "deletes_undone": undone,
            "keys_that_differ": differ,
            "longest_write_ms": max(w["longest_us"] for w in writers) / 1000,
        }


def one_link(programs, size, options):
    """The link of two of three is cut for 12 s; the third reaches both."""
    seconds = max(5, 12 * size)
    with Cluster(programs, 3, options, [("n01", "n02")]) as cluster:
        a, b, c = cluster.nodes
        for number, node in enumerate(cluster.nodes):
            node.ask(f"writer start 1000 {10_000_000 * number} 1000000")
        time.sleep(0.5)
        for gate in cluster.gates.values():
            gate.ask("stall")
        begun = now_us()
        b.ask("put 90000000 1")
        relayed = None
        while (now_us() - begun) / 1e6 < seconds:
            if a.ask("find 90000000").get("owners"):
                relayed = (now_us() - begun) / 1e6
                break
            time.sleep(0.05)
        time.sleep(max(0, seconds - (now_us() - begun) / 1e6))
        writers = cluster.all("writer stop")
        for gate in cluster.gates.values():
            gate.tell("open")
        healed = now_us()
        cluster.until_whole()
        if relayed is None:
            raise Failed("no write came by the third node")
        return {
            "longest_write_ms": max(w["longest_us"] for w in writers) / 1000,
            "healed_to_whole_s": (now_us() - healed) / 1e6,
            "relayed_after_s": relayed,
        }


def start_together(programs, count, records, options):
    begun = now_us()
    with Cluster(programs, count, options, introduce=False) as cluster:
        for node in cluster.nodes:
            node.port
        started = (now_us() - begun) / 1e6
        if records:
            for number, node in enumerate(cluster.nodes):
                node.tell(f"put {10_000_000 * number} {records // count}")
            for node in cluster.nodes:
                node.answer()
        introduced = now_us()
        cluster.introduce()
        cluster.wait_joined(120)
        # joined() counts peers that answer; all must have answered.
        for node in cluster.nodes:
            node.tell(f"until_records {records // count * count if records else 0} 120")
        for node in cluster.nodes:
            node.answer(130)
        joined = (now_us() - introduced) / 1e6
        ready = sum(
            node.ask(f"peer {other.name}")["state"] == "ready"
            for node in (cluster.nodes[0], cluster.nodes[-1])
            for other in cluster.nodes if other is not node)
        if ready != 2 * (count - 1):
            raise Failed(f"{ready} links of {2 * (count - 1)} are ready")
        stats = cluster.all("stats")
        return {
            "started_s": started,
            "joined_s": joined,
            "started_and_joined_s": started + joined,
            "cpu_s": sum(stat["cpu"] for stat in stats),
            "rss_mb_each": max(stat["rss"] for stat in stats) / 1e6,
        }


def start_64(programs, size, options):
    """64 nodes that start at once."""
    return start_together(programs, max(8, int(64 * size)), 0, options)


def start_32_1m(programs, size, options):
    """32 nodes that meet with 1,000,000 records among them."""
    return start_together(programs, max(4, int(32 * size)), int(1_000_000 * size), options)


ROWS = [memory, join, death_100k, death_1m, frozen, cut, one_link, start_64, start_32_1m]
