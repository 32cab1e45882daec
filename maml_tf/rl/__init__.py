"""Reinforcement learning: policies that adapt to a task by acting in it.

(Finn et al. 2017, algorithm 3.) The inner loop, the algorithms and the training
loop are those of supervised learning; data are rollouts, drawn again before
each gradient step. Example:

```python
environment = rl.environments.create("navigation_2d")
policy = rl.gaussian_mlp(
    environment.observation_size, environment.action_size, seed=0
)
maml = maml_tf.algorithms.MAML(
    policy, rl.losses.reinforce, inner_learning_rate=0.5
)
step = rl.PolicyOuterStep(
    maml, environment, rl.TRPO(), rl.Sampling(rollouts=20), tasks=40
)
maml_tf.meta_train(step, 200, "results/navigation", metric_name="return")
```
"""

from maml_tf.rl import environments, losses
from maml_tf.rl.meta_test import PolicyMetaTest
from maml_tf.rl.outer_step import PolicyOuterStep
from maml_tf.rl.policy import Policy, categorical_mlp, gaussian_mlp
from maml_tf.rl.ppo import PPO
from maml_tf.rl.sampling import Sampling
from maml_tf.rl.trajectories import PolicyTargets, Trajectories
from maml_tf.rl.trpo import TRPO

__all__ = [
    "PPO",
    "TRPO",
    "Policy",
    "PolicyMetaTest",
    "PolicyOuterStep",
    "PolicyTargets",
    "Sampling",
    "Trajectories",
    "categorical_mlp",
    "environments",
    "gaussian_mlp",
    "losses",
]
