"""The pictures of Dagster in the README and in docs/, taken where a test has just looked: `make pictures`."""

import io
import os
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, ViewportSize

FOLDER = "STATSIG_EXPORT_PICTURES"
"""The variable that names the folder; without it no picture is taken."""
VIEWPORT: ViewportSize = {"width": 1400, "height": 900}
WIDE: ViewportSize = {"width": 1400, "height": 600}
PLOTS: ViewportSize = {"width": 1700, "height": 1020}
NAVIGATION = 241
"""How wide the menu on the left is, the same on every page: pictures leave it out."""
COLOURS = 128


def take_picture(page: Page, name: str, dialog: Locator | None = None) -> None:
    """The page without its menu, or the dialog in front of it, as a PNG with a palette."""
    if FOLDER not in os.environ:
        return
    if dialog is not None:
        dialog.hover(trial=True)  # until it has come to rest
    page.mouse.move(0, 0)
    whole = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    picture = whole.crop((NAVIGATION, 0, *whole.size) if dialog is None else _edges(dialog))
    palette = picture.quantize(COLOURS, dither=Image.Dither.NONE)
    folder = Path(os.environ[FOLDER])
    folder.mkdir(parents=True, exist_ok=True)
    palette.save(folder / f"{name}.png", optimize=True)


def _edges(dialog: Locator) -> tuple[int, int, int, int]:
    box = dialog.bounding_box()
    assert box is not None
    return round(box["x"]), round(box["y"]), int(box["x"] + box["width"]), int(box["y"] + box["height"])
