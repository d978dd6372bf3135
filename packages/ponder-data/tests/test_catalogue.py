from ponder_data import LAYOUTS
from ponder_data.facts.catalogue import GENERATED, SOURCES


def test_every_layout_that_can_be_read_has_a_source_and_no_other_is_listed() -> None:
    layouts = {layout.name for layout in LAYOUTS}
    assert {source.layout for source in SOURCES} == layouts | {GENERATED}


def test_sources_say_where_to_ask() -> None:
    assert len({source.name for source in SOURCES}) == len(SOURCES)
    for source in SOURCES:
        assert source.licence
        assert source.where
        assert source.where.startswith("http") == (
            source.licence not in ("yours", "that of what was prepared")
        )
