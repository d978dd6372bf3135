"""NeuS rendering of feature volumes on any device. See README.md.

Conventions: metres, right-handed world, Z up; rays are ``origin + t * direction`` with unit directions, so
``t`` is a distance in metres. Volumes are ``(batch, channels, x, y, z)`` at interfaces, with values at cell
centres. The SDF is positive in free space.

The way of the data: ``rays`` and ``bounds``, ``volume/`` (Eq. 2-3), ``sampling/``, ``field/`` (Eq. 4, 5, 9),
``evaluation/`` (the field at many samples, fast), ``density`` (Eq. 7), ``compositing`` (Eq. 6), ``losses`` (Eq. 8),
``mesh/``; ``renderer`` joins them.
"""

from ponder_render.bounds import Bounds, RaySpan, intersect, scene_bounds
from ponder_render.compositing import accumulate, accumulate_packed, render_weights, render_weights_packed
from ponder_render.density import (
    Density,
    DensityConfig,
    NeusConfig,
    NeusDensity,
    UnisurfConfig,
    UnisurfDensity,
    VolsdfConfig,
    VolsdfDensity,
    build_density,
)
from ponder_render.evaluation.evaluate import evaluate_field, evaluate_field_reference
from ponder_render.evaluation.placement import Placement, place, place_packed
from ponder_render.field.neural_field import FieldConfig, NeuralField
from ponder_render.losses import Losses, LossTerm, RayTargets, RenderingLossConfig, rendering_losses
from ponder_render.mesh.extraction import Mesh, extract_mesh
from ponder_render.mesh.marching import march
from ponder_render.rays import FieldValues, PackedSamples, RayBundle, Rendered, Samples
from ponder_render.renderer import RenderedRays, RendererConfig, VolumeRenderer
from ponder_render.sampling.distances import SamplerConfig
from ponder_render.semantics import cosine_error, similarity_entropy
from ponder_render.volume.corners import Corners, find_corners
from ponder_render.volume.dense import DenseNetConfig, build_dense_net
from ponder_render.volume.feature_volume import FeatureVolume, PooledPoints, densify, to_table
from ponder_render.volume.occupancy import Occupancy, find_occupancy, occupied_samples
from ponder_render.volume.query import interpolate, spatial_gradient

__all__ = [
    "Bounds",
    "Corners",
    "DenseNetConfig",
    "Density",
    "DensityConfig",
    "FeatureVolume",
    "FieldConfig",
    "FieldValues",
    "LossTerm",
    "Losses",
    "Mesh",
    "NeuralField",
    "NeusConfig",
    "NeusDensity",
    "Occupancy",
    "PackedSamples",
    "Placement",
    "PooledPoints",
    "RayBundle",
    "RaySpan",
    "RayTargets",
    "Rendered",
    "RenderedRays",
    "RendererConfig",
    "RenderingLossConfig",
    "SamplerConfig",
    "Samples",
    "UnisurfConfig",
    "UnisurfDensity",
    "VolsdfConfig",
    "VolsdfDensity",
    "VolumeRenderer",
    "accumulate",
    "accumulate_packed",
    "build_dense_net",
    "build_density",
    "cosine_error",
    "densify",
    "evaluate_field",
    "evaluate_field_reference",
    "extract_mesh",
    "find_corners",
    "find_occupancy",
    "interpolate",
    "intersect",
    "march",
    "occupied_samples",
    "place",
    "place_packed",
    "render_weights",
    "render_weights_packed",
    "rendering_losses",
    "scene_bounds",
    "similarity_entropy",
    "spatial_gradient",
    "to_table",
]
