import json
import pathlib
import subprocess
import sys

from absl.testing import absltest, parameterized

COMPARED = (
    "loop",
    "clipped",
    "accumulated",
    "compiled",
    "learned_rates",
    "reptile",
    "prototypes",
    "discrete",
    "ppo",
    "trpo",
)


class ReplicasTest(parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        process = subprocess.run(
            [sys.executable, "-m", "tests.helpers.replicas"],
            capture_output=True,
            text=True,
            timeout=500,
            cwd=pathlib.Path(__file__).parents[2],
        )
        if process.returncode:
            raise AssertionError(process.stderr[-3000:])
        cls.results = json.loads(process.stdout)

    @parameterized.parameters(*COMPARED)
    def test_three_replicas_train_as_one_device(self, name):
        """Four iterations of five tasks, so that shares are not equal."""
        self.assertLess(self.results[name]["difference"], 2e-6)

    @parameterized.parameters(*COMPARED)
    def test_all_copies_are_the_same_to_the_last_bit(self, name):
        self.assertGreater(self.results[name]["copies"], 0)
        self.assertFalse(self.results[name]["copies_differ"])

    @parameterized.parameters(
        ("few_tasks", "tasks: 2 was given; there are 3 replicas"),
        ("generator", "episodes: a generator or data set was given; each of 3"),
        ("outside", "model: it was made outside of the scope"),
        ("built", "optimizer: 'Adam' was given; it was built outside"),
    )
    def test_a_sentence_refuses(self, name, sentence):
        self.assertStartsWith(self.results["sentences"][name], sentence)

    def test_a_whole_program_may_stand_in_the_scope(self):
        mirrored, one_device = self.results["inside"]
        self.assertLess(mirrored, 1e-5)
        self.assertEqual(one_device, 0.0)

    def test_a_learner_is_trained_and_validated_as_ever(self):
        iteration, score = self.results["meta_train"]
        self.assertEqual(iteration, 4)
        self.assertBetween(score, 0.0, 1.0)


if __name__ == "__main__":
    absltest.main()
