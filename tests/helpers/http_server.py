"""A server of our web application within the test's process."""

import contextlib
import json
import threading
import urllib.error
import urllib.request

from maml_tf.serving.http import server
from maml_tf.serving.http.app import make_app
from maml_tf.serving.http.bodies import Bodies
from maml_tf.serving.http.context import Context
from maml_tf.serving.http.limits import Limits
from maml_tf.serving.http.loading import load_models
from maml_tf.serving.http.users import Users
from maml_tf.serving.http.work import Work


class Client:
    """Sends requests to a server.

    Args:
        url: its address.
    """

    def __init__(self, url):
        self.url = url.rstrip("/")

    def ask(self, path, body=None, method=None, **headers):
        """Returns `(status, answer)`; the answer is JSON, or else bytes."""
        status, content, _ = self.answer(path, body, method, **headers)
        return status, content

    def answer(self, path, body=None, method=None, **headers):
        """Returns `(status, answer, headers)`."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, body, headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, _read(answer), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _read(error), error.headers


def _read(answer):
    content = answer.read()
    if answer.headers["Content-Type"] == "application/json":
        return json.loads(content)
    return content


@contextlib.contextmanager
def running(
    *given,
    limits=None,
    users=None,
    threads=2,
    models=None,
    page=None,
    port=0,
):
    """Gives a `Client` of a server of these models."""
    limits = limits or Limits()
    models = models or load_models(list(map(str, given)), limits)
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(contextlib.closing(Users(users, limits)))
        listening = stack.enter_context(server.listen("127.0.0.1", port))
        work = stack.enter_context(contextlib.closing(Work(threads, limits)))
        app = make_app(Context(models, store, work, Bodies(limits)), page)
        ready = threading.Event()
        serving = server.make(app, limits, ready.set)
        thread = threading.Thread(target=serving.run, args=([listening],))
        thread.start()
        try:
            assert ready.wait(30)
            yield Client(server.url(listening))
        finally:
            serving.should_exit = True
            thread.join()
