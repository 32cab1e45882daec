r"""Writes CIFAR-100's images as if they were ImageNet's.

    python benchmarks/mini_imagenet_look_alike.py --data_dir=DIR --output=look
    maml-tf train --experiment=mini_imagenet_5way_1shot --data_dir=look/data \
        --manual_dir=look/images --iterations=600 --workdir=results/look

The folder has the WordNet ids of mini-ImageNet, 600 JPEG files each, 125 x 100
pixels, named as ImageNet names them. The classes are those of CIFAR-FS, split
by split, so that mini-ImageNet's builder and flagfile can be tried without
ImageNet. Accuracies on it say nothing of ImageNet.
"""

import pathlib

from absl import flags

from maml_tf.commands import sentences
from maml_tf.commands.experiments import quiet_tensorflow  # noqa: F401
from maml_tf.errors import InputError

FLAGS = flags.FLAGS
flags.DEFINE_string("data_dir", None, "Folder of the downloaded data sets.")
flags.DEFINE_string("output", "look", "Folder to write; it must not exist.")
flags.DEFINE_integer("images", 600, "Images of each class.", lower_bound=1)

# Width and height; ImageNet's are not square either.
_SIZE = (125, 100)


def main(argv: list[str]) -> int:
    """Writes the folder; returns the exit status."""
    del argv
    # They take seconds, and --help does not need them.
    import tqdm
    from PIL import Image

    from maml_tf import datasets
    from maml_tf.datasets.building import class_splits

    images = pathlib.Path(FLAGS.output, "images")
    if images.exists():
        raise InputError(
            f"output: {images} exists; remove it, or name another folder."
        )
    cifar = datasets.load("cifar_fs", data_dir=FLAGS.data_dir)
    for split, names in class_splits.shipped("mini_imagenet_ravi").items():
        pool = cifar.pool(split)
        examples = pool.examples.numpy()
        pairs = zip(names, pool.first.numpy(), strict=True)
        for name, first in tqdm.tqdm(pairs, split, len(names), disable=None):
            (images / name).mkdir(parents=True)
            for number in range(FLAGS.images):
                Image.fromarray(examples[first + number]).resize(
                    _SIZE, Image.Resampling.BICUBIC
                ).save(images / name / f"{name}_{number + 1}.JPEG", quality=95)
    print(f"Written to {images}; see --help for the training.")
    return 0


if __name__ == "__main__":
    sentences.run(main, InputError)
