"""Flags of several paths with commas between them."""

import os

from absl import flags


class PathListParser(flags.ListParser):
    """Parses paths with commas between; those that exist may hold commas."""

    def parse(self, argument: str | list) -> list:
        """Returns the paths.

        Args:
            argument: The flag's text, or a list of paths.
        """
        if not isinstance(argument, str) or _exists(argument):
            return [argument] if isinstance(argument, str) else argument
        pieces = argument.split(",")
        paths = []
        while pieces:
            # The longest name that exists, otherwise up to the next comma.
            number = next(
                (
                    number
                    for number in range(len(pieces), 1, -1)
                    if _exists(",".join(pieces[:number]))
                ),
                1,
            )
            paths.append(",".join(pieces[:number]).strip())
            del pieces[:number]
        return paths if any(paths) else super().parse(argument)


def _exists(path):
    return os.path.exists(os.path.expanduser(path.strip()))
