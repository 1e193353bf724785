"""``otpy completion``."""

from typing import Final

import click
from click.shell_completion import (
    BashComplete,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

from otpy.cli.options import json_option
from otpy.cli.output import answer

# As click's own, but that an offered word is inserted as one word, whatever is in it: click's would
# have the shell split it, expand it and, at Enter, execute it.
_BASH: Final = r"""
%(complete_func)s() {
    local response completion type value
    response=$(IFS=$'\n'; env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \
%(complete_var)s=bash_complete "$1")
    COMPREPLY=()
    while IFS= read -r completion; do
        type=${completion%%%%,*}
        value=${completion#*,}
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                case ${COMP_WORDS[COMP_CWORD]} in
                    \"*)
                        value=${value//\\/\\\\}
                        value=${value//\"/\\\"}
                        value=${value//\$/\\\$}
                        value=${value//\`/\\\`}
                        value=${value//\!/\"\\!\"}
                        ;;
                    \'*) value=${value//\'/\'\\\'\'} ;;
                    *) printf -v value %%q "$value" ;;
                esac
                COMPREPLY+=("$value")
                ;;
        esac
    done <<< "$response"
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

# As click's own, but that a comma in a word does not end it. The fish shell quotes what it inserts.
_FISH: Final = r"""
function %(complete_func)s
    set -l words (commandline -cp | string collect)
    set -l word (commandline -t | string collect)
    set -l response (env %(complete_var)s=fish_complete COMP_WORDS=$words COMP_CWORD=$word \
%(prog_name)s)
    for completion in $response
        set -l metadata (string split --max 1 , -- $completion)
        switch $metadata[1]
            case dir
                __fish_complete_directories $metadata[2]
            case file
                __fish_complete_path $metadata[2]
            case plain
                echo -- $metadata[2]
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


class _Bash(BashComplete):
    name = "bash"
    source_template = _BASH


class _Fish(FishComplete):
    name = "fish"
    source_template = _FISH


_CLASSES: Final[dict[str, type[ShellComplete]]] = {
    "bash": _Bash,
    "zsh": ZshComplete,  # quotes what it inserts
    "fish": _Fish,
}


def add_shells() -> None:
    """Add these scripts to click, which is asked for them by an environment variable."""
    for shell in _CLASSES.values():
        add_completion_class(shell)


@click.command()
@click.argument("shell", type=click.Choice(list(_CLASSES)))
@json_option
@click.pass_context
def completion(ctx: click.Context, *, shell: str) -> None:
    """Print the completion script for a shell.

    \b
    bash: eval "$(otpy completion bash)"     in ~/.bashrc
    zsh:  eval "$(otpy completion zsh)"      in ~/.zshrc, after compinit
    fish: otpy completion fish | source      in ~/.config/fish/config.fish
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    script = _CLASSES[shell](ctx.find_root().command, {}, "otpy", "_OTPY_COMPLETE").source()
    answer(script, script)
