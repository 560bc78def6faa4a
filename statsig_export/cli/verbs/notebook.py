"""The verb notebook: copies one of the notebooks to where somebody works."""

import json
import shutil
from importlib.resources import files
from pathlib import Path

import click

from statsig_export.cli import output
from statsig_export.errors import ConfigError

_NOTEBOOKS = Path(str(files("statsig_export"))) / "notebooks"


@click.command("notebook")
@click.argument("name", required=False)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder to copy it to; by default the current one.",
)
def command(name: str | None, folder: Path) -> None:
    """Copy a notebook to where you work; without NAME, list them.

    They read what was exported, need no Dagster and send nothing. `pip install 'statsig-export[notebook]'` brings what
    they need beside Jupyter. A file that is there already is never overwritten.
    """
    titles = {path.stem: _title(path) for path in sorted(_NOTEBOOKS.glob("*.ipynb"))}
    if name is None:
        width = max(map(len, titles))
        click.echo("\n".join(f"{stem:{width}}  {title}" for stem, title in titles.items()))
        return
    stem = name.removesuffix(".ipynb")
    if stem not in titles:
        raise ConfigError(f"no notebook is called {stem!r}", hint=f"there are {', '.join(titles)}")
    copy = folder / f"{stem}.ipynb"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (_NOTEBOOKS / copy.name).open("rb") as original, copy.open("xb") as target:
            shutil.copyfileobj(original, target)
    except FileExistsError:
        raise ConfigError(f"{copy} exists already", hint="name another folder with --to, or remove it") from None
    except OSError as error:
        raise ConfigError(f"{copy} cannot be written ({error.strerror})") from None
    click.echo(str(copy))
    output.note(f"open it with `jupyter lab {copy}`, or in your editor")


def _title(path: Path) -> str:
    """Its first heading."""
    first = json.loads(path.read_text("utf-8"))["cells"][0]["source"]
    return "".join(first).splitlines()[0].removeprefix("# ")
