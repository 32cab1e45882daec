"""Users' adapted weights, kept in SQLite.

Each write is one transaction. A process that is killed at any moment leaves
every user with the weights from before or from after the write.
"""

import contextlib
import io
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping

import numpy as np

from maml_tf.errors import InputError
from maml_tf.serving.http.limits import Limits
from maml_tf.serving.http.refusals import (
    CONFLICT,
    NOT_FOUND,
    Refusal,
    bad,
    busy,
    too_large,
)

_NAME = re.compile(r"[A-Za-z0-9_.@-]{1,128}")
_VERSION = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS users (
    model TEXT NOT NULL,
    user TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    written REAL NOT NULL,
    weights BLOB NOT NULL,
    PRIMARY KEY (model, user)
);
CREATE INDEX IF NOT EXISTS sizes ON users (bytes);
"""


def check_name(user: str) -> str:
    """Returns the name of a user that can be kept.

    Args:
        user: The name of a request.

    Raises:
        Refusal: It has other characters, or too many.
    """
    if not _NAME.fullmatch(user):
        raise bad(
            "user: the name must have 1 to 128 letters, digits, dots, hyphens,"
            " underscores or @."
        )
    return user


class Users:
    """The store; threads may share it.

    Args:
        path: The file; None keeps them in memory.
        limits: The server's limits.

    Raises:
        InputError: The file cannot be opened, or is another kind of file.
    """

    def __init__(self, path: str | os.PathLike | None, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        where = ":memory:" if path is None else str(path)
        closing = contextlib.ExitStack()
        try:
            if path is not None:
                # Nobody else may read it.
                flags = os.O_CREAT | os.O_RDWR
                os.close(os.open(path, flags, mode=0o600))
            # Other threads than this one use it, one at a time.
            self._connection = sqlite3.connect(
                where, timeout=10, isolation_level=None, check_same_thread=False
            )
            closing.callback(self._connection.close)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            closing.close()
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"users: {where} cannot be used ({reason}); give a file that"
                " this command made, or a new one."
            ) from error

    def keep(
        self,
        model: str,
        fingerprint: str,
        user: str,
        weights: Mapping[str, np.ndarray],
    ) -> int:
        """Keeps a user's weights in place of those from before.

        Args:
            model: The model's name.
            fingerprint: The model's fingerprint.
            user: The user's name.
            weights: Arrays by name, as the model's signature `adapt` returned
                them.

        Returns:
            Their size in bytes.

        Raises:
            Refusal: There is no room, or the file cannot be written.
        """
        content = _packed(weights)
        with self._transaction() as connection:
            number, size = connection.execute(
                "SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM users"
            ).fetchone()
            before = connection.execute(
                "SELECT bytes FROM users WHERE model = ? AND user = ?",
                (model, user),
            ).fetchone()
            if before is None and number >= self._limits.max_users:
                raise too_large(
                    f"user: the weights of {number} users are kept already, as"
                    " many as are allowed; delete one first."
                )
            size += len(content) - (before[0] if before else 0)
            if size > self._limits.users_bytes:
                raise too_large(
                    "user: there is no room for the weights; at most"
                    f" {self._limits.max_users_size} MB of all users are"
                    " allowed, so delete one first."
                )
            connection.execute(
                "INSERT OR REPLACE INTO users VALUES (?, ?, ?, ?, ?, ?)",
                (model, user, fingerprint, len(content), time.time(), content),
            )
        return len(content)

    def weights(
        self, model: str, fingerprint: str, user: str
    ) -> dict[str, np.ndarray]:
        """Returns a user's weights.

        Args:
            model: The model's name.
            fingerprint: The model's fingerprint.
            user: The user's name.

        Returns:
            As given to `keep`.

        Raises:
            Refusal: There are none, or they are of another model.
        """
        with self._locked() as connection:
            row = connection.execute(
                "SELECT fingerprint, weights FROM users"
                " WHERE model = ? AND user = ?",
                (model, user),
            ).fetchone()
        if row is None:
            raise _nobody(user, model)
        if row[0] != fingerprint:
            raise Refusal(
                CONFLICT,
                f"user: the weights of {user} were adapted from another model"
                f" that was called {model} too; adapt again.",
            )
        return _unpacked(row[1])

    def forget(self, model: str, user: str) -> None:
        """Deletes a user's weights.

        Args:
            model: The model's name.
            user: The user's name.

        Raises:
            Refusal: There are none.
        """
        with self._transaction() as connection:
            deleted = connection.execute(
                "DELETE FROM users WHERE model = ? AND user = ?", (model, user)
            ).rowcount
        if not deleted:
            raise _nobody(user, model)

    def totals(self) -> tuple[int, int]:
        """Returns the number of users and the bytes of their weights."""
        with self._locked() as connection:
            return connection.execute(
                "SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM users"
            ).fetchone()

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    def _prepare(self):
        connection = self._connection
        # Readers and a killed writer do no harm in this mode; FULL waits for
        # the disk at each transaction.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        tables = connection.execute(
            "SELECT COUNT(*) FROM sqlite_master"
        ).fetchone()[0]
        if version != _VERSION and (version or tables):
            raise sqlite3.DatabaseError("it has other tables")
        connection.executescript(_TABLE)
        connection.execute(f"PRAGMA user_version = {_VERSION}")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise busy(
                    f"user: the weights cannot be read or kept now ({error})."
                ) from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._locked() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


def _packed(weights):
    content = io.BytesIO()
    np.savez(content, **weights)
    return content.getvalue()


def _unpacked(content):
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


def _nobody(user, model):
    return Refusal(
        NOT_FOUND, f"user: no weights of {user} are kept for {model}."
    )
