"""The same counter in the libraries that one would otherwise take, where they are installed."""

import importlib
import importlib.util
import os
import tempfile
from abc import abstractmethod
from collections.abc import Callable
from multiprocessing.managers import BaseManager
from typing import Any

from .talk import FORK, Increment, Talker


class Counter:
    """A count."""

    def __init__(self) -> None:
        self.count = 0

    def increment(self, amount: int) -> int:
        """Add `amount`."""
        self.count += amount
        return self.count


class Peer(Talker):
    """A library; `module` is what has to be importable."""

    module: str

    @classmethod
    def installed(cls) -> bool:
        """Return whether it can be measured."""
        return importlib.util.find_spec(cls.module) is not None


class Manager(Peer):
    """`multiprocessing.managers`."""

    name, module = "multiprocessing.managers", "multiprocessing.managers"

    def start(self) -> None:
        """Start a manager process."""
        BaseManager.register("Counter", Counter)
        self._manager = BaseManager(ctx=FORK)
        self._manager.start()
        self.pid = self._manager._process.pid  # type: ignore[attr-defined]  # noqa: SLF001

    def connect(self, number: int) -> Increment:
        """Call through a proxy."""
        del number
        increment = self._manager.Counter().increment  # type: ignore[attr-defined]
        return lambda: increment(1)

    def stop(self) -> None:
        """Shut it down."""
        self._manager.shutdown()


class Pykka(Peer):
    """Pykka: a thread, not a process."""

    name, module = "Pykka (a thread)", "pykka"

    def start(self) -> None:
        """Start an actor."""
        pykka: Any = importlib.import_module("pykka")

        class Actor(pykka.ThreadingActor):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self._counter = Counter()

            def on_receive(self, message: tuple[str, int]) -> int:
                return self._counter.increment(message[1])

        self.pid = os.getpid()
        self._actor = Actor.start()

    def connect(self, number: int) -> Increment:
        """Ask."""
        del number
        ask = self._actor.ask
        return lambda: ask(("increment", 1))

    def stop(self) -> None:
        """Stop the actor."""
        self._actor.stop()


class Forked(Peer):
    """A library whose server runs in a process that says where it listens."""

    def start(self) -> None:
        """Fork it."""
        ours, theirs = FORK.Pipe()
        self._process = FORK.Process(target=self.serve, args=(theirs.send,), daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0
        self.address = ours.recv()

    @abstractmethod
    def serve(self, listens: Callable[[Any], None]) -> None:
        """Be the server; call `listens` with the address."""

    def stop(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.join()


class Pyro5(Forked):
    """Pyro5 over TCP."""

    name, module = "Pyro5", "Pyro5"

    def serve(self, listens: Callable[[Any], None]) -> None:
        """Run a daemon."""
        server: Any = importlib.import_module("Pyro5.server")
        daemon = server.Daemon()
        listens(str(daemon.register(server.expose(Counter)())))
        daemon.requestLoop()

    def connect(self, number: int) -> Increment:
        """Call through a proxy."""
        del number
        proxy = importlib.import_module("Pyro5.client").Proxy(self.address)
        return lambda: proxy.increment(1)


class Rpyc(Forked):
    """RPyC over TCP."""

    name, module = "RPyC", "rpyc"

    def serve(self, listens: Callable[[Any], None]) -> None:
        """Run a server."""
        rpyc: Any = importlib.import_module("rpyc")
        servers: Any = importlib.import_module("rpyc.utils.server")

        class Service(rpyc.Service, Counter):  # type: ignore[misc]
            exposed_increment = Counter.increment

            def __init__(self) -> None:
                Counter.__init__(self)

        server = servers.ThreadedServer(Service(), hostname="127.0.0.1", port=0)
        listens(server.port)
        server.start()

    def connect(self, number: int) -> Increment:
        """Call through the connection's root."""
        del number
        connection = importlib.import_module("rpyc").connect("127.0.0.1", self.address)
        increment = connection.root.increment
        return lambda: increment(1)


class Zmq(Forked):
    """pyzmq, REQ and REP, pickled."""

    name, module = "pyzmq REQ/REP", "zmq"

    def serve(self, listens: Callable[[Any], None]) -> None:
        """Answer for ever."""
        zmq: Any = importlib.import_module("zmq")
        reply = zmq.Context().socket(zmq.REP)
        address = f"ipc://{tempfile.mktemp(prefix='otpy-')}"  # noqa: S306  # zmq makes it
        reply.bind(address)
        listens(address)
        counter = Counter()
        while True:
            _, amount = reply.recv_pyobj()
            reply.send_pyobj(counter.increment(amount))

    def connect(self, number: int) -> Increment:
        """Send and receive."""
        del number
        zmq: Any = importlib.import_module("zmq")
        request = zmq.Context.instance().socket(zmq.REQ)
        request.connect(self.address)

        def increment() -> object:
            request.send_pyobj(("increment", 1))
            return request.recv_pyobj()

        return increment

    def stop(self) -> None:
        """Kill it, and remove what it bound."""
        super().stop()
        os.unlink(self.address.removeprefix("ipc://"))  # noqa: PTH108


class Ray(Peer):
    """A Ray actor."""

    name, module = "Ray actor", "ray"

    def start(self) -> None:
        """Start a cluster of this machine."""
        self._ray: Any = importlib.import_module("ray")
        self._ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
        self.pid = os.getpid()
        self._actor = self._ray.remote(Counter).remote()

    def connect(self, number: int) -> Increment:
        """Call and get."""
        del number
        get, increment = self._ray.get, self._actor.increment.remote
        return lambda: get(increment(1))

    def stop(self) -> None:
        """Stop the cluster."""
        self._ray.shutdown()


PEERS: tuple[type[Peer], ...] = (Manager, Pykka, Pyro5, Rpyc, Zmq, Ray)
