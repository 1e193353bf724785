# Generated from otpy/aio/links/supervisor.py by scripts/generate_blocking.py; do not edit.

"""The supervisor API, with OTP's names."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from otpy.errors import OtpyError
from otpy.links.child_info import ChildCounts, ChildInfo, Result, spec_fields
from otpy.links.deadline import DEFAULT_TIMEOUT_S

ShapeT = TypeVar("ShapeT")


class SupervisorClient(Protocol):
    """Protocol of objects that send requests to supervisors: a client's node, a worker's peers."""

    @property
    def name(self) -> str:
        """The node's name."""

    def _ask(
        self,
        operation: str,
        arguments: dict[str, Any],
        timeout: float | None,
        *,
        shape: type[ShapeT],
        repeatable: bool = True,
    ) -> ShapeT:
        """Send a request; convert the answer to `shape`: ``supervisor`` in `otpy.wire.gateway`."""


class SupervisorRef:
    """A supervisor, by its name.

    Operations that change something wait as long as they take unless given a `timeout`, as OTP's
    do; once sent, they are never sent twice. All raise `NoProcess` if there is no such
    supervisor, `NodeNotFound` if the node is gone, `CallTimeout` if the answer did not come in
    time, and `ProcessDown` if the process that should have answered was killed meanwhile.
    """

    def __init__(self, node: SupervisorClient, path: str) -> None:
        self._node = node
        self.path = path

    def __repr__(self) -> str:
        return f"<SupervisorRef {self.path or 'root'} of {self._node.name}>"

    def which_children(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> list[ChildInfo]:
        """Return the children, newest first."""
        return self._ask("which_children", {}, timeout, shape=list[ChildInfo], repeatable=True)

    def count_children(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> ChildCounts:
        """Count the children."""
        return self._ask("count_children", {}, timeout, shape=ChildCounts, repeatable=True)

    def get_childspec(
        self, child: str, *, timeout: float | None = DEFAULT_TIMEOUT_S
    ) -> dict[str, Any]:
        """Return a child's spec, with the YAML's fields.

        Raises:
            SupervisorError: ``not_found``.
        """
        arguments = {"child": child}
        return self._ask("get_childspec", arguments, timeout, shape=dict[str, Any], repeatable=True)

    def start_child(
        self,
        spec: Mapping[str, object] | None = None,
        *,
        args: Sequence[object] | Mapping[str, object] | None = None,
        id: str | None = None,  # noqa: A002 - the YAML's word
        timeout: float | None = None,
    ) -> ChildInfo:
        """Add a child and start it; return it as it is once its init has returned.

        Args:
            spec: The YAML's fields, for example ``{"id": "w3", "start": "shop:Worker"}``. Left
                out if the supervisor has a template that its children are made from.
            args: The field of that name. Positional ones come after the template's, keyword
                ones beside them.
            id: The field of that name. Without it a child of a template gets one:
                ``worker-1``, ``worker-2`` ...
            timeout: Seconds, or None for as long as it takes.

        Raises:
            SpecError: The spec is wrong.
            SupervisorError: ``already_started``, ``already_present``, ``bad_combination`` or
                ``max_children``.
            StartFailed: Its init failed; the spec is not kept.
        """
        arguments = {"spec": spec_fields(spec, args, id)}
        return self._ask("start_child", arguments, timeout, shape=ChildInfo)

    def start_children(
        self, specs: Iterable[Mapping[str, object]], *, timeout: float | None = None
    ) -> list[ChildInfo | OtpyError]:
        """Add many children by one request, and start them one after another.

        What becomes of one does not touch the others: the result has, in their order, for each what
        `start_child` returns or the error that it would raise.

        Args:
            specs: Each as for `start_child`, for example ``[{"args": [n]} for n in range(1000)]``.
            timeout: Seconds, or None for as long as it takes.

        Raises:
            SpecError: A spec is wrong; nothing was started.
        """
        arguments = {"specs": [spec_fields(spec, None, None) for spec in specs]}
        results = self._ask("start_children", arguments, timeout, shape=list[Result])
        return [result.value() for result in results]

    def terminate_child(self, child: str, *, timeout: float | None = None) -> None:
        """Stop a child; its spec stays, unless the child is temporary or the supervisor dynamic.

        Raises:
            SupervisorError: ``not_found``.
        """
        self._ask("terminate_child", {"child": child}, timeout, shape=Any)

    def terminate_children(
        self, children: Iterable[str], *, timeout: float | None = None
    ) -> list[OtpyError | None]:
        """Stop many children by one request; as in a stop of their supervisor.

        Those of a dynamic supervisor stop all at once, others one after another, latest first.
        The result has, in the order of `children`, None for each that was stopped, and for one
        that is not there the `SupervisorError` ``not_found``.
        """
        arguments = {"children": list(children)}
        results = self._ask("terminate_children", arguments, timeout, shape=list[Result])
        return [result.refusal() for result in results]

    def restart_child(self, child: str, *, timeout: float | None = None) -> ChildInfo:
        """Start a child that does not run.

        Raises:
            SupervisorError: ``not_found``, ``running`` or ``restarting``.
            StartFailed: Its init failed.
        """
        return self._ask("restart_child", {"child": child}, timeout, shape=ChildInfo)

    def delete_child(self, child: str, *, timeout: float | None = None) -> None:
        """Forget the spec of a child that does not run.

        Raises:
            SupervisorError: ``not_found``, ``running`` or ``restarting``.
        """
        self._ask("delete_child", {"child": child}, timeout, shape=Any)

    def _ask(
        self,
        op: str,
        arguments: dict[str, Any],
        timeout: float | None,
        *,
        shape: type[ShapeT],
        repeatable: bool = False,
    ) -> ShapeT:
        request = {"path": self.path, "op": op, **arguments}
        return self._node._ask("supervisor", request, timeout, shape=shape, repeatable=repeatable)
