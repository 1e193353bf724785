"""``otpy completion``."""

import click
from click.shell_completion import get_completion_class

from otpy.cli.show import show


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    \b
    bash: eval "$(otpy completion bash)"     in ~/.bashrc
    zsh:  eval "$(otpy completion zsh)"      in ~/.zshrc, after compinit
    fish: otpy completion fish | source      in ~/.config/fish/config.fish
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    script = get_completion_class(shell)
    assert script is not None
    show(script(ctx.find_root().command, {}, "otpy", "_OTPY_COMPLETE").source())
