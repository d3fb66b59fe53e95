"""The Typer application: its commands and their order in ``classmat --help``."""

from typing import Annotated

import typer

from . import annotate, arm, cutout, demo, evaluate, matte, portrait, refine, train, trimap
from ._errors import OneLineErrors

app = typer.Typer(
    name="classmat",
    cls=OneLineErrors,
    help="Classical alpha matting: from a photo and a trimap to a matte, a cut-out, a composite.",
    epilog="Example: classmat matte photo.png trimap.png -o alpha.png",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"classmat {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    pass


def _unwrapped(text: str) -> str:
    """Join the lines of each paragraph, which the terminal's width will break anew."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


for module in (matte, portrait, refine, cutout, trimap, evaluate, demo):
    name = module.__name__.rpartition(".")[2]
    app.command(name, help=_unwrapped(module.run.__doc__ or ""), epilog=module.EXAMPLES)(module.run)

app.add_typer(annotate.app, name="annotate")
app.add_typer(arm.app, name="arm")
app.add_typer(train.app, name="train")
