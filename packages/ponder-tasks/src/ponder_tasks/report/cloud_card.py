"""One cloud on the page: a drawing from three sides for each way of colouring it."""

from html import escape

import numpy as np

from ponder_tasks.report.box_lines import draw_boxes
from ponder_tasks.report.cloud_drawing import draw_cloud, paint
from ponder_tasks.report.legend import legend
from ponder_tasks.report.pictures import CloudPictures
from ponder_tasks.report.png import png_data_uri

SIDES = "From above, from the front and from the right; the eighth nearest to the viewer is cut away."


def cloud_card(cloud: CloudPictures, width: int) -> str:
    """Return the cloud as an ``article`` with one picture per layer, ``width`` pixels wide."""
    shared = draw_cloud(cloud.coord, width, cloud.raised)
    figures = []
    for layer in cloud.layers:
        drawing = shared if layer.coord is None else draw_cloud(layer.coord, width)
        height, drawn_width = drawing.point.shape
        picture = paint(drawing, layer.color)
        if layer.boxes is not None:
            picture = draw_boxes(picture, drawing, layer.boxes)
        address = png_data_uri(picture, longest_side=max(height, drawn_width))
        caption = escape(layer.caption)
        figures.append(
            f'<figure><img src="{address}" width="{drawn_width}" height="{height}" alt="{caption}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    points = cloud.coord[: len(cloud.coord) - cloud.raised]
    size = " × ".join(f"{side:.1f}" for side in np.ptp(points, axis=0).tolist()) if len(points) else "0"
    words = " ".join(part for part in (f"{len(points):,} points over {size} m.", cloud.note, SIDES) if part)
    return (
        f'<article class="cloud"><header><h3>{escape(cloud.name)}</h3>'
        f'<p class="quiet">{escape(words)}</p></header>'
        f'<div class="layers">{"".join(figures)}</div>{legend(cloud.legend)}</article>'
    )
