"""``ponder eval``: measure a run again."""

from typing import Annotated

import typer
from rich.text import Text

from ponder_cli.consoles import results
from ponder_cli.options import DEFAULT_RUNS, AsJson, Data, NamedDevice, OneDevice, Runs
from ponder_cli.runs import find_run

Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's folder, or its name.")]


def evaluate(
    run: Run,
    as_json: AsJson = False,
    data: Data = None,
    device: OneDevice = NamedDevice.cpu,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Measure a run on its held-out scenes."""
    from ponder_tasks.evaluation import evaluate_run

    from ponder_cli.tables import class_table, measurement_table

    evaluation = evaluate_run(find_run(runs, run), data, device=device.value)
    if as_json:
        print(evaluation.as_json())
        return
    console = results()
    title = f"{evaluation.run}, {evaluation.checkpoint}, {evaluation.scenes} validation scenes"
    console.print(Text(title, style="bold"), soft_wrap=True)
    console.print(measurement_table(evaluation.measurements))
    if evaluation.per_class:
        console.print(class_table(evaluation.per_class))
