"""Functions in processes of their own, awaited on an event loop; as `otpy.tasks`."""

from otpy.aio.server.streams import stream
from otpy.aio.server.task import Task
from otpy.aio.server.task_waiting import await_many
from otpy.aio.server.tasks import async_, async_nolink, await_, shutdown, start

__all__ = [
    "Task",
    "async_",
    "async_nolink",
    "await_",
    "await_many",
    "shutdown",
    "start",
    "stream",
]
