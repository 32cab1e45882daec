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
import json
import pathlib
import sys
import tempfile
import threading
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
# `serve.py`, beside this file, answers HTTP requests in the form of TensorFlow
# Serving. The model learns a user's examples once. The client keeps the answer
# of `adapt`, and sends it with that user's later requests.

# %%
sys.path.insert(0, str(here))
import serve  # noqa: E402

http = serve.server(served, port=0)
http.RequestHandlerClass.log_message = lambda *line: None
threading.Thread(target=http.serve_forever, daemon=True).start()
url = f"http://localhost:{http.server_port}/v1/models/model:predict"


def ask(signature: str, **inputs: Any) -> Any:
    """Returns the server's answer to one request."""
    request = {"signature_name": signature, "inputs": inputs}
    body = json.dumps(request).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body)) as response:
        return json.load(response)["outputs"]


learned = ask(
    "adapt",
    support_x=on_sheets(support.x).tolist(),
    support_y=labels.tolist(),
)
for image, truth in list(zip(query.x, query.y))[::4]:
    (probabilities,) = ask(
        "predict_adapted", query_x=on_sheets([image]).tolist(), **learned
    )
    best = int(np.argmax(probabilities))
    print(f"a {truth}: {names[best]}, {probabilities[best]:.0%}")
http.shutdown()
