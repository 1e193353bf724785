"""A program, not a worker, that gives signs of life by sd_notify(3), and then none any more."""

import os
import signal
import socket
import sys
import time


def say(text: str) -> None:
    """Say something to the supervisor."""
    address = os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), address)


def main(how: str, signs: int) -> None:
    """Give `signs` signs of life, and hang; `how` it takes SIGABRT."""
    if how == "exits":
        signal.signal(signal.SIGABRT, lambda *_: os._exit(3))
    elif how == "ignores":
        signal.signal(signal.SIGABRT, signal.SIG_IGN)
    assert os.environ["WATCHDOG_PID"] == str(os.getpid())
    seconds = int(os.environ["WATCHDOG_USEC"]) / 1e6
    for _ in range(signs):
        say("WATCHDOG=1")
        time.sleep(seconds / 10)
    if how == "triggers":
        say("WATCHDOG=trigger")
    while True:
        signal.pause()


main(sys.argv[1], int(sys.argv[2]))
