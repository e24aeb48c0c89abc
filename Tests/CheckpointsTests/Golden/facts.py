"""Facts about a tensor that the golden files record."""
import numpy as np


def facts(values, kind):
    """Shape, type, first and last value, and a checksum that weighs values by position to detect rows out of order."""
    flat = np.asarray(values, dtype=np.float64).reshape(-1)
    places = (np.arange(flat.size, dtype=np.int64) * 7919) % 101 - 50
    return {"shape": list(np.shape(values)), "type": kind, "first": float(flat[0]), "last": float(flat[-1]),
            "checksum": float(np.dot(flat, places))}
