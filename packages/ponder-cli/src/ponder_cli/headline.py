"""What a run says before its first step."""

from ponder_tasks.listener import TrainingStart


def headline(start: TrainingStart) -> tuple[str, ...]:
    """Return two lines: what is trained where, and on what."""
    steps = f"{start.steps} steps"
    if start.first_step:
        steps = f"steps {start.first_step + 1} to {start.steps} (resumed)"
    return (
        f"{start.task} {start.recipe}: {steps}, into {start.run}",
        f"{start.device}, {start.backend} convolutions, {start.parameters / 1e6:.2f}M parameters, "
        f"{start.train_scenes} training and {start.val_scenes} validation scenes",
    )
