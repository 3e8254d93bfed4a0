"""Replicas and gates as processes of their own, obeying lines (replica/README.md)."""

import os
import queue
import signal
import subprocess
import threading


class Failed(Exception):
    """A replica said `error`, or nothing in time."""


def _parse(words):
    values = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            continue
        try:
            values[name] = float(value) if "." in value or "e" in value else int(value)
        except ValueError:
            values[name] = value
    return values


class Process:
    def __init__(self, command):
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self._answers = queue.Queue()
        self.events = []
        self.pid = self._process.pid
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self._process.stdout:
            if line.startswith("event "):
                _, at, what, who, *more = line.split()
                self.events.append((int(at), what, who, more))
            else:
                self._answers.put(line)
        self._answers.put("error it has ended")

    def tell(self, command):
        """Gives a command without waiting; answer() takes the answers in order."""
        try:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Failed("it has ended") from None

    def answer(self, seconds=120):
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            raise Failed(f"no answer in {seconds} s") from None
        words = line.split()
        if not words or words[0] != "ok":
            raise Failed(line.strip())
        return _parse(words[1:])

    def ask(self, command, seconds=120):
        self.tell(command)
        try:
            return self.answer(seconds)
        except Failed as fault:
            raise Failed(f"{command.split()[0]}: {fault}") from None

    def signal(self, number):
        os.kill(self.pid, number)

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


class Replica(Process):
    def __init__(self, programs, name, options=()):
        super().__init__([programs.replica, "--name=" + name, "--events", *options])
        self.name = name
        self._ready = None

    @property
    def port(self):
        if self._ready is None:
            self._ready = self.answer()
        return self._ready["port"]

    def event(self, what, who):
        """When that happened last, in monotonic microseconds, or None."""
        times = [at for at, event, of, _ in self.events if event == what and of == who]
        return times[-1] if times else None


class Gate(Process):
    def __init__(self, programs, port):
        super().__init__([programs.gate, str(port)])
        self.port = self.answer()["port"]


class Programs:
    def __init__(self, folder):
        self.replica = os.path.join(folder, "replica")
        self.gate = os.path.join(folder, "gate")


def names(count):
    return ["n%02d" % number for number in range(1, count + 1)]


class Cluster:
    """Replicas that know each other. `with Cluster(…) as nodes:` ends them all."""

    def __init__(self, programs, size, options=(), gates=(), introduce=True):
        """`gates`: pairs of names whose link shall run through a gate each way."""
        self.programs = programs
        self.options = options
        self.gates = {}
        self.nodes = [Replica(programs, name, options) for name in names(size)]
        for dialler, target in gates:
            for one, other in ((dialler, target), (target, dialler)):
                self.gates[one, other] = Gate(programs, self.node(other).port)
        if introduce:
            self.introduce()
            self.wait_joined()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in [*self.nodes, *self.gates.values()]:
            process.kill()

    def __getitem__(self, index):
        return self.nodes[index]

    def __len__(self):
        return len(self.nodes)

    def node(self, name):
        return next(node for node in self.nodes if node.name == name)

    def add(self):
        node = Replica(self.programs, names(len(self.nodes) + 1)[-1], self.options)
        self.nodes.append(node)
        return node

    def address(self, seen_from, node):
        gate = self.gates.get((seen_from.name, node.name))
        return f"{node.name}=127.0.0.1:{gate.port if gate else node.port}"

    def introduce(self, nodes=None):
        for node in nodes or self.nodes:
            node.tell("peers " + " ".join(
                self.address(node, other) for other in self.nodes if other is not node))
        for node in nodes or self.nodes:
            node.answer()

    def wait_joined(self, seconds=60):
        for node in self.nodes:
            node.tell(f"joined {seconds}")
        for node in self.nodes:
            node.answer(seconds + 5)

    def all(self, command, seconds=120):
        """Asks all at once; their answers in order."""
        for node in self.nodes:
            node.tell(command)
        return [node.answer(seconds) for node in self.nodes]

    def cpu(self):
        return sum(answer["cpu"] for answer in self.all("stats"))

    def until_whole(self, seconds=60, owners=None):
        """Waits until each node holds of each owner what that holds itself."""
        for owner in owners or self.nodes:
            own = owner.ask("digest self")
            others = [node for node in self.nodes if node is not owner]
            for node in others:
                node.tell(f"until_digest {owner.name} {own['records']} {own['sum']} {seconds}")
            for node in others:
                node.answer(seconds + 5)
