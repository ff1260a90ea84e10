"""The confidence interval of a share."""

from __future__ import annotations

import math

__all__ = ["wilson"]

Z_95 = 1.959963984540054  # the normal quantile of a two-sided interval of 95 %


def wilson(right: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval of a share, as (low, high) in 0..1; (0, 1) when nothing was counted.

    Wilson (1927). Unlike the normal approximation it stays inside 0..1 and says something at 0 of n and n of n.
    """
    if n == 0:
        return 0.0, 1.0
    share = right / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)
