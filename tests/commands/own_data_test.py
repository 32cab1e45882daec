"""The scripts on a user's own data, run as a user runs them."""

import json

import keras
import numpy as np
import pytest
from absl.testing import absltest

from tests.helpers.pictures import noise, write_png
from tests.helpers.scripts import ScriptTestCase, run

FEW = (
    "--shot=1",
    "--query=2",
    "--way=3",
    "--tasks=2",
    "--iterations=4",
    "--validation_interval=2",
    "--validation_tasks=3",
    "--noprogress",
)
TEXT_NETWORK = (
    "--network=text_cnn",
    "--embedding_width=4",
    "--filters=3",
    "--text_length=5",
)


class TextTest(ScriptTestCase):
    def write(self, extra=""):
        """Twenty classes of five texts, their first word telling the class."""
        rows = [
            f"word{c} and {i}{extra},c{c}" for c in range(20) for i in "abcde"
        ]
        path = self.folder / "texts.csv"
        path.write_text("\n".join(["text,label", *rows]))
        return f"--dataset=text:{path}"

    @pytest.mark.slow
    def test_within_superclasses(self):
        rows = [
            f"word{c} and {i},{c % 4}/c{c}" for c in range(60) for i in "abc"
        ]
        path = self.folder / "texts.csv"
        path.write_text("\n".join(["text,label", *rows]))
        workdir = self.folder / "run"
        self.assertSucceeds(
            run(
                *("train", *FEW, *TEXT_NETWORK, f"--workdir={workdir}"),
                *(f"--dataset=text:{path}", "--classes_within=either"),
                "--way=2",
            )
        )
        evaluate = ("evaluate", f"--workdir={workdir}", "--num_tasks=30")
        self.assertNotIn("superclass", self.assertSucceeds(run(*evaluate)))
        printed = self.assertSucceeds(
            run(*evaluate, "--classes_within=superclass")
        )
        self.assertRegex(printed, r"Mean over \d superclasses")
        written = json.loads((workdir / "evaluation_test.json").read_text())
        within = written["within"]["superclasses"]
        self.assertEqual(sum(w["tasks"] for w in within.values()), 30)
        # The mean over tasks, from the rows of the superclasses.
        self.assertAlmostEqual(
            sum(w["tasks"] * w["mean"] for w in within.values()) / 30,
            written["steps"][-1]["accuracy"],
            places=6,
        )
        self.assertRefuses(
            run(*evaluate, "--classes_within=superclass", "--way=20"),
            "way: 20 .*at most",
        )

    @pytest.mark.slow
    def test_train_evaluate_and_refuse_another_vocabulary(self):
        dataset, workdir = self.write(), self.folder / "run"
        train = ("train", *FEW, *TEXT_NETWORK, f"--workdir={workdir}")
        self.assertSucceeds(run(*train, dataset))
        preparation = keras.saving.load_model(workdir / "preparation.keras")
        ids = preparation(np.array(["and 9, UNSEEN!"], object))
        # "and" is in every training text; the others are unknown.
        self.assertEqual(ids.numpy().tolist(), [[2, 1, 1, 0, 0]])

        evaluate = ("evaluate", f"--workdir={workdir}", "--num_tasks=3")
        self.assertIn("3-way 1-shot", self.assertSucceeds(run(*evaluate)))

        self.write(extra=" more")
        for command in ((*train, dataset, "--iterations=6"), evaluate):
            self.assertRefuses(run(*command), "dataset: text:.*has changed")
        self.write()
        self.assertSucceeds(run(*train, dataset, "--iterations=6"))

    @pytest.mark.slow
    def test_pretrained_on_all_classes_then_fine_tuned(self):
        dataset, workdir = self.write(), self.folder / "run"
        self.assertSucceeds(
            run(
                "train",
                *FEW,
                *TEXT_NETWORK,
                dataset,
                "--algorithm=pretrain",
                "--test_inner_steps=2",
                f"--workdir={workdir}",
            )
        )
        self.assertSucceeds(
            run("evaluate", f"--workdir={workdir}", "--num_tasks=3", "--way=4")
        )
        result = json.loads((workdir / "evaluation_test.json").read_text())
        # A head of zeros: all four logits are equal, the loss log 4.
        self.assertAlmostEqual(
            result["steps"][0]["loss"], np.log(4.0), places=5
        )
        self.assertNotAlmostEqual(
            result["steps"][2]["loss"], np.log(4.0), places=7
        )

    def test_networks_that_do_not_fit(self):
        workdir = f"--workdir={self.folder / 'run'}"
        self.assertRefuses(
            run("train", self.write(), "--network=conv4", workdir),
            "network: conv4.*dataset=text:.*give text_cnn or text_transformer",
        )
        self.assertRefuses(
            run("train", "--dataset=sinusoid", *TEXT_NETWORK, workdir),
            "network: text_cnn.*dataset=sinusoid.*no texts|text_length",
        )


@pytest.mark.slow
class FolderTest(ScriptTestCase):
    def test_train_on_a_folder_of_pictures_streamed_and_augmented(self):
        for c in range(15):
            for i in range(4):
                write_png(
                    self.folder / "pictures" / f"class{c}" / f"{i}.png",
                    noise(100 * c + i),
                )
        (self.folder / "pictures" / "class0" / "x.jpg").write_text("no picture")
        workdir = self.folder / "run"
        train = (
            "train",
            *FEW,
            "--way=2",
            f"--dataset=folder:{self.folder / 'pictures'}",
            f"--cache_dir={self.folder / 'cache'}",
            f"--workdir={workdir}",
            "--network=conv4",
            "--filters=3",
            "--in_memory=false",
            "--augment=crop,flip,jitter",
        )
        refused = run(*train, "--jit_compile=true")
        self.assertRefuses(refused, "jit_compile")
        # Said when it is found, and not again.
        note = r"(?m)^note: .*1 of the files cannot be read.*x\.jpg"
        self.assertRegex(refused[2], note)
        trained = run(*train)
        self.assertSucceeds(trained)
        self.assertNotIn("x.jpg", trained[2])
        self.assertNotIn("UserWarning", refused[2] + trained[2])
        self.assertSucceeds(
            run("evaluate", f"--workdir={workdir}", "--num_tasks=3")
        )
        (cached,) = (self.folder / "cache").iterdir()
        self.assertTrue(cached.is_dir())


if __name__ == "__main__":
    absltest.main()
