"""Reports of results: pictures, tables and model cards."""

from maml_tf.reports.curves import (
    adaptation_curve,
    training_curve,
    validation_curves,
)
from maml_tf.reports.figures import (
    BLUE,
    COLORS,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    new_figure,
    save,
)
from maml_tf.reports.layers_moved import moved
from maml_tf.reports.matrices import confusion_matrix, confusion_shares
from maml_tf.reports.navigation import navigation_paths
from maml_tf.reports.sine_waves import (
    SinusoidTask,
    sinusoid_fit,
    sinusoid_fits,
    sinusoid_tasks,
)

__all__ = [
    "BLUE",
    "COLORS",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "RED",
    "SinusoidTask",
    "adaptation_curve",
    "confusion_matrix",
    "confusion_shares",
    "moved",
    "navigation_paths",
    "new_figure",
    "save",
    "sinusoid_fit",
    "sinusoid_fits",
    "sinusoid_tasks",
    "training_curve",
    "validation_curves",
]
