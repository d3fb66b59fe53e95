"""The Typer application: its commands and their order in ``classmat --help``."""

app.add_typer(annotate.app, name="annotate")
app.add_typer(train.app, name="train")
