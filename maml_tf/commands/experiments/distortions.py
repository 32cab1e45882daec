"""Tasks that differ more and more from those of a training.

Omniglot's drawings are sheared and scaled; sine waves leave the ranges of
amplitude and phase. All of it happens in the memory of one command: files and
flags of data sets know nothing of it, so no other command can test on such data
by mistake.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from maml_tf import datasets
from maml_tf.commands.experiments.supervised import Experiment
from maml_tf.datasets import omniglot, sinusoid
from maml_tf.episodes.class_pool import ClassPool

# Originals that are distorted at once: 50 MB each in float32.
_AT_ONCE = 1000


@dataclasses.dataclass(frozen=True)
class Panel:
    """Growing degrees of one distortion.

    Attributes:
        name: Its name, such as `"shear"`.
        label: Its name with the unit.
        degrees: Each degree as a pair of its lowest and highest value, which
            are equal if all tasks have one.
        usual: Such a pair for the training's own tasks.
        settings: A setting for each degree, as `distort` takes it.
    """

    name: str
    label: str
    degrees: tuple
    usual: tuple
    settings: tuple


class Drawings:
    """Omniglot with all drawings of all tasks distorted alike.

    Args:
        shears: Angles in radians, at scale 1.
        scales: Factors of the size, without shear.

    Attributes:
        panels: A `Panel` for each distortion.
    """

    def __init__(self, shears: Sequence[float], scales: Sequence[float]):
        self.panels = (
            Panel(
                "shear",
                "shear (radians)",
                tuple((shear, shear) for shear in shears),
                (0.0, 0.0),
                tuple((shear, 1.0) for shear in shears),
            ),
            Panel(
                "scale",
                "scale",
                tuple((scale, scale) for scale in scales),
                (1.0, 1.0),
                tuple((0.0, scale) for scale in scales),
            ),
        )
        self._originals = functools.cache(omniglot.load_originals)
        # 7 MB for the 8460 drawings of a test split.
        self._distorted = functools.cache(self._distort)

    def episodes(
        self, built: Experiment, split: str
    ) -> tuple[Callable, Callable]:
        """Returns a training's episodes, and a function that distorts them.

        Args:
            built: The experiment. Its drawings must be in memory.
            split: Split to draw characters from.

        Returns:
            `(episodes, distort)`: the function `number -> Episode`, and a
            function of a setting that changes all its later episodes.
        """
        f = built.flags
        assert built.dataset.pool is not None
        pool: ClassPool = built.dataset.pool(split)
        rows = np.concatenate(
            [
                np.arange(first, first + size)
                for first, size in zip(pool.first.numpy(), pool.sizes)
            ]
        )
        place = tuple(map(str, pool.names)), f.data_dir, f.download
        images = pool.examples.numpy()

        def distort(setting):
            images[rows] = self._distorted(setting, *place)
            pool.examples.assign(images)

        return built.dataset.episodes(
            split, f.way, f.shot, f.query, f.seed
        ), distort

    def _distort(self, setting, *place):
        originals = self._originals(*place)
        shear, scale = setting
        return np.concatenate(
            [
                omniglot.shrink(
                    omniglot.distort(
                        originals[first : first + _AT_ONCE], shear, scale
                    )
                )
                for first in range(0, len(originals), _AT_ONCE)
            ]
        )


class SineWaves:
    """Sine waves of other amplitudes or phases than those of the training.

    Args:
        amplitudes: Ends of ranges of amplitudes, each range up to the next end;
            the phases are the training's.
        phases: Ends of ranges of phases in units of π; the amplitudes are the
            training's.

    Attributes:
        panels: A `Panel` for each of the two.
    """

    def __init__(self, amplitudes: Sequence[float], phases: Sequence[float]):
        ranges = tuple(itertools.pairwise(amplitudes))
        parts = tuple(itertools.pairwise(phases))
        self.panels = (
            Panel(
                "amplitude",
                "amplitude",
                ranges,
                sinusoid.AMPLITUDES,
                tuple((ends, sinusoid.PHASES) for ends in ranges),
            ),
            Panel(
                "phase",
                "phase / π",
                parts,
                (0.0, 1.0),
                tuple(
                    (sinusoid.AMPLITUDES, (math.pi * low, math.pi * high))
                    for low, high in parts
                ),
            ),
        )

    def episodes(
        self, built: Experiment, split: str
    ) -> tuple[Callable, Callable]:
        """Returns episodes and a function, as `Drawings.episodes` does.

        Args:
            built: The experiment.
            split: Split to draw tasks from.
        """
        f = built.flags
        amplitudes, phases = (
            tf.Variable(ends, trainable=False, dtype=tf.float32)
            for ends in (sinusoid.AMPLITUDES, sinusoid.PHASES)
        )
        dataset = datasets.load(
            "sinusoid",
            oracle=f.algorithm == "oracle",
            amplitudes=amplitudes,
            phases=phases,
        )

        def distort(setting):
            amplitudes.assign(setting[0])
            phases.assign(setting[1])

        return dataset.episodes(split, f.way, f.shot, f.query, f.seed), distort
