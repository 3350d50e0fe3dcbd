"""What the articles print of their MLP: of its trainings, and of the seconds of its parts.

Source: "MLP, Numpy, TF2 - performance issues", Steps I and III; the preset `mlp` names the rest.
"""

from typing import NamedTuple


class Printed(NamedTuple):
    """A figure that an article prints of the last epoch of a training."""

    batch_size: int
    figure: str
    """One of those that `measurements.mlp_training.figures` returns."""
    value: float
    place: str


TOTAL, TOTAL_SHARE = "costs of all images", "penalty's part in them"
LAST, LAST_SHARE = "costs of the last batch", "penalty's part in its costs"
ERROR, FROM_ERROR = "error of the last batch", "1 - error of the last batch"
FROM_ERRORS = "1 - error, average of the batches"
HITS = "accuracy on all images"
WEIGHTS = tuple(f"mean |weight| of layer {number}" for number in range(3))

_ALL, _BATCH, _III = "Step I, accuracy on all images", "Step I, accuracy from a batch", "Step III"

PRINTED = (
    Printed(500, TOTAL, 5843.522, _ALL),
    Printed(500, TOTAL_SHARE, 0.0013737131, _ALL),
    Printed(500, HITS, 0.99072, _ALL),
    Printed(500, LAST, 56.300297, _ALL),
    Printed(500, LAST, 65.43618, _III),
    Printed(500, LAST_SHARE, 0.14256112, _ALL),
    Printed(500, LAST_SHARE, 0.12302863, _III),
    Printed(500, ERROR, 0.00709, _ALL),
    Printed(500, ERROR, 0.00806, _BATCH),
    Printed(500, ERROR, 0.00758, _III),
    Printed(500, FROM_ERROR, 0.99194, _BATCH),
    Printed(500, FROM_ERRORS, 0.99272, _III),
    Printed(500, WEIGHTS[0], 0.06393985, _ALL),
    Printed(500, WEIGHTS[1], 0.37341583, _ALL),
    Printed(500, WEIGHTS[2], 1.302389, _ALL),
    Printed(20_000, LAST, 13028.141, _III),
    Printed(20_000, LAST_SHARE, 0.00021923862, _III),
    Printed(20_000, ERROR, 0.04389, _III),
    Printed(20_000, FROM_ERRORS, 0.95602, _III),
)

# Step III, before its change, in seconds, one number for each time that the article prints it.
PARTS = {
    "batch": (0.0001785, 0.00018144),
    "forward": (0.00080975, 0.00082022),
    "cost": (0.00030705, 0.00031284),
    "error": (0.00016182, 0.00016652),
    "backward": (0.00112558, 0.00106464),
    "correction": (0.00020079, 0.00019576),
}
"""The parts of a batch's work, at batch size 500."""

_OF_A_LAYER = (
    "row of ones", "derivative", "matrix product", "product of elements", "gradient", "penalty",
)  # fmt: skip
"""The article's t1 to t6. Layer 0 has the last two alone."""


def _named(*of_layers: tuple[float, ...]) -> dict[str, float]:
    """Return one print's seconds, of layers 2, 1 and 0, by the parts' names."""
    return {
        f"layer {layer}: {part}": seconds
        for layer, times in zip((2, 1, 0), of_layers, strict=True)
        for part, seconds in zip(_OF_A_LAYER[-len(times) :], times, strict=True)
    }


BACKWARD = {
    500: (
        _named(
            (0.00011690, 0.00035331, 0.00018078, 0.00010234, 0.00009928, 0.00002427),
            (0.00043235, 0.00078142, 0.00004208, 0.00022921, 0.00009376, 0.00012184),
            (0.00042898, 0.00015405),
        ),
        _named(
            (0.00012803, 0.00034988, 0.00018544, 0.00010359, 0.00010210, 0.00002401),
            (0.00044072, 0.00078459, 0.00025684, 0.00012410, 0.00010345, 0.00012994),
            (0.00044503, 0.00016473),
        ),
        _named(
            (0.00029273, 0.00110253, 0.00002943, 0.00000855, 0.00003554, 0.00002504),
            (0.00003143, 0.00067206, 0.00005479, 0.00009756, 0.00016055, 0.00001839),
            (0.00036418, 0.00006339),
        ),
    ),
    15_000: (
        _named(
            (0.00057763, 0.00499597, 0.00031652, 0.00052448, 0.00051850, 0.00002246),
            (0.00101204, 0.01079703, 0.00050069, 0.00087049, 0.00108052, 0.00003033),
            (0.00698754, 0.00023552),
        ),
        _named(
            (0.00062998, 0.00508142, 0.00018547, 0.00059701, 0.00056401, 0.00002331),
            (0.00093769, 0.01065027, 0.00052327, 0.00091007, 0.00112373, 0.00016644),
            (0.00698746, 0.00023978),
        ),
    ),
}
"""The parts of the backward pass, by batch size: the prints one after another."""
