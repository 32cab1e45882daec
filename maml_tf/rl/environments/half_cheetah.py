"""A simulated half cheetah that learns to run (Finn et al. 2017, section 5.3).

With v the velocity of its torso along the ground over a step, and a the action,
clipped to ±1, rewards are

- direction: d · v − 0.05 |a|², the task d being −1 or 1;
- velocity: −|v − g| − 0.05 |a|², the task g uniform in [0, 2] m/s.

The paper used rllab's model, with observations of 20 numbers and other time
steps. This is HalfCheetah-v5 of Gymnasium and MuJoCo: 17 numbers (joint angles
and velocities, without the position along the ground), 0.05 s a step, and v is
the mean over the step rather than the velocity at its end. Returns can
therefore not be compared number by number. Rollouts never end before the
horizon.
"""

import functools

from maml_tf.rl.environments import walkers

direction = functools.partial(
    walkers.load, "HalfCheetahDirection", "half_cheetah_direction"
)
velocity = functools.partial(
    walkers.load, "HalfCheetahVelocity", "half_cheetah_velocity"
)
