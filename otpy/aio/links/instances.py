"""Several instances of one child, for tasks."""

from typing import Protocol, TypeVar

from otpy.aio.links.introducer import Introducer
from otpy.errors import CallingSelf, NoProcess
from otpy.links.instances import Instance, Pool


class NamedInstance(Instance, Protocol):
    """A reference to an instance, by which to ask whether it runs."""

    @property
    def name(self) -> str:
        """The name of the process."""

    @property
    def node(self) -> Introducer:
        """What connects it."""


NamedT = TypeVar("NamedT", bound=NamedInstance)


class RefPool(Pool[NamedT]):
    """The instances of one child; as `otpy.links.instances.RefPool`."""

    async def choose_running(self, key: object) -> NamedT:
        """Choose, and look whether it runs: who has no key need not wait for a restart."""
        if key is not None:
            return self.choose(key)
        for _ in range(len(self)):
            instance = self.choose(None)
            runs = await _runs(instance)
            self.chose(instance, runs=runs)
            if runs:
                return instance
        return self.choose_whatever()


async def _runs(instance: NamedInstance) -> bool:
    if instance.link is not None and instance.link.open:
        return True
    try:
        return await instance.node.is_running(instance.name)
    except (NoProcess, CallingSelf):
        return False
