"""The examples in the README run as they stand, and print what they say."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
PRINTED = ("'psnr': ", "{'ap': 38.9, 'ap50': 50.0, 'ap25': 50.0}", "0.333, kept [0, 2]")


@pytest.mark.parametrize(("example", "printed"), list(zip(EXAMPLES, PRINTED, strict=True)))
def test_an_example_prints_what_it_says(capsys, example, printed):
    exec(compile(example, "README.md", "exec"), {"__name__": "readme"})
    assert printed in capsys.readouterr().out
