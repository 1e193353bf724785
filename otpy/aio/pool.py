"""Several instances of one child, for tasks."""

from typing import TYPE_CHECKING

from otpy.errors import CallingSelf, NoProcess
from otpy.links.instances import Pool

if TYPE_CHECKING:
    from otpy.aio.reference import Reference


class RefPool(Pool["Reference"]):
    """The instances of one child; as `otpy.links.instances.RefPool`."""

    async def choose_running(self, key: object) -> "Reference":
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


async def _runs(instance: "Reference") -> bool:
    if instance.link is not None and instance.link.open:
        return True
    try:
        return await instance.node.is_running(instance.name)
    except (NoProcess, CallingSelf):
        return False
