"""Functions in processes of their own, below a supervisor of tasks (Elixir's Task.Supervisor)."""

from otpy.server.streams import stream
from otpy.server.task import Task
from otpy.server.task_waiting import await_many
from otpy.server.tasks import async_, async_nolink, await_, shutdown, start

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
