"""`rampline lint` and `rampline schedule`: looking at sweeps and schedules without a service."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

import schedules
from rampline import looking
from rampline.terminal import AsJson, SweepFile, console, read

app = typer.Typer()
schedule_app = typer.Typer(no_args_is_help=True, help="Look at schedules; needs no service.")
app.add_typer(schedule_app, name="schedule")


@app.command()
def lint(file: SweepFile, as_json: AsJson = False) -> None:
    """Check a sweep, a schedule or a list of schedules without a service. Exit status 1 if there is an error."""
    content = looking.read_mapping(read(file), str(file))
    remarks = looking.lint(content)
    if as_json:
        typer.echo(json.dumps([remark.model_dump() for remark in remarks], indent=2))
    for remark in [] if as_json else remarks:
        colour = "red" if remark.severity == "error" else "yellow"
        console.print(f"[{colour}]{remark.severity}[/] {escape(f'[{remark.code}] {remark.field}: {remark.message}')}")
        console.print(f"  {escape(remark.suggestion)}", highlight=False)
    if any(remark.severity == "error" for remark in remarks):
        raise typer.Exit(1)
    if not remarks and not as_json:
        console.print("Nothing to remark.")
    if not as_json and (extent := looking.extent(content)) is not None:
        console.print(extent, highlight=False)


@schedule_app.command(name="preview")
def preview_schedule(
    family: Annotated[str, typer.Option("--type", help="noam, linear, cosine, wsd, ...; see `schedule families`.")],
    steps: Annotated[int, typer.Option(help="Updates in the run.")],
    peak: Annotated[float | None, typer.Option(help="The largest rate; noam has its own.")] = None,
    warmup: Annotated[int | None, typer.Option(help="Updates of warmup.")] = None,
    parameters: Annotated[
        list[str] | None, typer.Argument(help="The family's other parameters, as name=value.", metavar="NAME=VALUE")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write a picture: FILE.png or FILE.svg.")] = None,
) -> None:
    """Draw a schedule in the terminal, and say what the linter finds.

    For example: rampline schedule preview --type wsd --peak 3e-3 --warmup 100 --steps 1000 decay_fraction=0.2
    """
    given = {"type": family, "total_steps": steps, "peak_lr": peak, "warmup_steps": warmup}
    schedule = schedules.build(looking.described(given, parameters or []))
    typer.echo(schedules.preview_text(schedule, width=min(100, console.width)))
    for finding in schedules.lint(schedule):
        console.print(f"[yellow]{finding.severity}[/] {escape(finding.message)} {escape(finding.suggestion)}")
    if out is not None:
        looking.draw(schedule, out)
        console.print(f"The picture is in {out}.", highlight=False)


@schedule_app.command()
def families() -> None:
    """List the families with their parameters."""
    for name, family in schedules.FAMILIES.items():
        console.print(f"[bold]{name}[/]")
        for parameter in family.parameters():
            default = "" if parameter.required else f" (default {parameter.default})"
            console.print(f"  {parameter.name}: {escape(parameter.doc)}{escape(default)}", highlight=False)
