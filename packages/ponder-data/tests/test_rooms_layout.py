"""Furnished rooms: nothing overlaps, floats, sinks in or leaves the room."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_data.rooms.classes import ROOM_CLASSES, ROOM_PALETTE, RoomClass
from ponder_data.rooms.furniture import beds, decor, seats, storage, tables
from ponder_data.rooms.furniture.piece import Piece, PieceBuilder
from ponder_data.rooms.layout import furnish
from ponder_data.rooms.materials import Texture, albedo, sample_palette, stack_materials
from ponder_data.rooms.occupancy import Block, overlap
from ponder_data.rooms.parts import part_bounds
from ponder_data.rooms.plan import block_of
from ponder_data.rooms.room import STUFF, Room

BUILDERS: tuple[PieceBuilder, ...] = (
    beds.bed,
    decor.floor_lamp,
    decor.plant,
    decor.small_plant,
    decor.standing_screen,
    decor.table_lamp,
    seats.chair,
    seats.office_chair,
    seats.sofa,
    seats.stool,
    storage.chest,
    storage.nightstand,
    storage.shelf,
    storage.sideboard,
    storage.wardrobe,
    tables.coffee_table,
    tables.desk,
    tables.dining_table,
)


@pytest.fixture(scope="module")
def rooms() -> list[Room]:
    return [furnish(np.random.default_rng(seed)) for seed in range(12)]


def connected(piece: Piece, slack: float) -> int:
    """How many groups of parts there are whose bounding boxes, grown by ``slack``, touch."""
    low, high = (np.array(side) for side in zip(*(part_bounds(part) for part in piece.parts), strict=True))
    touch = ((low[:, None] <= high[None] + slack) & (low[None] <= high[:, None] + slack)).all(axis=2)
    group = np.arange(len(low))
    for _ in range(len(low)):
        group = np.where(touch, group[None], len(low)).min(axis=1)
    return len(set(group.tolist()))


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_furniture_stands_on_the_floor_in_one_piece(build: PieceBuilder) -> None:
    sizes = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        piece = build(rng, sample_palette(rng))
        low, high = piece.bounds()
        assert low[2] == pytest.approx(0.0, abs=0.03)
        assert (high - low > 0.02).all()
        assert high[2] < 2.3
        assert connected(piece, slack=0.015) == 1
        sizes.append(high - low)
    assert (np.std(sizes, axis=0) > 0.004).all()


def test_supports_lie_on_top_of_their_pieces() -> None:
    for build in (tables.desk, tables.dining_table, tables.coffee_table, storage.chest, storage.nightstand):
        for seed in range(10):
            rng = np.random.default_rng(seed)
            piece = build(rng, sample_palette(rng))
            assert piece.support is not None
            assert piece.support.center[2] == pytest.approx(piece.bounds()[1][2], abs=2e-3)


def test_rooms_have_plausible_sizes_and_many_classes(rooms: list[Room]) -> None:
    for room in rooms:
        assert 3.5 <= room.width <= 6.0
        assert 3.0 <= room.depth <= 5.0
        assert 2.4 <= room.height <= 2.8
        labels = set(room.boxes.label)
        assert RoomClass.DOOR in labels
        assert RoomClass.WINDOW in labels
        assert len(labels) >= 6
        assert set(room.primitives.instance.tolist()) == {-1, *range(len(room.boxes.label))}
    assert {label for room in rooms for label in room.boxes.label} == set(RoomClass) - STUFF


def test_footprints_do_not_overlap_and_stay_inside(rooms: list[Room]) -> None:
    skipped = STUFF | {RoomClass.DOOR, RoomClass.WINDOW, RoomClass.CURTAIN, RoomClass.RUG}
    pairs = 0
    for room in rooms:
        things = [item for item in room.placed if item.piece.label not in skipped]
        blocks = [block_of(item) for item in things]
        for index, block in enumerate(blocks):
            reach = np.abs(block.footprint()).max(axis=0)
            assert reach[0] <= 0.5 * room.width
            assert reach[1] <= 0.5 * room.depth
            assert block.bottom > -0.005
            assert block.top <= room.height
            pairs += index
            assert not any(overlap(block, other) for other in blocks[:index])
    assert pairs > 500


def test_everything_is_held_by_the_floor_a_wall_the_ceiling_or_a_piece_below(rooms: list[Room]) -> None:
    for room in rooms:
        blocks = {id(item): block_of(item) for item in room.placed if item.piece.label not in STUFF}
        for item in room.placed:
            if item.piece.label in STUFF or item.piece.label in (RoomClass.CURTAIN, RoomClass.WINDOW):
                continue
            block = blocks[id(item)]
            on_floor = block.bottom < 0.03
            hanging = block.top > room.height - 0.01
            corners = np.abs(block.footprint())
            at_wall = (corners[:, 0].max() > 0.5 * room.width - 0.03) or (
                corners[:, 1].max() > 0.5 * room.depth - 0.03
            )
            standing = any(
                other is not block
                and abs(block.bottom - other.top) < 0.01
                and overlap(
                    Block(
                        x=block.x,
                        y=block.y,
                        half_width=0.01,
                        half_depth=0.01,
                        heading=0.0,
                        bottom=0.0,
                        top=3.0,
                    ),
                    other,
                )
                for other in blocks.values()
            )
            assert on_floor or hanging or at_wall or standing, item.piece.label


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_overlap_agrees_with_sampling(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (
        Block(
            x=float(rng.uniform(-1, 1)),
            y=float(rng.uniform(-1, 1)),
            half_width=float(rng.uniform(0.1, 0.8)),
            half_depth=float(rng.uniform(0.1, 0.8)),
            heading=float(rng.uniform(-4, 4)),
            bottom=0.0,
            top=1.0,
        )
        for _ in range(2)
    )

    def holds(block: Block, points: np.ndarray, margin: float) -> np.ndarray:
        offset = points - (block.x, block.y)
        along = offset @ (np.cos(block.heading), np.sin(block.heading))
        across = offset @ (-np.sin(block.heading), np.cos(block.heading))
        return (np.abs(along) < block.half_width + margin) & (np.abs(across) < block.half_depth + margin)

    grid = np.stack(np.meshgrid(*2 * [np.linspace(-2.2, 2.2, 221)]), axis=-1).reshape(-1, 2)
    if (holds(first, grid, 0.0) & holds(second, grid, 0.0)).any():
        assert overlap(first, second)
    if not (holds(first, grid, 0.03) & holds(second, grid, 0.03)).any():
        assert not overlap(first, second)
    raised = Block(
        x=second.x,
        y=second.y,
        half_width=second.half_width,
        half_depth=second.half_depth,
        heading=second.heading,
        bottom=1.0,
        top=2.0,
    )
    assert not overlap(first, raised)


def test_textures_stay_between_their_two_colours_and_vary() -> None:
    rng = np.random.default_rng(0)
    kinds: set[Texture] = set()
    points = rng.uniform(-1, 1, (4000, 3)).astype(np.float32)
    for _ in range(60):
        material = sample_palette(rng)[0]
        kinds.add(material.texture)
        table = stack_materials([material])
        color = albedo(table, np.zeros(len(points), dtype=np.int64), points)
        low = np.minimum(material.color, material.second_color) - 1e-5
        high = np.maximum(material.color, material.second_color) + 1e-5
        assert (color >= low).all()
        assert (color <= high).all()
        if material.texture is Texture.PLAIN:
            assert np.ptp(color, axis=0).max() == 0.0
        else:
            assert np.ptp(color, axis=0).max() > 0.3 * np.abs(material.second_color - material.color).max()
    assert kinds == set(Texture)


def test_classes_have_names_and_distinct_display_colours() -> None:
    assert len(ROOM_CLASSES) == len(RoomClass) >= 12
    assert ROOM_CLASSES[RoomClass.CHAIR] == "chair"
    assert ROOM_PALETTE.shape == (len(ROOM_CLASSES), 3)
    assert ROOM_PALETTE.dtype == np.uint8
    assert len({tuple(color) for color in ROOM_PALETTE.tolist()}) == len(ROOM_CLASSES)
