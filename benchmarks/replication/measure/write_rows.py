"""Rows of the table: what a write costs. Each returns {figure: number}, as in cluster_rows.py."""

from processes import Cluster


def fresh(cluster, work, keys_each, at=0):
    """The CPU of all nodes for a command that writes to node `at`, from 100,000 records on."""
    before = cluster.cpu()
    answer = cluster[at].ask(work)
    cluster.until_whole(owners=[cluster[at]])
    cpu = cluster.cpu() - before
    return answer, cpu / answer["writes"] * 1e6


def write_cpu(programs, size, options):
    """CPU of one replicated write: 64 and 1,000 callers, each waiting for its write; in bulks."""
    count = int(300_000 * size)
    with Cluster(programs, 3, options) as cluster:
        for number, node in enumerate(cluster.nodes):
            node.ask(f"put {number * 10_000_000} {int(100_000 * size)}")
        cluster.until_whole()
        callers, cpu_callers = fresh(cluster, f"acknowledged {count} 64 1000000 {count}", count)
        many, cpu_many = fresh(cluster, f"acknowledged {count} 1000 5000000 {count}", count)
        ahead, cpu_ahead = fresh(cluster, f"windowed {count} 1000 2000000 {count}", count)
        far, cpu_far = fresh(cluster, f"windowed {count} 20000 3000000 {count}", count)
        before = cluster.cpu()
        for number, node in enumerate(cluster.nodes):
            node.tell(f"acknowledged {count // 3} 64 {number * 10_000_000 + 4_000_000} {count}")
        answers = [node.answer() for node in cluster.nodes]
        cluster.until_whole()
        cpu_everywhere = (cluster.cpu() - before) / sum(a["writes"] for a in answers) * 1e6
        return {
            "cpu_us_64_callers": cpu_callers,
            "cpu_us_64_callers_on_each": cpu_everywhere,
            "cpu_us_1000_callers": cpu_many,
            "cpu_us_ahead_by_1000": cpu_ahead,
            "cpu_us_ahead_by_20000": cpu_far,
            "writes_s_64_callers": callers["writes"] / callers["seconds"],
            "writes_s_1000_callers": many["writes"] / many["seconds"],
            "writes_s_64_callers_on_each": sum(
                a["writes"] / a["seconds"] for a in answers),
            "writes_s_ahead_by_1000": ahead["writes"] / ahead["seconds"],
            "writes_s_ahead_by_20000": far["writes"] / far["seconds"],
            "p50_us_64_callers": callers["p50_us"],
            "p99_us_64_callers": callers["p99_us"],
        }


def write_cpu_on_loop(programs, size, options):
    """The same of callers that are coroutines on the loop that the node lives on."""
    count = int(300_000 * size)
    result = {}
    with Cluster(programs, 3, [*options, "--on-loop"]) as cluster:
        for number, node in enumerate(cluster.nodes):
            node.ask(f"put {number * 10_000_000} {int(100_000 * size)}")
        cluster.until_whole()
        for first, callers in ((1, 64), (5, 1000)):
            work = f"coroutines {count} {callers} {first * 1_000_000} {count}"
            answer, cpu = fresh(cluster, work, count)
            result[f"cpu_us_{callers}_callers"] = cpu
            result[f"writes_s_{callers}_callers"] = answer["writes"] / answer["seconds"]
            result[f"p50_us_{callers}_callers"] = answer["p50_us"]
        return result


def writer_beside_bare(programs, options, count, write_command):
    """One write at a time until both peers have it, in turns with bare round trips to both."""
    with Cluster(programs, 3, options) as cluster:
        times = {"write_p50_us": [], "write_p99_us": []}
        echoes = {
            waiting: " ".join(str(node.ask(f"echo {waiting}")["port"]) for node in cluster.nodes[1:])
            for waiting in ("epoll", "blocking")}
        for _ in range(5):
            for waiting, ports in echoes.items():
                bare = cluster[0].ask(f"round_trip {waiting} {count} 120 {ports}")
                times.setdefault(f"bare_{waiting}_p50_us", []).append(bare["p50_us"])
            write = cluster[0].ask(write_command)
            times["write_p50_us"].append(write["p50_us"])
            times["write_p99_us"].append(write["p99_us"])
        middle = {name: sorted(all)[2] for name, all in times.items()}
        for waiting in echoes:
            middle[f"ratio_to_{waiting}"] = middle["write_p50_us"] / middle[f"bare_{waiting}_p50_us"]
        return middle


def one_writer(programs, size, options):
    """A writer that blocks its thread."""
    count = int(3_000 * size)
    return writer_beside_bare(programs, options, count, f"one_by_one {count} 0 {count}")


def one_writer_on_loop(programs, size, options):
    """A writer that is a coroutine on the loop that the node lives on."""
    count = int(3_000 * size)
    return writer_beside_bare(
        programs, [*options, "--on-loop"], count, f"coroutines {count} 1 0 {count}")


def growth(programs, size, options):
    """CPU of a write, all nodes together, at 2, 4, 8 and 16 nodes."""
    count = int(200_000 * size)
    result = {}
    for nodes in (2, 4, 8, 16):
        with Cluster(programs, nodes, options) as cluster:
            cluster[0].ask(f"windowed {count // 4} 20000 0 {count}")
            cluster.until_whole(owners=[cluster[0]])
            _, cpu = fresh(cluster, f"windowed {count} 20000 0 {count}", count)
            result[f"cpu_us_{nodes}_ahead"] = cpu
            _, cpu = fresh(cluster, f"acknowledged {count} 64 0 {count}", count)
            result[f"cpu_us_{nodes}_64_callers"] = cpu
        with Cluster(programs, nodes, [*options, "--on-loop"]) as cluster:
            for first, callers in ((0, 64), (1, 1000)):
                work = f"coroutines {count} {callers} {first * 10_000_000} {count}"
                _, cpu = fresh(cluster, work, count)
                result[f"cpu_us_{nodes}_{callers}_on_loop"] = cpu
    return result


ROWS = [write_cpu, write_cpu_on_loop, one_writer, one_writer_on_loop, growth]
