"""DBSCAN on points in metres, with shapely's tree (Ester et al. 1996): where vehicles keep coming back to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely


def dbscan(points: npt.NDArray[np.float64], reach_m: float, least: int) -> npt.NDArray[np.int64]:
    """Return the cluster of each of (n, 2) points, -1 for none; a point with `least` within reach is a core.

    Clusters are numbered by their first core. A point within reach of cores of several belongs to the first of them.
    """
    geometries = shapely.points(points)
    a, b = shapely.STRtree(geometries).query(geometries, predicate="dwithin", distance=reach_m)
    core = np.bincount(a, minlength=len(points)) >= least
    a, b = a[core[b]], b[core[b]]  # only cores pass a cluster on
    label = np.where(core, np.arange(len(points)), len(points))
    while True:
        nearest = label.copy()
        np.minimum.at(nearest, a[core[a]], label[b[core[a]]])
        if np.array_equal(nearest, label):
            break
        label = nearest
    np.minimum.at(label, a, label[b])
    names = np.unique(label[core])
    return np.where(label < len(points), np.searchsorted(names, label), -1)


def centres(points: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the (k, 2) medians of the clusters."""
    found = [np.median(points[labels == k], axis=0) for k in range(int(labels.max(initial=-1)) + 1)]
    return np.array(found).reshape(-1, 2)
