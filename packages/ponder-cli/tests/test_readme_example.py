import re
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_example_in_the_readme_runs() -> None:
    examples = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(examples) == 1
    exec(compile(examples[0], str(README), "exec"), {})
