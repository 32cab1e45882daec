"""Ranges of the numbers that flags take.

Numbers that multiply memory or time have an upper bound. It is far above what
is of use, and keeps a slip of the keyboard from running without an end.
"""

import math

from absl import flags

from maml_tf.errors import InputError, refusal

# No flag takes a whole number of a larger magnitude, unless it is below.
_LARGEST = 2**31 - 1

# The largest values by flag; a list's are those of each element.
LARGEST = {
    # Seeds multiply nothing.
    "seed": 2**63 - 1,
    "split_seed": 2**32 - 1,
    # Tasks and their examples.
    "way": 10_000,
    "shot": 10_000,
    "query": 10_000,
    "train_shot": 10_000,
    "train_way": 10_000,
    "tasks": 10_000,
    "num_tasks": 1_000_000,
    "numberings": 10_000,
    "validation_tasks": 1_000_000,
    "ensemble": 1_000,
    "classes": 1_000,
    "max_classes": 10_000,
    "window": 100_000,
    "horizon": 100_000,
    "image_size": 4_096,
    # Limits of a server.
    "max_body": 1_024,
    "max_examples": 100_000,
    "max_pixels": 100_000_000,
    "max_steps": 100_000,
    "max_requests": 100_000,
    "max_users": 100_000_000,
    "max_users_size": 100_000_000,
    "port": 65_535,
    "threads": 1_024,
    "rotations": 360,
    "text_length": 10_000,
    "vocabulary_size": 10_000_000,
    "households": 2_000,
    "rollouts": 10_000,
    "arms": 10_000,
    "states": 1_000,
    "actions": 1_000,
    "goals": 100,
    "paths": 1_000,
    # Networks.
    "widths": 100_000,
    "filters": 10_000,
    "kernel_sizes": 1_000,
    "embedding_width": 10_000,
    "heads": 1_000,
    "token_width": 10_000,
    "attention_blocks": 100,
    "units": 10_000,
    "context": 10_000,
    # Steps.
    "inner_steps": 10_000,
    "test_inner_steps": 10_000,
    "steps": 100_000,
    "inner_batch_size": 1_000_000,
    "gradient_accumulation_steps": 1_000_000,
    "iterations": 100_000_000,
    "glyph_iterations": 100_000_000,
    "iterations_per_call": 1_000_000,
    "multi_step_iterations": 100_000_000,
    "first_order_iterations": 100_000_000,
    "warmup_iterations": 100_000_000,
    "early_stopping": 100_000_000,
    "conjugate_gradient_steps": 1_000,
    "line_search_steps": 1_000,
    "ppo_epochs": 10_000,
    # The machine.
    "intra_op_threads": 1_024,
    "inter_op_threads": 1_024,
    "workers": 1_024,
    "worker_timeout": 1_000_000,
}


def check(flag_values: flags.FlagValues) -> None:
    """Refuses numbers beyond their range.

    The lower bounds are checked by those who take the values.

    Args:
        flag_values: The parsed flags.

    Raises:
        InputError: A whole number is too large, a number is NaN or infinite,
            or no folder is listed; it names the first.
    """
    for name in flag_values:
        flag = flag_values[name]
        if name == "workdir" and flag.value == []:
            raise InputError(f"{name}: it is empty; give one folder or more.")
        largest = LARGEST.get(name, _LARGEST)
        for number in _numbers(flag, name in LARGEST):
            if isinstance(number, float):
                if not math.isfinite(number):
                    raise refusal(name, number, "it must be a finite number")
            elif abs(number) > largest:
                bound = "or less" if number > 0 else "or less in magnitude"
                raise refusal(name, number, f"it must be {largest:,} {bound}")


def _numbers(flag, is_number):
    """Returns the numbers that a flag holds."""
    values = flag.value if isinstance(flag.value, list) else [flag.value]
    numbers = [v for v in values if isinstance(v, int | float)]
    if is_number:
        # A list's elements are texts; others than numbers are refused later.
        numbers += [
            int(v)
            for v in values
            if isinstance(v, str) and v.strip("+-").isdecimal()
        ]
    return numbers
