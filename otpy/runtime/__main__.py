"""The node's process: ``python -m otpy.runtime FD``; see `otpy.runtime.launch`."""

import sys

from otpy.runtime.launch import main

# What a worker's `multiprocessing` spawns imports this module, too, under another name.
if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
