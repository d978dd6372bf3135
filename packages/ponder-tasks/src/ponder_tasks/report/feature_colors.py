"""Features as colours: their three principal components as red, green and blue."""

import numpy as np
from jaxtyping import Float

LOWEST_PERCENT, HIGHEST_PERCENT = 1.0, 99.0
"""Each component is stretched between these percentiles: a few odd points must not grey out the rest."""


def features_to_rgb(features: Float[np.ndarray, "points channels"]) -> Float[np.ndarray, "points 3"]:
    """Return a colour in [0, 1] per point: the projection on the three directions of largest variance.

    The first component is red. Signs are fixed (the largest weight of each direction is positive), so the
    same features always give the same colours. To compare clouds by colour, pass them in one call. A
    component that does not vary, or that does not exist (fewer than 3 channels), is 0.5.

    Raises:
        ValueError: when a feature is not finite.
    """
    if not np.isfinite(features).all():
        raise ValueError(
            f"{int((~np.isfinite(features)).sum())} of {features.size} features are NaN or infinite"
        )
    rgb = np.full((len(features), 3), 0.5)
    if len(features) < 2:
        return rgb
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    variance, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    kept = min(3, features.shape[1])
    strongest = directions[:, ::-1][:, :kept]
    peak = np.abs(strongest).argmax(axis=0)
    strongest = strongest * np.sign(strongest[peak, np.arange(kept)])
    projected = centred @ strongest
    lowest, highest = np.percentile(projected, [LOWEST_PERCENT, HIGHEST_PERCENT], axis=0)
    varies = (variance[::-1][:kept] > 1e-12 * max(variance[-1], 1e-30)) & (highest > lowest)
    stretched = (projected - lowest) / np.where(varies, highest - lowest, 1.0)
    rgb[:, :kept] = np.where(varies, np.clip(stretched, 0.0, 1.0), 0.5)
    return rgb
