r"""Serves an exported model by HTTP, with the requests of TensorFlow Serving.

    maml-tf export --workdir=omniglot_5way_1shot --output=served
    python examples/serve.py served --port=8501

    curl localhost:8501/v1/models/model:predict -d '{
        "signature_name": "adapt_and_predict",
        "inputs": {"support_x": ..., "support_y": [0, 1], "query_x": ...}}'

It needs TensorFlow only. A request that cannot be used is answered with status
400 and a sentence. TensorFlow Serving does the same, and faster.
"""

import argparse
import http.server
import json
import re
from typing import Any

import tensorflow as tf


def predict(model: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Answers one request; both have the form of TensorFlow Serving.

    Args:
        model: The SavedModel.
        request: The request's JSON.

    Returns:
        The answer's JSON.
    """
    signature = model.signatures[
        request.get("signature_name", "serving_default")
    ]
    _, specs = signature.structured_input_signature
    inputs = {
        name: tf.constant(value, specs[name].dtype)
        for name, value in request["inputs"].items()
    }
    outputs = {k: v.numpy().tolist() for k, v in signature(**inputs).items()}
    # A single output comes without its name.
    return {"outputs": outputs if len(outputs) > 1 else outputs.popitem()[1]}


def sentence(error: Exception) -> str:
    """Returns the part of an error's message that helps a client."""
    match = re.search(r"assertion failed: (.*)|(Shape of .*)", str(error))
    if match:
        return match.group()
    return f"{type(error).__name__}: {error}"[:300]


def server(model: Any, port: int) -> http.server.ThreadingHTTPServer:
    """Makes an HTTP server on this machine, with a thread for each request.

    Args:
        model: The SavedModel.
        port: The port; 0 for any free one.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                status, answer = 200, predict(model, json.loads(body))
            except (
                AttributeError,
                KeyError,
                TypeError,
                ValueError,
                tf.errors.OpError,
            ) as error:
                status, answer = 400, {"error": sentence(error)}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return http.server.ThreadingHTTPServer(("localhost", port), Handler)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", help="folder that maml-tf export wrote")
    parser.add_argument(
        "--port", type=int, default=8501, help="0: any free one"
    )
    arguments = parser.parse_args()
    with server(
        tf.saved_model.load(arguments.model), arguments.port
    ) as running:
        print(f"Serving on port {running.server_port}.", flush=True)
        running.serve_forever()
