"""The node's process: ``python -m otpy.runtime FD``; see `otpy.runtime.node.launch`."""

import sys

from otpy.runtime.node.launch import main
from otpy.system.spawn import leave

# What a worker's `multiprocessing` spawns imports this module, too, under another name.
if __name__ == "__main__":
    # As every process that is forked from it ends: nothing of it outlives the process, and to take
    # the interpreter apart takes longer than to stop a small tree.
    leave(main(int(sys.argv[1])))
