"""A server's marked methods, as another worker has them."""

import pytest

import otpy
from tests.support.askers import with_askers
from tests.support.node import Nodes
from tests.support.workers import Contract

TREE = """
    name: proxies
    children:
      - {id: a, start: "tests.support.workers:Contract", args: [WORK/log]}
"""


@pytest.mark.parametrize("who", ["worker", "aio-worker"])
def test_a_worker_uses_the_methods_of_another(nodes: Nodes, who: str) -> None:
    node = nodes.run(with_askers(TREE, who))
    assert node.call(who, "proxied", "a") == [
        "<Proxy of Contract a>",
        2,
        3,
        "Contract has no @call or @cast method 'not_marked'",
    ]
    assert node.log() == [["put", "by a proxy"]]
    node.call(who, "put_to_itself")
    node.logged("put", who, "mine")


def test_outside_a_tree_there_is_nobody_behind_it() -> None:
    with pytest.raises(otpy.OtpyError, match="not a worker"):
        otpy.proxy("a", Contract).add(1)
