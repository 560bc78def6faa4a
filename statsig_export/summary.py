"""How a report shows itself in a notebook and at the prompt: a sentence and a table, nothing of an event's content."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from statsig_export.terminal_text import escaped


class Summary(NamedTuple):
    """What a report says of itself. Every row has as many cells as the header; figures are written out."""

    sentence: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


class Summarized:
    """A report that says of itself what its `summary` is. A dataclass of this kind needs `repr=False`."""

    __slots__ = ()

    def summary(self) -> Summary:
        raise NotImplementedError

    def __repr__(self) -> str:
        sentence, header, rows = self.summary()
        lines = [header, *rows] if rows else []
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        padded = ("  ".join(map(_padded, line, widths)).rstrip() for line in lines)
        return "\n".join((f"{type(self).__name__}: {escaped(sentence)}", *padded))

    def _repr_html_(self) -> str:
        sentence, header, rows = self.summary()
        title = f"<p><b>{type(self).__name__}</b>: {escape(escaped(sentence))}</p>"
        if not rows:
            return title
        head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
        body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
        return f"{title}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _padded(cell: str, width: int) -> str:
    shown = escaped(cell)
    return shown.rjust(width) if _is_figure(shown) else shown.ljust(width)


def _cell(cell: str) -> str:
    align = "right" if _is_figure(cell) else "left"
    return f'<td style="text-align: {align}">{escape(escaped(cell))}</td>'


def _is_figure(cell: str) -> bool:
    return cell.replace(",", "").isdigit()
