"""The custom events of the sample source: a dozen names as a shop would log them, with values and metadata as text."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statsig_export.testing.sample.exposures import Columns
from statsig_export.testing.sample.users import NAMES, Indexes, Texts, Users

CONFIG_CHANGE = "statsig::config_change"
DIAGNOSTICS = "statsig::diagnostics"

Maker = Callable[[int], tuple[str | None, str | None]]
"""From a random number of 32 bits to a value and the metadata's JSON text."""


@dataclass(frozen=True, slots=True)
class EventName:
    """One event name and its share of the rows."""

    name: str
    share: float
    make: Maker


def _json(said: object) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def _price(roll: int) -> str:
    cents = 99 + roll % 49_900
    return f"{cents // 100}.{cents % 100:02d}"


def _product_view(roll: int) -> tuple[str | None, str | None]:
    place = f'"position":{roll % 40},"price":"{_price(roll)}"'
    return None, f'{{"product_id":"sku_{roll % 997}","category":"shoes",{place},"list":"recommended for you"}}'


def _page_view(roll: int) -> tuple[str | None, str | None]:
    url = f"https://shop.example/products/{roll % 997}?ref=mail"
    scroll = f'"scroll":{{"depth":{roll % 100 / 100},"events":[1,2,{roll % 7}]}}'
    title = NAMES[roll % len(NAMES)].split()[0].replace("\\", "\\\\")
    return url, f'{{"page_url":"{url}","title":"{title}","load_ms":{roll % 3000 / 10},"referrer":null,{scroll}}}'


def _add_to_cart(roll: int) -> tuple[str | None, str | None]:
    options = f'"options":{{"size":"M","colours":["red","blå"],"engraving":"{NAMES[1]}"}}'
    return _price(
        roll
    ), f'{{"sku":"sku_{roll % 997}","qty":{1 + roll % 3},"gift":false,"price":{_price(roll)},{options}}}'


def _search(roll: int) -> tuple[str | None, str | None]:
    return ("靴 🥾", "zapatos", "חולצה", "50% off", "")[roll % 5], f'{{"results":{roll % 200},"filters":[]}}'


def _debug_ping(roll: int) -> tuple[str | None, str | None]:
    return str(roll % 2), None


def _purchase(roll: int) -> tuple[str | None, str | None]:
    items = f'"items":[{{"sku":"sku_{roll % 997}","qty":1}},{{"sku":"sku_{roll % 31}","qty":2}}]'
    order = f'"order_id":{9_007_199_254_740_993 + roll},"currency":"EUR","coupon":null,"express":true'
    return _price(roll), f'{{{order},{items},"note":"leave it \\"here\\"\\nplease"}}'


def _checkout_started(roll: int) -> tuple[str | None, str | None]:
    return str(1 + roll % 9), f'{{"step":"{roll % 3}","total":"{_price(roll)}"}}'


def _video_play(roll: int) -> tuple[str | None, str | None]:
    return f"{roll % 600 / 10}", f'{{"video":"v{roll % 50}","muted":true,"quality":{{"height":1080,"hdr":null}}}}'


def _notification(roll: int) -> tuple[str | None, str | None]:
    return "push", f'{{"campaign":"winter_{roll % 12}"}}' if roll % 2 else "{}"


def _sign_up(roll: int) -> tuple[str | None, str | None]:
    return ("email", "google", "apple")[roll % 3], f'{{"invited_by":"us_{roll % 1000:06d}"}}'


def _session_start(roll: int) -> tuple[str | None, str | None]:
    return None, f'{{"session":"{roll:08x}","viewport":{{"width":390,"height":844}},"utm_source":"mail"}}'


def _app_error(roll: int) -> tuple[str | None, str | None]:
    frames = "\\n".join(f"at render{line} (app.js:{roll % 900 + line}:17)" for line in range(9))
    return "TypeError", f'{{"message":"cannot read \'price\'","stack":"{frames}","fatal":false}}'


def _app_metrics(roll: int) -> tuple[str | None, str | None]:
    return str(roll % 4000), f'{{"metric":"time_to_interactive","unit":"ms","p":{roll % 100 / 100}}}'


def _diagnostics(roll: int) -> tuple[str | None, str | None]:
    marks = [{"key": "overall", "action": action, "timestamp": 1_793_491_200_000 + roll} for action in ("start", "end")]
    return None, _json({"context": "initialize", "markers": marks})


def _config_change(roll: int) -> tuple[str | None, str | None]:
    kind, name = (("Gate", "new_checkout"), ("Experiment", "checkout_flow"), ("DynamicConfig", "banner"))[roll % 3]
    change = {"type": kind, "name": name, "description": "Rollout 10% → 50%", "action": "updated"}
    return None, _json({**change, "environment": "production"} if roll % 2 else change)


EVENT_NAMES = (
    EventName("product_view", 30, _product_view),
    EventName("auto_capture::page_view", 17, _page_view),
    EventName("add_to_cart", 11, _add_to_cart),
    EventName("search", 8, _search),
    EventName("debug_ping", 7, _debug_ping),
    EventName("purchase", 6, _purchase),
    EventName("checkout_started", 5, _checkout_started),
    EventName("video_play", 4, _video_play),
    EventName("notification_opened", 3, _notification),
    EventName("auto_capture::session_start", 3, _session_start),
    EventName("sign_up", 2, _sign_up),
    EventName("statsig::app_error", 1.5, _app_error),
    EventName("statsig::app_metrics", 1, _app_metrics),
    EventName(DIAGNOSTICS, 1, _diagnostics),
    EventName(CONFIG_CHANGE, 0.5, _config_change),
)

_NAMES: Texts = np.array([event.name for event in EVENT_NAMES], dtype=np.object_)
_SHARES: NDArray[np.float64] = np.cumsum(np.array([event.share for event in EVENT_NAMES]))
_EDITORS = ("Grace Hopper", "Ngũgĩ wa Thiong'o", "佐藤 花子")


def custom_event_columns(rng: np.random.Generator, users: Users, who: Indexes) -> Columns:
    """The columns of the table `custom_events` but for ids and times, one row for each element of `who`."""
    kind = np.minimum(np.searchsorted(_SHARES, rng.random(len(who)) * _SHARES[-1]), len(EVENT_NAMES) - 1)
    rolls = rng.integers(0, 1 << 32, len(who))
    columns: Columns = {
        "event_name": _NAMES[kind],
        "user_id": users.user_id[who],
        "user": users.user[who],
        "statsig_metadata": users.statsig_metadata[who],
        "value": np.empty(len(who), dtype=np.object_),
        "metadata": np.empty(len(who), dtype=np.object_),
    }
    for number, event in enumerate(EVENT_NAMES):
        rows = np.flatnonzero(kind == number)
        if len(rows):
            made = [event.make(roll) for roll in rolls[rows].tolist()]
            columns["value"][rows], columns["metadata"][rows] = zip(*made, strict=True)
    _without_user(columns, columns["event_name"] == DIAGNOSTICS, "{}")
    editor = _EDITORS[int(rolls[0]) % len(_EDITORS)] if len(rolls) else ""
    changed = _json({"name": editor, "email": "editor@example.com"})
    _without_user(columns, columns["event_name"] == CONFIG_CHANGE, changed)
    return columns


def _without_user(columns: Columns, rows: NDArray[np.bool_], user: str) -> None:
    """Telemetry and the console's changes have no end user."""
    columns["user"][rows] = user
    columns["user_id"][rows] = None
