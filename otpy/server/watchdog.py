"""A sign of life of a worker that is at work for long."""

from otpy.server.context import current


def watchdog() -> None:
    """Give this worker's supervisor a sign of life: the time of its `watchdog` begins anew.

    For a function that does not wait in `receive`, and for a server whose message takes longer
    than its `watchdog`. Any thread may call it; it costs no message. Without that key it does
    nothing.

    Raises:
        OtpyError: This process is not a worker of a tree.
    """
    current().mailbox.give_sign_of_life()
