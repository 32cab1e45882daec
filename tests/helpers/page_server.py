"""The server of `maml-tf serve`, in a thread of the tests' own process."""

import threading

from maml_tf.serving.http import server
from maml_tf.serving.http.app import make_app
from maml_tf.serving.http.bodies import Bodies
from maml_tf.serving.http.context import Context
from maml_tf.serving.http.limits import Limits
from maml_tf.serving.http.loading import load_models
from maml_tf.serving.http.users import Users
from maml_tf.serving.http.work import Work


class PageServer:
    """A server that can be stopped and started again at the same address.

    Args:
        models: Names of trained models that come with the package.
    """

    def __init__(self, models):
        self._limits = Limits()
        self._models = load_models(models, self._limits)
        self._port = 0
        self.start()

    def start(self):
        """Starts it and waits until it answers."""
        limits, ready = self._limits, threading.Event()
        listening = server.listen("127.0.0.1", self._port)
        self.url, self._port = server.url(listening), listening.getsockname()[1]
        self._work, self._users = Work(2, limits), Users(None, limits)
        app = make_app(
            Context(self._models, self._users, self._work, Bodies(limits))
        )
        running = self._running = server.make(app, limits, ready.set)
        self._thread = threading.Thread(target=running.run, args=([listening],))
        self._thread.start()
        if not ready.wait(60):
            raise TimeoutError("the server did not start")

    def stop(self):
        """Ends it, if it runs."""
        if not self._thread.is_alive():
            return
        self._running.should_exit = True
        self._running.force_exit = True
        self._thread.join(60)
        self._work.close()
        self._users.close()
