"""FC100: the classes of CIFAR-100 divided by superclass, 60 / 20 / 20.

Oreshkin, Rodriguez and Lacoste 2018, "TADAM: task dependent adaptive metric for
improved few-shot learning", section 5. Test classes share no superclass with
training classes, so it is harder than CIFAR-FS.
"""

import functools

from maml_tf.datasets import cifar100

load = functools.partial(cifar100.load_split, "fc100")
