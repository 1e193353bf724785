"""What the generator of the blocking twins makes of asynchronous code."""

import pytest

from scripts.generate_blocking import blocking


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("async def f() -> int:\n    return await g()\n", "def f() -> int:\n    return g()\n"),
        ("async with a as b:\n    pass\n", "with a as b:\n    pass\n"),
        ("async for a in b:\n    pass\n", "for a in b:\n    pass\n"),
        ("return (await self.both())[0]\n", "return self.both()[0]\n"),
        ("return (await link.ask(a, (b))).name\n", "return link.ask(a, (b)).name\n"),
        ("f(await g())\n", "f(g())\n"),
        ("(await a or b).c()\n", "(a or b).c()\n"),
        ("raise await self.node.why(link) from None\n", "raise self.node.why(link) from None\n"),
        ("async def __aenter__(self): ...\n", "def __enter__(self): ...\n"),
        ("from otpy.aio.links.ref import Ref\n", "from otpy.links.ref import Ref\n"),
        ("from otpy.aio.links import ref\n", "from otpy.links import ref\n"),
        (
            "import asyncio\nlock = asyncio.Lock()\n",
            "from otpy.system.locks import new_lock\nlock = new_lock()\n",
        ),
        ("sum(await asyncio.gather(*[f(x) for x in y]))\n", "sum([f(x) for x in y])\n"),
        ('"""Any number of tasks of one event loop."""\n', '"""Any number of threads."""\n'),
        ("x = 1  # as `otpy.aio.connect`\n", "x = 1  # as `otpy.connect`\n"),
        ("awaited = a_wait.await_many()\n", "awaited = a_wait.await_many()\n"),
    ],
)
def test_what_awaits_blocks(written: str, read: str) -> None:
    assert blocking(written) == read
