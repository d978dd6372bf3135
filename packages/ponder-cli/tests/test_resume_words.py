import pytest
from ponder_cli.resumable import with_resume_value


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ([], []),
        (["rooms"], ["rooms"]),
        (["rooms", "--resume"], ["rooms", "--resume", "latest"]),
        (["rooms", "--resume", "--runs", "there"], ["rooms", "--resume", "latest", "--runs", "there"]),
        (["--resume", "runs/rooms-1"], ["--resume", "runs/rooms-1"]),
        (["--resume=runs/rooms-1"], ["--resume=runs/rooms-1"]),
    ],
)
def test_a_lone_resume_means_the_latest(words: list[str], completed: list[str]) -> None:
    assert with_resume_value(words) == completed
