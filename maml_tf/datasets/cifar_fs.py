"""CIFAR-FS: the classes of CIFAR-100 divided at random, 64 / 16 / 20.

Bertinetto, Henriques, Torr and Vedaldi 2019, "Meta-learning with differentiable
closed-form solvers", section 4.
"""

import functools

from maml_tf.datasets import cifar100

load = functools.partial(cifar100.load_split, "cifar_fs")
