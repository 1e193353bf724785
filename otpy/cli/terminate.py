"""``otpy terminate``."""

from otpy.cli.stop import stop_command

terminate = stop_command("terminate", 'The same as "otpy stop", by its name in OTP.')
