"""Bad flags and damaged files end every command with a sentence."""

import collections
import json
import pathlib
import random
import shutil

import pytest
from absl.testing import absltest, parameterized

from tests.helpers import forked
from tests.helpers.pictures import noise, write_png
from tests.helpers.scripts import ScriptTestCase

_RUNS = pathlib.Path(__file__).parents[1] / "helpers" / "many_runs.py"
_VALUES = ("", "-1", "0", "1000000000", f"1{'0' * 30}", "nan", "x", "1.5")
_SECONDS = 30

_TEXTS = [
    "--dataset=text:texts.csv",
    "--network=text_cnn",
    "--way=2",
    "--text_length=8",
    "--filters=4",
    "--embedding_width=4",
    "--tasks=2",
    "--validation_tasks=2",
    "--jit_compile=false",
    "--iterations=1",
]
_SINES = [
    "--widths=4",
    "--shot=3",
    "--tasks=2",
    "--validation_tasks=2",
    "--jit_compile=false",
    "--iterations=0",
]
_POLICIES = [
    "--iterations=0",
    "--tasks=2",
    "--rollouts=2",
    "--widths=4",
    "--validation_tasks=2",
    "--horizon=5",
]
_OTHERS = [
    "--shot=1",
    "--query=1",
    "--tasks=2",
    "--validation_tasks=2",
    "--jit_compile=false",
    "--iterations=0",
]

# Flags of good trainings of other kinds, with their command.
_TRAININGS = {
    "images": [
        "train",
        "--workdir=new/{}",
        "--dataset=folder:images",
        "--network=conv4",
        "--filters=4",
        "--image_size=16",
        "--way=2",
        *_OTHERS,
    ],
    "series": [
        "train",
        "--workdir=new/{}",
        "--dataset=table:series.csv",
        "--widths=4",
        "--window=6",
        "--horizon=2",
        *_OTHERS,
    ],
    "transformer": [
        "train",
        "--workdir=new/{}",
        "--dataset=text:texts.csv",
        "--network=text_transformer",
        "--text_length=8",
        "--embedding_width=4",
        "--heads=2",
        "--way=2",
        *_OTHERS,
    ],
    "ppo": ["train-rl", "--workdir=new/{}", "--outer_update=ppo", *_POLICIES],
}
_SHARE = [
    "--output=new/{}",
    "--description=a",
    "--not_for=b",
    "--data_licence=c",
    "--commit=d",
    "--num_tasks=2",
]

# Flags of a good run of each command; {} is the run's number.
_COMMANDS = {
    "train": ["--workdir=new/{}", *_SINES],
    "evaluate": ["--workdir=run", "--num_tasks=2", "--output=new/{}.json"],
    "adapt": ["--workdir=run", "--support=texts.csv", "--query=query.txt"],
    "plot": ["--workdir=run", "--output=new/{}.png"],
    "share": ["--workdir=run", *_SHARE],
    "export": ["--workdir=run", "--output=new/{}"],
    "train-rl": ["--workdir=new/{}", *_POLICIES],
    "evaluate-rl": ["--workdir=policy", "--num_tasks=2"],
    "plot-rl": ["--workdir=policy", "--output=new/{}.png"],
    "make-series": ["--output=new/{}.csv"],
}

# Slips that once ended in a stack trace, or did not end.
_SLIPS = {
    "train": [
        ["--clip_norm=1", "--clip_value=1"],
        ["--gradient_accumulation_steps=-1"],
        [f"--seed=1{'0' * 30}"],
        ["--intra_op_threads=1000000"],
        ["--flagfile=bytes"],
        ["--dataset=text:texts.csv", "--split_seed=-1"],
        ["--dataset=text:texts.csv", "--text_length=100000000"],
        ["--dataset=text:long.csv", "--network=text_cnn"],
        ["--dataset=text:halves.jsonl", "--network=text_cnn"],
        ["--dataset=text:deep.jsonl", "--network=text_cnn"],
        ["--dataset=glyphs", "--image_size=100000"],
    ],
    "adapt": [["--steps=1000000000"]],
    "export": [["--max_classes=1000000000"], ["--output=/proc/x"]],
    "train-rl": [["--initial_deviation=nan"]],
    "plot-rl": [["--kind=trajectories", "--goals=1000000000"]],
    "make-series": [["--households=1000000000"], [f"--seed=1{'0' * 30}"]],
    # It would train for minutes first.
    "demo": [
        ["--num_tasks=0"],
        ["--num_tasks=1000000000"],
        ["--iterations=-1"],
        ["--glyph_iterations=-1"],
        ["--workdir=texts.csv"],
    ],
}


def write_texts(folder):
    """Writes a set of 14 classes, queries and files that are damaged."""
    rows = [
        f"{word} thing {number},class{label}"
        for label, word in enumerate("abcdefghijklmn")
        for number in range(5)
    ]
    (folder / "texts.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    (folder / "query.txt").write_text("a\nb thing\n")
    (folder / "bytes").write_bytes(b"--seed=1\n\xff\xfe\n")
    (folder / "long.csv").write_text(f"text,label\n{'a' * 200000},b\n")
    half = json.dumps({"text": "\ud800", "label": "a"})
    (folder / "halves.jsonl").write_text(half + "\n")
    (folder / "deep.jsonl").write_text("[" * 100000 + "\n")
    (folder / "new").mkdir()


def write_images_and_series(folder):
    """Writes pictures of 14 classes, and 14 series of five days."""
    lines = ["task,time,value"]
    for label in range(14):
        for number in range(3):
            name = f"images/class{label}/{number}.png"
            write_png(folder / name, noise(3 * label + number))
        lines += [
            f"s{label},2024-01-{1 + hour // 24:02}T{hour % 24:02}:00,{hour}"
            for hour in range(120)
        ]
    (folder / "series.csv").write_text("\n".join(lines) + "\n")


def damages(folder, other):
    """Yields `(name, function of a copy of the folder)` for each damage."""
    for path in sorted(folder.rglob("*")):
        file = path.relative_to(folder)
        if path.is_dir():
            if file.parts[0] in ("checkpoints", "tensorboard"):
                yield (
                    f"{file} is a file",
                    lambda c, f=file: (
                        shutil.rmtree(c / f),
                        (c / f).write_text("x"),
                    ),
                )
            continue
        yield f"{file} is missing", lambda c, f=file: (c / f).unlink()
        content = path.read_bytes()
        contents = {
            "is empty": b"",
            "is cut off": content[: len(content) // 2],
            "is bytes": b"\x00\xff\xfe\x81" * 40,
            "is a list": b"[1, 2]\n",
            "is nested": b"[" * 100000,
        }
        if (other / file).is_file():
            contents["is another's"] = (other / file).read_bytes()
        for name, damaged in contents.items():
            yield (
                f"{file} {name}",
                lambda c, f=file, d=damaged: (c / f).write_bytes(d),
            )
        if file.suffix in (".json", ".jsonl"):
            for name, text in other_values(path.read_text()):
                yield (
                    f"{file}: {name}",
                    lambda c, f=file, t=text: (c / f).write_text(t),
                )
    for name in ("copy of ckpt-1.index", "old.index"):
        yield (
            f"{name} is there",
            lambda c, n=name: (c / "checkpoints" / "latest" / n).write_bytes(
                b"x"
            ),
        )


def other_values(text):
    """Yields `(name, text)` with a value replaced, in JSON or its lines."""
    one = text.startswith("{\n")
    first, *rest = [text] if one else text.splitlines(keepends=True)
    record = json.loads(first)
    places = [(record, key) for key in record]
    options = record.get("options", {})
    places += [(options, key) for key in options]
    for place, key in places:
        value = place.pop(key)
        yield f"{key} is missing", "".join([json.dumps(record), "\n", *rest])
        for new in ("text", None, -1, [], {}):
            place[key] = new
            changed = "".join([json.dumps(record), "\n", *rest])
            yield f"{key} is {new!r}", changed
        place[key] = value


class FuzzTest(ScriptTestCase):
    def setUp(self):
        super().setUp()
        write_texts(self.folder)

    def runs(self, command, **asked):
        """Runs a command often; returns what each run ended with."""
        path = self.folder / "runs.json"
        base = _COMMANDS.get(command)
        path.write_text(
            json.dumps(
                {"command": command, "base": base, "seconds": _SECONDS, **asked}
            )
        )
        status, stdout, stderr = forked.run(_RUNS, path, cwd=self.folder)
        self.assertEqual(status, 0, stderr)
        return list(map(json.loads, stdout.splitlines()))

    def assertSentences(self, results, names=None):
        """Each run ended well, or with one sentence that was written for it."""
        faults = collections.defaultdict(list)
        for number, (flags, status, stderr, _) in enumerate(results):
            errors = [x for x in stderr.splitlines() if x.startswith("error:")]
            foreseen = "did not foresee" not in stderr
            ended = status == 0 or (status == 1 and len(errors) == 1)
            if not ended or not foreseen or "Traceback" in stderr:
                name = names[number] if names else " ".join(flags)
                faults[name].append((status, errors))
        self.assertEmpty(faults)

    def train(self):
        """Makes `run`, a training on texts, and `policy`."""
        self.assertSentences(
            self.runs("train", base=["--workdir=run", *_TEXTS], runs=[[]])
        )
        self.assertSentences(
            self.runs(
                "evaluate", base=["--workdir=run", "--num_tasks=2"], runs=[[]]
            )
        )
        policy = [*_POLICIES, "--iterations=1", "--workdir=policy"]
        self.assertSentences(self.runs("train-rl", base=policy, runs=[[]]))

    def damaged(self, command, share, base=()):
        """Runs a command on a share of the damages to its training."""
        folder, other = "run", "policy"
        if command.endswith("-rl"):
            folder, other = other, folder
        every = list(damages(self.folder / folder, self.folder / other))
        count = max(1, int(share * len(every)))
        chosen = random.Random(command).sample(every, count)
        for number, (_, damage) in enumerate(chosen):
            copy = self.folder / command / str(number)
            shutil.copytree(self.folder / folder, copy)
            damage(copy)
        flags = [f for f in base or _COMMANDS[command] if "--workdir" not in f]
        results = self.runs(
            command,
            base=[*flags, f"--workdir={command}/{{}}"],
            runs=[[]] * count,
        )
        self.assertLen(results, count)
        self.assertSentences(results, [name for name, _ in chosen])

    def test_flags_of_a_training(self):
        results = self.runs("train", values=_VALUES, most=40, seed=0)
        self.assertSentences(results)
        slips = self.runs("train", runs=_SLIPS["train"])
        self.assertSentences(slips)
        self.assertEqual({status for _, status, _, _ in slips}, {1})

    @pytest.mark.slow
    def test_flags_of_all_commands(self):
        self.train()
        for command in _COMMANDS:
            with self.subTest(command):
                self.assertSentences(
                    self.runs(command, values=_VALUES, most=2, seed=1)
                )
                slips = _SLIPS.get(command, [])
                results = self.runs(command, runs=slips)
                self.assertSentences(results)
                self.assertNotIn(0, [status for _, status, _, _ in results])

    @parameterized.parameters(*_TRAININGS)
    @pytest.mark.slow
    def test_flags_of_other_trainings(self, kind):
        write_images_and_series(self.folder)
        command, *base = _TRAININGS[kind]
        results = self.runs(command, base=base, runs=[[]])
        self.assertEqual([status for _, status, _, _ in results], [0])
        self.assertSentences(
            self.runs(command, base=base, values=_VALUES, most=6, seed=2)
        )

    @pytest.mark.slow
    def test_demo_refuses_before_it_trains(self):
        results = self.runs("demo", base=[], runs=_SLIPS["demo"])
        self.assertSentences(results)
        self.assertEqual({status for _, status, _, _ in results}, {1})

    @pytest.mark.slow
    def test_files_of_a_training(self):
        self.train()
        for command in ("evaluate", "adapt", "plot", "evaluate-rl"):
            with self.subTest(command):
                self.damaged(command, 0.006)
        with self.subTest("train"):
            self.damaged("train", 0.006, _TEXTS)


if __name__ == "__main__":
    absltest.main()
