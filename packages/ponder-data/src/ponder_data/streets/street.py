"""The street: what stands still, who moves and how, and where the recording vehicle drives."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

from ponder_data.nuscenes.classes import CATEGORY_LABEL, NUSCENES_DETECTION_CLASSES
from ponder_data.nuscenes.poses import rigid
from ponder_data.rooms.parts import Part, moved, turn_z
from ponder_data.rooms.primitives import Primitives, corners, stack_parts
from ponder_data.streets.thing import Thing, raw_id

STATIC = -1
"""Instance of what is no box: ground, houses, trees, poles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A thing with a box: where it is at time 0, and how it moves from there, straight on.

    Attributes:
        thing: its parts.
        position: of its frame's origin at time 0, metres.
        heading: rad, about +Z.
        velocity: m/s.
        attribute: one of `NUSCENES_ATTRIBUTES`, or None.
    """

    thing: Thing
    position: Float[np.ndarray, "3"]
    heading: float
    velocity: Float[np.ndarray, "3"]
    attribute: str | None

    def box_center(self, time: float) -> Float[np.ndarray, "3"]:
        """The middle of its box at ``time`` seconds, metres."""
        middle = 0.5 * (self.thing.lower + self.thing.upper)
        return self.position + self.velocity * time + turn_z(self.heading) @ middle

    def box_size(self) -> Float[np.ndarray, "3"]:
        """Length, width, height, metres."""
        return self.thing.upper - self.thing.lower


@dataclass(frozen=True, slots=True, kw_only=True)
class EgoPath:
    """The recording vehicle's way: along the x axis at ``y`` (metres) with a steady speed (m/s), weaving a bit.

    ``y(t) = y + sway sin(rate t + phase)``; the heading is the direction of motion.
    """

    y: float
    speed: float
    sway: float
    rate: float
    phase: float

    def pose(self, time: float) -> Float[np.ndarray, "4 4"]:
        """From the ego frame to the street's at ``time`` seconds."""
        angle = self.rate * time + self.phase
        slope = self.sway * self.rate * np.cos(angle) / max(self.speed, 1.0)
        position = (self.speed * time, self.y + self.sway * np.sin(angle), 0.0)
        return rigid(turn_z(float(np.arctan(slope))), position)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenery:
    """Something that stands still and has no box: a part and its raw category."""

    part: Part
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """A street in its own frame: x along the road, z up, the road's surface at z = 0.

    Attributes:
        scenery: ground, houses, trees, poles.
        actors: everything with a box; the index is the instance.
        ego: the way of the recording vehicle.
        primitives: all parts at time 0, those of the scenery first; their semantic is the raw lidarseg id.
        motion: velocity of each primitive, m/s.
    """

    scenery: tuple[Scenery, ...]
    actors: tuple[Actor, ...]
    ego: EgoPath
    primitives: Primitives = field(init=False)
    motion: Float[np.ndarray, "primitives 3"] = field(init=False)

    def __post_init__(self) -> None:
        parts = [item.part for item in self.scenery]
        semantic = [raw_id(item.category) for item in self.scenery]
        instance, motion = [STATIC] * len(parts), [np.zeros(3)] * len(parts)
        for index, actor in enumerate(self.actors):
            for part in actor.thing.parts:
                parts.append(moved(part, actor.position, actor.heading))
                semantic.append(raw_id(actor.thing.category))
                instance.append(index)
                motion.append(actor.velocity)
        object.__setattr__(self, "primitives", stack_parts(parts, semantic, instance))
        object.__setattr__(self, "motion", np.array(motion, dtype=np.float32).reshape(-1, 3))

    def primitives_at(self, time: float, reach: float) -> Primitives:
        """All parts within ``reach`` metres of the recording vehicle (in x and in y) at ``time`` seconds."""
        here = self.ego.pose(time)[:2, 3].astype(np.float32)
        shifted = replace(self.primitives, center=self.primitives.center + np.float32(time) * self.motion)
        points = corners(shifted)[:, :, :2] - here
        near = ((points.min(axis=1) < reach) & (points.max(axis=1) > -reach)).all(axis=1)
        return take_primitives(shifted, np.nonzero(near)[0])


def take_primitives(primitives: Primitives, rows: Int[np.ndarray, " kept"]) -> Primitives:
    """The primitives at ``rows``; materials, too, are taken along."""
    materials = primitives.materials
    return Primitives(
        shape=primitives.shape[rows],
        center=primitives.center[rows],
        half_size=primitives.half_size[rows],
        rotation=primitives.rotation[rows],
        taper=primitives.taper[rows],
        semantic=primitives.semantic[rows],
        instance=primitives.instance[rows],
        materials=replace(
            materials,
            texture=materials.texture[rows],
            color=materials.color[rows],
            second_color=materials.second_color[rows],
            period=materials.period[rows],
            direction=materials.direction[rows],
            offset=materials.offset[rows],
        ),
    )


def is_boxed(thing: Thing) -> bool:
    """Whether a thing is of one of the ten classes that have boxes."""
    return 0 <= CATEGORY_LABEL[thing.category] < len(NUSCENES_DETECTION_CLASSES)


def placed(thing: Thing, x: float, y: float, heading: float, *, z: float = 0.0) -> Sequence[Scenery]:
    """The parts of a thing without a box, put somewhere."""
    position = np.array([x, y, z])
    return [Scenery(part=moved(part, position, heading), category=thing.category) for part in thing.parts]
