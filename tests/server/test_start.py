"""What cannot be started so is a failed start, with words that say what to do (4.8, 4.9)."""

from typing import Any

import pytest

import otpy
from tests.support.node import Nodes

MODULE = "tests.support.misfit_workers"


@pytest.mark.parametrize("how", ["start_child", "template"])
def test_a_start_says_what_is_wrong(nodes: Nodes, how: str) -> None:
    node = nodes.run(f"""
        name: misfits
        children:
          - {{id: pool, strategy: dynamic}}
          - {{id: made, strategy: dynamic, template: {{id: m, start: "{MODULE}:Made"}}}}
          - {{id: takes, strategy: dynamic,
             template: {{id: t, start: "{MODULE}:takes", args: [1]}}}}
        """)
    if how == "template":
        cases: list[tuple[str, Any, str]] = [
            (
                "made",
                {"args": [5]},
                "TypeError: Made has no init that takes them; rename `__init__`",
            ),
            ("takes", {"args": [2, 3]}, r"TypeError: too many .*, expected takes\(one, two=2\)"),
        ]
        for pool, spec, text in cases:
            with pytest.raises(otpy.StartFailed, match=text):
                node.client.supervisor(pool).start_child(**spec)
        return
    for start, args, text in (
        ("Made", [5], "Made has no init that takes them; rename `__init__` to `init`"),
        ("Made", {"n": 5}, "Made has no init that takes them; rename `__init__` to `init`"),
        ("Bare", [5], "Bare has no init, expected no arguments"),
        ("Nothing", [5], "positional argument"),
        ("Needs", [], "Needs.__init__ needs n, which it is not given; rename it to `init`"),
        ("Named", [], "Named.name hides the attribute `name`, which otpy sets: rename it"),
        ("takes", [], r"missing a required argument: 'one', expected takes\(one, two=2\)"),
        ("takes", {"three": 3}, r"expected takes\(one, two=2\)"),
        ("waits", [5], r"too many positional arguments, expected waits\(\)"),
    ):
        spec = {"id": "x", "start": f"{MODULE}:{start}", "args": args, "restart": "temporary"}
        with pytest.raises(otpy.StartFailed, match=f"^error: TypeError: .*{text}"):
            node.client.supervisor("pool").start_child(spec)
    for start, args in (("Made", []), ("decorated", [5])):
        node.client.supervisor("pool").start_child(
            {"id": f"good-{start}", "start": f"{MODULE}:{start}", "args": args}
        )
