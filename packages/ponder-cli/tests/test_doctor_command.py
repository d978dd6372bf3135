import json
from collections.abc import Callable

from typer.testing import Result

Ponder = Callable[..., Result]


def test_json_is_a_list_of_findings(ponder: Ponder) -> None:
    result = ponder("doctor", "--json")
    assert result.exit_code == 0
    findings = json.loads(result.stdout)
    assert {"name", "state", "detail", "advice"} == set(findings[0])
    assert {"python", "torch", "disk"} <= {finding["name"] for finding in findings}


def test_the_table_names_every_finding(ponder: Ponder) -> None:
    table = ponder("doctor").stdout
    for word in ("python", "torch", "compositing", "huge pages"):
        assert word in table
