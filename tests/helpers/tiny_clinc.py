"""A tiny CLINC150, in the form of the authors' files."""

import json
import pathlib

DOMAINS = 10
INTENTS = 15


def write_tiny_set(folder, texts=12):
    """Writes `data_full.json` and `data_domains.json`.

    Args:
        folder: where to.
        texts: how many texts each of the 150 intents has in all.

    Returns:
        The path of `data_full.json`.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    domains = {
        f"domain{d}": [f"intent{d}_{i}" for i in range(INTENTS)]
        for d in range(DOMAINS)
    }
    pairs = [
        # The second word tells the intent, the third is the text's own.
        [f"Please, {intent.replace('_', 'x')} number{n}?", intent]
        for intents in domains.values()
        for intent in intents
        for n in range(texts)
    ]
    path = folder / "data_full.json"
    path.write_text(
        json.dumps(
            {
                "train": pairs[::2],
                "val": pairs[1::4],
                "test": pairs[3::4],
                "oos_train": [["what is this", "oos"]],
            }
        )
    )
    (folder / "data_domains.json").write_text(json.dumps(domains))
    return path
