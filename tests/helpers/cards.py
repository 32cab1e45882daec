"""Reads the model cards of the learners that come with the package."""

import re

from maml_tf.learner import files
from maml_tf.reports import card


def figures(name):
    """`(value, interval, query, batch norm)` of each line on the card."""
    text = (files.SHIPPED / name / card.FILE_NAME).read_text("utf-8")
    return [
        (float(value), float(ci95), int(query), mode)
        for value, ci95, query, mode in re.findall(
            r"^- \w+ ([\d.]+) ± ([\d.]+).* (\d+) quer.*?(\w+)$", text, re.M
        )
    ]
