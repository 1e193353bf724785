"""The node's process: ``python -m otpy.runtime FD``; see `otpy.runtime.node.launch`."""

import sys

from otpy.runtime.node.launch import main

# What a worker's `multiprocessing` spawns imports this module, too, under another name.
if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
