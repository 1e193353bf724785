"""The supervisor API for asyncio."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from otpy.errors import OtpyError
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.links.supervisor import ChildCounts, ChildInfo, Result, spec_fields

ShapeT = TypeVar("ShapeT")


class Administrator(Protocol):
    """Whoever has supervisors asked; as `otpy.links.supervisor.Administrator`."""

    @property
    def name(self) -> str:
        """The node's name."""

    async def ask(
        self,
        operation: str,
        arguments: dict[str, Any],
        timeout: float | None,
        *,
        shape: type[ShapeT],
        repeatable: bool = True,
    ) -> ShapeT:
        """Ask, and make the answer a `shape`."""


class SupervisorRef:
    """A supervisor, by its name: as `otpy.SupervisorRef`, to be awaited."""

    def __init__(self, node: Administrator, path: str) -> None:
        self._node = node
        self.path = path

    def __repr__(self) -> str:
        return f"<SupervisorRef {self.path or 'root'} of {self._node.name}>"

    async def which_children(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> list[ChildInfo]:
        """Return the children, newest first."""
        return await self._ask(
            "which_children", {}, timeout, shape=list[ChildInfo], repeatable=True
        )

    async def count_children(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> ChildCounts:
        """Count the children."""
        return await self._ask("count_children", {}, timeout, shape=ChildCounts, repeatable=True)

    async def get_childspec(
        self, child: str, *, timeout: float | None = DEFAULT_TIMEOUT_S
    ) -> dict[str, Any]:
        """Return a child's spec, with the YAML's fields."""
        arguments = {"child": child}
        return await self._ask(
            "get_childspec", arguments, timeout, shape=dict[str, Any], repeatable=True
        )

    async def start_child(
        self,
        spec: Mapping[str, object] | None = None,
        *,
        args: Sequence[object] | Mapping[str, object] | None = None,
        id: str | None = None,  # noqa: A002 - the YAML's word
        timeout: float | None = None,
    ) -> ChildInfo:
        """Add a child and start it; as `otpy.SupervisorRef.start_child`."""
        arguments = {"spec": spec_fields(spec, args, id)}
        return await self._ask("start_child", arguments, timeout, shape=ChildInfo)

    async def start_children(
        self, specs: Iterable[Mapping[str, object]], *, timeout: float | None = None
    ) -> list[ChildInfo | OtpyError]:
        """Add many children by one request; as `otpy.SupervisorRef.start_children`."""
        arguments = {"specs": [spec_fields(spec, None, None) for spec in specs]}
        results = await self._ask("start_children", arguments, timeout, shape=list[Result])
        return [result.value() for result in results]

    async def terminate_child(self, child: str, *, timeout: float | None = None) -> None:
        """Stop a child; as `otpy.SupervisorRef.terminate_child`."""
        await self._ask("terminate_child", {"child": child}, timeout, shape=Any)

    async def terminate_children(
        self, children: Iterable[str], *, timeout: float | None = None
    ) -> list[OtpyError | None]:
        """Stop many children by one request; as `otpy.SupervisorRef.terminate_children`."""
        arguments = {"children": list(children)}
        results = await self._ask("terminate_children", arguments, timeout, shape=list[Result])
        return [result.refusal() for result in results]

    async def restart_child(self, child: str, *, timeout: float | None = None) -> ChildInfo:
        """Start a child that does not run."""
        return await self._ask("restart_child", {"child": child}, timeout, shape=ChildInfo)

    async def delete_child(self, child: str, *, timeout: float | None = None) -> None:
        """Forget the spec of a child that does not run."""
        await self._ask("delete_child", {"child": child}, timeout, shape=Any)

    async def _ask(
        self,
        op: str,
        arguments: dict[str, Any],
        timeout: float | None,
        *,
        shape: type[ShapeT],
        repeatable: bool = False,
    ) -> ShapeT:
        request = {"path": self.path, "op": op, **arguments}
        return await self._node.ask(
            "supervisor", request, timeout, shape=shape, repeatable=repeatable
        )
