"""The report of a data set: one page of HTML that needs nothing from elsewhere, and contact sheets."""

import html
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..images.atomic import write_bytes
from ..images.io import write_image
from ..images.sheet import Tile, contact_sheet
from .project import Project

if TYPE_CHECKING:
    from .export import Piece

Thing = TypeVar("Thing")

PER_SHEET, COLUMNS = 24, 4
MOST_SHEETS = 10
_WIDTH, _HEIGHT = 512, 120  # of the figure of levels, in its own units
_CAPTION = 28  # letters
_NUMBER = ' class="number"'


def write_report(project: Project, folder: Path, pieces: "list[Piece]", left_out: list[tuple[str, str]]) -> None:
    """Write ``report.html`` and its contact sheets into a data set's folder."""
    shown = [piece for piece in pieces if piece.thumbnail is not None]
    sheets = [shown[i : i + PER_SHEET] for i in range(0, len(shown), PER_SHEET)]
    for number, sheet in enumerate(sheets, 1):
        tiles = [
            Tile(_shortened(f"{piece.entry['name']}: {piece.entry['method']}"), piece.thumbnail)
            for piece in sheet
            if piece.thumbnail is not None
        ]
        write_image(folder / _sheet(number), contact_sheet(tiles, columns=COLUMNS, side=320))
    counts = project.counts()
    told = (
        f"{len(pieces)} photos: {_count(pieces, 'train')} to train with, {_count(pieces, 'validation')} held out. "
        f"Of the others in the project, {counts['rejected']} rejected, {counts['failed']} failed, "
        f"{counts['new'] + counts['running'] + counts['ready']} waiting."
    )
    page = Template((files(__package__) / "report.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(f"Data set of {project.root.resolve().name}"),
        summary=told,
        truth=_truth(pieces),
        choices=_choices(pieces),
        statistics=_statistics(pieces),
        levels=_levels(pieces),
        rejected=_rejected(project),
        left_out=_left_out(left_out),
        shown=f"{len(shown)} of {len(pieces)}: the photo, and its foreground over a chequered ground.",
        sheets="\n".join(f'<img src="{_sheet(i)}" alt="contact sheet {i}">' for i in range(1, len(sheets) + 1)),
        photos=_photos(pieces),
    )
    write_bytes(folder / "report.html", page.encode())


def _sheet(number: int) -> str:
    return f"report/sheet-{number:03d}.jpg"


def spread(things: Sequence[Thing]) -> list[Thing]:
    """Return as many as contact sheets show, from all over the sequence.

    >>> len(spread(range(1000)))
    240
    """
    most = min(len(things), PER_SHEET * MOST_SHEETS)
    return [things[i * len(things) // most] for i in range(most)]


def _count(pieces: "list[Piece]", split: str) -> int:
    return sum(piece.entry["split"] == split for piece in pieces)


def _truth(pieces: "list[Piece]") -> str:
    """Compare each method alone, the better of them photo by photo, and what was chosen with the true mattes."""
    judged = [piece.figures for piece in pieces if "mse" in piece.figures]
    notes = [(piece.entry["name"], piece.note) for piece in pieces if piece.note]
    missing = f"<p>Not compared:</p>{_table(('photo', 'why'), notes)}" if notes else ""
    if not judged:
        return f"<h2>Against true mattes</h2>{missing}" if missing else ""
    methods = [method for method in judged[0]["mse"] if all(method in figures["mse"] for figures in judged)]
    rows = [(method, np.mean([figures["mse"][method] for figures in judged])) for method in methods]
    if methods:  # which all of these photos have
        best = np.mean([min(figures["mse"][method] for method in methods) for figures in judged])
        rows.append(("the best of these, photo by photo", best))
    rows.append(("what was chosen", np.mean([figures["mse_chosen"] for figures in judged])))
    table = _table(("mattes", "mean MSE"), [(name, f"{value:.5f}") for name, value in rows])
    told = f"Photos with a true matte: {len(judged)}. Mean squared errors over unknown pixels."
    return f"<h2>Against true mattes</h2><p>{told}</p>{table}{missing}"


def _choices(pieces: "list[Piece]") -> str:
    pairs = Counter((piece.entry["method"], piece.entry["reviewer"]) for piece in pieces)
    return _table(
        ("choice", "reviewer", "photos"), [(method, who, str(n)) for (method, who), n in pairs.most_common()]
    )


def _statistics(pieces: "list[Piece]") -> str:
    kinds = {
        "fractional": "fractional pixels",
        "unknown": "unknown pixels",
        "difference": "mean difference of the two candidates",
        "agreement": "pixels where the two candidates agree",
    }
    rows = []
    for key, name in kinds.items():
        found = [piece.figures[key] for piece in pieces if piece.figures.get(key) is not None]
        if found:
            low, middle, high = np.percentile(found, [5, 50, 95])
            rows.append((name, f"{middle:.2%}", f"{low:.2%} to {high:.2%}", str(len(found))))
    return _table(("", "median", "middle 90 %", "photos"), rows)


def _levels(pieces: "list[Piece]") -> str:
    """Draw the logarithm of p as bars."""
    counts = sum((p.counts for p in pieces if p.entry["split"] == "train"), np.zeros(256, np.int64)) + 1
    depth = np.log10(counts / counts.sum())
    floor = min(-1.0, math.floor(depth.min()))
    width = _WIDTH / len(counts)
    bars = "".join(
        f'<rect x="{i * width:g}" y="{y:.1f}" width="{width:g}" height="{_HEIGHT - y:.1f}"/>'
        for i, y in enumerate(_HEIGHT * depth / floor)
    )
    scale = "".join(
        f'<path d="M0 {(y := _HEIGHT * power / floor):.1f}H{_WIDTH}" stroke="#ccc" stroke-width=".5"/>'
        f'<text x="{_WIDTH / 2}" y="{y - 2:.1f}" font-size="7" fill="#666">10^{power}</text>'
        for power in range(-1, int(floor), -1)
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + 12}" role="img" aria-label="histogram of alpha">'
        f'<g fill="#47a">{bars}</g>{scale}'
        f'<text x="0" y="{_HEIGHT + 9}" font-size="8">0</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 9}" font-size="8" text-anchor="end">1</text></svg>'
    )


def _rejected(project: Project) -> str:
    rows = []
    for photo in project.photos("rejected"):
        decision = project.decision(photo)
        rows.append((photo.name, photo.reason, decision.reviewer if decision else ""))
    return _table(("photo", "reason", "reviewer"), rows) if rows else "<p>None.</p>"


def _left_out(left_out: list[tuple[str, str]]) -> str:
    return f"<h2>Chosen, but left out</h2>{_table(('photo', 'why'), left_out)}" if left_out else ""


def _photos(pieces: "list[Piece]") -> str:
    rows = [
        (
            piece.entry["name"],
            f"{piece.entry['width']} x {piece.entry['height']}",
            piece.entry["split"],
            piece.entry["method"],
            piece.entry["reviewer"],
            f"{piece.figures['fractional']:.2%}",
            f"{piece.figures['agreement']:.1%}" if "agreement" in piece.figures else "",
            piece.entry["notes"],
        )
        for piece in pieces
    ]
    header = ("photo", "pixels", "split", "choice", "reviewer", "fractional", "agreement", "notes")
    return _table(header, rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(text)}</th>" for text in header)
    body = "".join(
        "<tr>" + "".join(f"<td{_NUMBER * text[:1].isdigit()}>{html.escape(text)}</td>" for text in row) + "</tr>\n"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"


def _shortened(text: str) -> str:
    return text if len(text) <= _CAPTION else f"{text[: _CAPTION - 1]}…"
