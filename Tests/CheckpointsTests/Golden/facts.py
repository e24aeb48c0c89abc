"""What the golden files record of a tensor."""
import numpy as np


def facts(values, kind):
    """The checksum weighs each value by its place, so that rows out of order show."""
    flat = np.asarray(values, dtype=np.float64).reshape(-1)
    places = (np.arange(flat.size, dtype=np.int64) * 7919) % 101 - 50
    return {"shape": list(np.shape(values)), "type": kind, "first": float(flat[0]), "last": float(flat[-1]),
            "checksum": float(np.dot(flat, places))}
