import json
import os
from unittest import mock

from absl.testing import absltest, parameterized

from maml_tf import InputError
from maml_tf.commands.experiments import cluster


def configuration(jobs, task):
    return {"TF_CONFIG": json.dumps({"cluster": jobs, "task": task})}


def worker(index, kind="worker"):
    return {"type": kind, "index": index}


SLURM = {
    "SLURM_PROCID": "3",
    "SLURM_NTASKS": "5",
    "SLURM_STEP_NUM_TASKS": "5",
    "SLURM_STEP_NODELIST": "node[2-3],big",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
    "SLURM_JOB_ID": "120007",
}


def from_environment(variables):
    with mock.patch.dict(os.environ, variables, clear=True):
        return cluster.from_environment()


class ClusterTest(parameterized.TestCase):
    def test_workers_are_numbered_after_the_chief(self):
        jobs = {"worker": ["b:2", "c:3"], "chief": ["a:1"]}
        for task, index in (
            (worker(0, "chief"), 0),
            (worker(0), 1),
            (worker(1), 2),
        ):
            found = from_environment(configuration(jobs, task))
            self.assertEqual(found.addresses, ["a:1", "b:2", "c:3"])
            self.assertEqual(found.index, index)

    def test_slurm_gives_each_task_a_port_of_its_node(self):
        found = from_environment(SLURM)
        # The order is that of TensorFlow's resolver: hosts sorted by name.
        self.assertEqual(
            found.addresses,
            [
                "big:20007",
                "node2:20007",
                "node2:20008",
                "node3:20007",
                "node3:20008",
            ],
        )
        self.assertEqual(found.index, 3)

    @parameterized.parameters(
        {},
        {"TF_CONFIG": " "},
        {**SLURM, "SLURM_STEP_NUM_TASKS": "1"},
    )
    def test_one_process_has_no_cluster(self, **environment):
        self.assertIsNone(from_environment(environment))

    @parameterized.parameters(
        ("{bad", "'{bad' is not JSON"),
        ("[1]", "'[1]' does not have a cluster and a task"),
        ('{"cluster": {"worker": ["a:1"]}}', "does not have a cluster and a"),
    )
    def test_text_that_is_no_cluster_is_refused(self, text, sentence):
        with self.assertRaisesRegex(InputError, "^TF_CONFIG: ") as raised:
            from_environment({"TF_CONFIG": text})
        self.assertIn(sentence, str(raised.exception))

    @parameterized.parameters(
        ({"worker": ["a:1", "b:1"]}, worker(2), "from 0 to 1"),
        ({"worker": ["a:1", "b:1"]}, worker(-1), "from 0 to 1"),
        ({"worker": ["a:1"]}, worker("0"), "has the index '0'"),
        ({"worker": ["a:1"]}, worker(True), "has the index True"),
        ({"worker": ["a", "b"]}, worker(0), "are not addresses"),
        ({"worker": "a:1"}, worker(0), "are not addresses"),
        ({"ps": ["a:1"]}, worker(0, "ps"), "the jobs must be worker"),
        ({"worker": ["a:1"]}, worker(0, "chief"), "of type 'chief'"),
    )
    def test_a_sentence_names_the_mistake(self, jobs, task, part):
        with self.assertRaisesRegex(InputError, "^TF_CONFIG: ") as raised:
            from_environment(configuration(jobs, task))
        self.assertIn(part, str(raised.exception))

    def test_variables_of_slurm_that_do_not_fit_are_refused(self):
        broken = {**SLURM, "SLURM_STEP_TASKS_PER_NODE": "9"}
        with self.assertRaisesRegex(InputError, "^SLURM_PROCID: "):
            from_environment(broken)


if __name__ == "__main__":
    absltest.main()
