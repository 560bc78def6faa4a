"""Completion of verbs and options by the shell: the options --install-completion and --show-completion.

The scripts are click's own. Each shell loads them from a folder of the user's, so that no start-up file is edited.
"""

import os
from pathlib import Path
from typing import Final

import click
from click.shell_completion import get_completion_class

from statsig_export.cli import output

PROGRAM: Final = "statsig-export"
_VARIABLE: Final = "_STATSIG_EXPORT_COMPLETE"
"""By which the script asks the program; click derives the same name from the program's."""
SHELLS: Final = ("bash", "zsh", "fish")
_THEN: Final = {
    "bash": "open a new shell; it needs the package bash-completion",
    "zsh": "add `fpath+=(~/.zfunc); autoload -Uz compinit; compinit` to ~/.zshrc if it has no such line, and open a"
    " new shell",
    "fish": "open a new shell",
}


def install(ctx: click.Context, _param: click.Parameter, shell: str | None) -> None:
    """Write the shell's script to where the shell looks for it, and end."""
    if shell is None or ctx.resilient_parsing:
        return
    path = _place(shell)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_script(ctx, shell), "utf-8")
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written ({error.strerror}): use --show-completion") from None
    click.echo(str(path))
    output.note(_THEN[shell])
    ctx.exit()


def show(ctx: click.Context, _param: click.Parameter, shell: str | None) -> None:
    """Print the shell's script, and end."""
    if shell is not None and not ctx.resilient_parsing:
        click.echo(_script(ctx, shell))
        ctx.exit()


def _script(ctx: click.Context, shell: str) -> str:
    class_ = get_completion_class(shell)
    if class_ is None:  # click knows all of SHELLS
        raise LookupError(shell)
    return class_(ctx.command, {}, PROGRAM, _VARIABLE).source()


def _place(shell: str) -> Path:
    home = Path.home()
    if shell == "bash":
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
        folder = Path(os.environ.get("BASH_COMPLETION_USER_DIR") or data / "bash-completion")
        return folder / "completions" / PROGRAM
    if shell == "zsh":
        return home / ".zfunc" / f"_{PROGRAM}"
    return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "fish" / "completions" / f"{PROGRAM}.fish"
