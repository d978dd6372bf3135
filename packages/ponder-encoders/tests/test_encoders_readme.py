"""The README's example runs as it stands."""

import re
from pathlib import Path

import pytest
import torch

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    torch.manual_seed(0)
    exec(compile(example, str(README), "exec"), {})
    assert re.fullmatch(r"torch\.Size\(\[\d{4}, 48\]\)\n", capsys.readouterr().out)
