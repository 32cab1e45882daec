"""SavedModels on disk: where they lie, what they say, and their weights."""

import hashlib
import pathlib
import re
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

from maml_tf.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_PB = "saved_model.pb"
# Bytes of the graph of objects, which says nothing about the weights.
_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"


class Place(NamedTuple):
    """A model that is to be served.

    Attributes:
        name: Its name in requests.
        given: The folder or the shipped name.
        version: Its version, a number.
        saved: The SavedModel's folder; None if it is to be exported.
    """

    name: str
    given: str
    version: int
    saved: pathlib.Path | None


def place(text: str) -> Place:
    """Reads a value of `--model`.

    Args:
        text: A folder or a shipped name, with `NAME=` before it if the name in
            requests is to be another than the folder's. A folder of
            TensorFlow Serving, with a folder for each version, gives the
            largest version.

    Raises:
        InputError: The name cannot be used in requests.
    """
    name, equals, given = text.partition("=")
    # A folder may have the sign in its own name.
    if not equals or "/" in name:
        name, given = "", text
    folder = pathlib.Path(given)
    version, saved = 1, None
    if (folder / _PB).is_file():
        saved = folder
    elif versions := _versions(folder):
        version = max(versions)
        saved = versions[version]
    whole = folder.resolve()
    if saved == folder and re.fullmatch(r"[1-9]\d{0,17}", whole.name):
        # One version of such a folder.
        version, whole = int(whole.name), whole.parent
    name = name or whole.name
    if not _NAME.fullmatch(name):
        raise InputError(
            f"model: {name!r} cannot be a name in requests; write NAME={given}"
            " with letters, digits, dots, hyphens and underscores."
        )
    return Place(name, given, version, saved)


def metadata(folder: pathlib.Path) -> dict[str, Any]:
    """Returns the signatures as TensorFlow Serving writes them in JSON.

    Args:
        folder: The SavedModel's folder.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        content = (folder / _PB).read_bytes()
        model = saved_model_pb2.SavedModel.FromString(content)
    except Exception as error:  # Protobuf raises its own kinds.
        raise InputError(
            f"model: {folder / _PB} cannot be read ({error})."
        ) from error
    served = [
        graph
        for graph in model.meta_graphs
        if "serve" in graph.meta_info_def.tags
    ]
    if not served:
        raise InputError(f"model: {folder} has no graph with the tag serve.")
    return {
        "signature_def": {
            name: {
                "inputs": _infos(signature.inputs),
                "outputs": _infos(signature.outputs),
                "method_name": signature.method_name,
            }
            for name, signature in served[0].signature_def.items()
        }
    }


def fingerprint(folder: pathlib.Path) -> str:
    """Returns a hash of a SavedModel's weights.

    Args:
        folder: The SavedModel's folder.
    """
    digest = hashlib.sha256()
    path = folder / "variables" / "variables"
    if path.with_suffix(".index").exists():
        reader = tf.train.load_checkpoint(str(path))
        for name in sorted(reader.get_variable_to_shape_map()):
            if name == _OBJECTS:
                continue
            value = np.asarray(reader.get_tensor(name))
            content = value.tobytes()
            if value.dtype == object:
                content = repr(value.tolist()).encode()
            for part in (name, str(value.dtype), str(value.shape)):
                digest.update(f"{part}\0".encode())
            digest.update(content)
    return digest.hexdigest()


def _infos(infos):
    return {
        name: {
            "dtype": types_pb2.DataType.Name(info.dtype),
            "tensor_shape": {
                "dim": [
                    {"size": str(dim.size), "name": dim.name}
                    for dim in info.tensor_shape.dim
                ],
                "unknown_rank": info.tensor_shape.unknown_rank,
            },
            "name": info.name,
        }
        for name, info in infos.items()
    }


def _versions(folder):
    if not folder.is_dir():
        return {}
    return {
        int(path.name): path
        for path in folder.iterdir()
        if re.fullmatch(r"\d{1,18}", path.name) and (path / _PB).is_file()
    }
