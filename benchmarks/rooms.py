"""How long synthetic rooms take: milliseconds per 160x120 picture and seconds per room, on one core.

    OMP_NUM_THREADS=1 uv run python benchmarks/rooms.py

Times are processor time, so other programs on the machine do not count, and wall time beside it.
"""

import argparse
import time

import numpy as np
from ponder_data import SyntheticRooms, SyntheticRoomsConfig
from ponder_data.datasets.synthetic_rooms import room_seed
from ponder_data.rooms.layout import furnish
from ponder_data.rooms.lighting import sample_lighting
from ponder_data.rooms.picture import take_picture
from ponder_data.rooms.raycast import cast
from ponder_data.rooms.viewpoints import choose_viewpoints


def time_pictures(config: SyntheticRoomsConfig) -> None:
    casting, shading, solids = [], [], []
    for number in range(config.scenes):
        layout, light, camera, _ = (np.random.default_rng(s) for s in room_seed(config, number).spawn(4))
        room = furnish(layout)
        lighting, probes = sample_lighting(light, room.primitives, room.width, room.depth, room.height)
        cameras = choose_viewpoints(
            camera,
            room,
            probes,
            views=config.views,
            held_out=0,
            width=config.image_width,
            height=config.image_height,
        )
        solids.append(len(room.primitives))
        for view in cameras.views:
            start = time.process_time()
            cast(room.primitives, view)
            middle = time.process_time()
            take_picture(room.primitives, lighting, view)
            casting.append(middle - start)
            shading.append(time.process_time() - middle)
    print(f"solids per room          {np.mean(solids):8.0f}  (most {max(solids)})")
    print(f"ray casting, ms per view {1e3 * np.median(casting):8.1f}  (slowest {1e3 * max(casting):.1f})")
    print(f"whole picture, ms        {1e3 * np.median(shading):8.1f}  (slowest {1e3 * max(shading):.1f})")


def time_rooms(config: SyntheticRoomsConfig) -> None:
    rooms = SyntheticRooms(config)
    processor, wall = [], []
    for index in range(len(rooms)):
        before, start = time.process_time(), time.perf_counter()
        rooms[index]
        processor.append(time.process_time() - before)
        wall.append(time.perf_counter() - start)
    print(f"whole room, s            {np.median(processor):8.3f}  (slowest {max(processor):.3f})")
    print(f"whole room, wall s       {np.median(wall):8.3f}  (slowest {max(wall):.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rooms", type=int, default=8)
    config = SyntheticRoomsConfig(scenes=parser.parse_args().rooms)
    time_pictures(config)
    time_rooms(config)


if __name__ == "__main__":
    main()
