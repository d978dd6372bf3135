import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_example_of_the_readme_runs() -> None:
    example = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(example) == 1
    names: dict[str, object] = {}
    exec(compile(example[0], str(README), "exec"), names)
    assert names["picture"].color.shape == (64, 3)  # pyright: ignore[reportAttributeAccessIssue]
