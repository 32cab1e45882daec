# %% [markdown]
"""
From five drawings to a served prediction
=========================================

`omniglot_5way_1shot` comes with `maml_tf`. It was meta-trained on handwritten
characters to learn five new ones from one drawing of each. Here it learns
five things that are not characters, predicts, is saved, and is then served by
a SavedModel that adapts by itself to the examples in a request.
"""

# %%
import base64
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import maml_tf
from maml_tf.learner import user_examples
from maml_tf.reports import adaptation_report

tf.get_logger().setLevel("WARNING")
here = pathlib.Path(globals().get("__file__", "here")).resolve().parent
results = pathlib.Path(tempfile.mkdtemp())

# %% [markdown]
# The drawings
# ------------
#
# The network learns from one drawing of each class, and is asked about four.
# They are PNG files of any size, dark on white. (A program drew them, with a
# shaky hand.)

# %%
support = user_examples.images_by_class(here / "drawings" / "support")
query = user_examples.images_by_class(here / "drawings" / "query")
print("to learn from:", *support.names)
print("sizes:", *(image.shape for image in support.x))

# %% [markdown]
# Adapt
# -----
#
# `load` gives a learner: a network, the algorithm that adapts it, and the
# preparation of raw images. `adapt` takes raw images and names of classes. It
# does not learn from the validation data; they are evaluated after every step.

# %%
learner = maml_tf.load("omniglot_5way_1shot")
adapted = learner.adapt(
    support.x, support.y, validation_data=(query.x, query.y)
)
for step, accuracy in enumerate(adapted.history["val_accuracy"]):
    print(f"after {step} steps: {accuracy:.0%} of {len(query.x)} right")

# %% [markdown]
# Look
# ----
#
# The figure shows each drawing with its predicted class, before and after
# adaptation.

# %%
before = learner.adapt(support.x, support.y, steps=0)
figure = adaptation_report.image_report(
    list(map(adaptation_report.thumbnail, support.x)),
    support.y,
    adaptation_report.Answers(
        query.names,
        list(map(adaptation_report.thumbnail, query.x)),
        query.y,
        adapted.labels,
        before.outputs(query.x),
        adapted.outputs(query.x),
    ),
    learner.steps,
)
maml_tf.reports.save(figure, results / "drawings.png")

# %% tags=["active-ipynb"]
# from IPython.display import Image
#
# Image(str(results / "drawings.png"))

# %% [markdown]
# Keep the adapted model
# ----------------------
#
# The adapted model is an ordinary Keras model, from raw images to
# probabilities.

# %%
adapted.save(results / "drawings.keras")
model = keras.models.load_model(results / "drawings.keras")
image = query.x[0]
(probabilities,) = model(image[np.newaxis]).numpy()
for name, probability in zip(adapted.labels, probabilities):
    print(f"{name:>12} {probability:6.1%}")

# %% [markdown]
# Export a model that adapts
# --------------------------
#
# The SavedModel needs TensorFlow and nothing of `maml_tf`. Images may have any
# size, but those in one tensor must share it, so the drawings are resized.

# %%
maml_tf.export(learner, results / "served", batch_norm="inductive")


def on_sheets(images: list[np.ndarray], size: int = 140) -> np.ndarray:
    """Resizes images onto white squares, uint8 `[n, size, size, 1]`."""
    ink = [
        tf.image.resize_with_pad(255 - image, size, size, antialias=True)
        for image in images
    ]
    return np.uint8(255 - np.round(ink))


names, labels = np.unique(support.y, return_inverse=True)
served = tf.saved_model.load(str(results / "served"))
answer = served.signatures["adapt_and_predict"](
    support_x=tf.constant(on_sheets(support.x)),
    support_y=tf.constant(labels, tf.int32),
    query_x=tf.constant(on_sheets(query.x)),
)["probabilities"]
predicted = names[np.argmax(answer, -1)]
print(f"{np.mean(predicted == query.y):.0%} right, by the SavedModel alone")

# %% [markdown]
# Serve it
# --------
#
# `maml-tf serve` answers HTTP requests in the form of TensorFlow Serving, and
# takes pictures as files of any size. It learns a user's examples once, and
# keeps the adapted weights under the user's name.

# %%
process = subprocess.Popen(
    [sys.executable, "-m", "maml_tf.commands.main", "serve", "--port=0"]
    + [f"--model=drawings={results / 'served'}"],
    stdout=subprocess.PIPE,
    stderr=subprocess.DEVNULL,
    text=True,
)
url = process.stdout.readline().split()[-1] + "v1/models/drawings/users/ann"


def picture(path: pathlib.Path) -> dict[str, str]:
    """Returns a file as requests have it."""
    return {"b64": base64.b64encode(path.read_bytes()).decode()}


def ask(verb: str, **inputs: Any) -> Any:
    """Returns the server's answer to one request."""
    body = json.dumps({"inputs": inputs}).encode()
    with urllib.request.urlopen(f"{url}:{verb}", body) as response:
        return json.load(response)


files = sorted((here / "drawings" / "support").glob("*/*.png"))
names = [path.parent.name for path in files]
ask(
    "adapt",
    support_x=[picture(path) for path in files],
    support_y=list(range(len(files))),
)
for path in sorted((here / "drawings" / "query").glob("*/1.png")):
    (probabilities,) = ask("predict", query_x=[picture(path)])["outputs"]
    best = int(np.argmax(probabilities))
    print(f"a {path.parent.name}: {names[best]}, {probabilities[best]:.0%}")

process.terminate()  # It finishes what is at work.
print("status", process.wait())
