"""``ponder data prepare``: the scenes of a folder in a cache, which training reads fast."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ponder_cli.commands.data.arguments import Folder, LabelSet
from ponder_cli.consoles import print_note, results
from ponder_cli.scene_progress import scene_progress

if TYPE_CHECKING:  # ponder_tasks brings torch, which would make `ponder --help` wait
    from ponder_tasks.data.preparing import Estimate

Cache = Annotated[Path, typer.Option("--output", "-o", metavar="CACHE", help="The folder of the cache.")]
FrameStride = Annotated[
    int, typer.Option("--frame-stride", metavar="N", min=1, help="Keep every n-th frame or keyframe.")
]
FramesPerScene = Annotated[
    int,
    typer.Option(
        "--frames-per-scene",
        metavar="N",
        min=1,
        help="Cut sequences of frames into scenes of at most N; of 5 and more, some are held out.",
    ),
]
ImageWidth = Annotated[
    int | None,
    typer.Option(
        "--image-width",
        metavar="PIXELS",
        min=8,
        show_default=False,
        help="Make pictures this wide; by default as the reader gives them.",
    ),
]
VirtualViews = Annotated[
    int,
    typer.Option(
        "--virtual-views", metavar="N", min=0, help="For scans without pictures: N from virtual cameras."
    ),
]
Workers = Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Processes side by side.")]
SkipBroken = Annotated[
    bool, typer.Option("--skip-broken", help="Leave scenes that cannot be read out of the cache.")
]


def prepare(
    folder: Folder,
    cache: Cache,
    frame_stride: FrameStride = 1,
    frames_per_scene: FramesPerScene = 24,
    image_width: ImageWidth = None,
    virtual_views: VirtualViews = 12,
    label_set: LabelSet = None,
    workers: Workers = 1,
    skip_broken: SkipBroken = False,
) -> None:
    """Read every scene once and keep it in a cache, for --data of any recipe.

    It may be stopped and started again at any time: what is there is whole, and only what is missing is done.
    """
    from ponder_tasks.data.preparing import PreparationListener, PrepareOptions, prepare_folder

    options = PrepareOptions(
        frame_stride=frame_stride,
        frames_per_scene=frames_per_scene,
        image_width=image_width,
        virtual_views=virtual_views,
        label_set=label_set,
        workers=workers,
        skip_broken=skip_broken,
    )
    with scene_progress("preparing") as advanced:

        class Listener(PreparationListener):
            def estimated(self, estimate: "Estimate") -> None:
                print_note(_estimate_line(estimate))

            def advanced(self, done: int, scenes: int) -> None:
                advanced(done, scenes)

        done = prepare_folder(folder, cache, options, Listener())
    for fault in done.faults:
        print_note(f"left out: {fault}")
    entries = done.index.scenes
    size = sum(entry.bytes for entry in entries)
    kept = f", {done.kept} of them kept from before" if done.kept else ""
    line = f"{cache}: {len(entries)} scenes{kept}, {size / 1e6:,.1f} MB; splits: {', '.join(done.index.splits())}"
    results().print(Text(line), soft_wrap=True)
    results().print(Text(f"next       ponder pretrain rgbd --data {cache}"), soft_wrap=True)


def _estimate_line(estimate: "Estimate") -> str:
    kept = f" ({estimate.kept} are there already)" if estimate.kept else ""
    return (
        f"{estimate.scenes} scenes to prepare{kept}: about {estimate.bytes / 1e6:,.1f} MB, "
        f"{estimate.free / 1e9:,.1f} GB are free"
    )
