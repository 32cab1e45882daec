"""Synthetic electricity demand of 240 households and shops, hour by hour.

Made, not measured: an example of series to forecast that needs no download.
Eight weeks in late autumn, in kW. All series share the weather and the
calendar. They differ in the hour and the sharpness of their peaks, the effect
of weekends and holidays, the amount and the hours of electric heating, the
frequency of thermostats, and the times when the level shifts; a model adapts to
these.
"""

import numpy as np

from maml_tf.datasets import Dataset
from maml_tf.datasets.building import class_splits, regression_tasks
from maml_tf.datasets.building.labelled_examples import LabelledExamples
from maml_tf.errors import check_seed

HOUSEHOLDS = 240
START = np.datetime64("2023-11-06T00", "s")  # A Monday.
HOURS = 8 * 7 * 24

_HOLIDAYS = ("2023-12-25", "2023-12-26")

# Number of the weather's random stream; those of the households follow.
_WEATHER = 0


def load(
    split_seed: int = 0,
    window: int | None = None,
    horizon: int | None = None,
    scaling: regression_tasks.Scaling | None = None,
) -> Dataset:
    """Makes the series and returns them as a data set of forecasts.

    Args:
        split_seed: As in `class_splits.divide`. Classes are the households.
        window: As in `regression_tasks.from_series`.
        horizon: As in `regression_tasks.from_series`.
        scaling: As in `regression_tasks.from_series`.

    Returns:
        A `Dataset`; see `regression_tasks.from_series`. Its metric is in kW.

    Raises:
        InputError: An argument cannot be used.
    """
    names, _, demand = generate()
    size = np.full(len(names), HOURS)
    labelled = LabelledExamples(
        demand.ravel(), np.cumsum(size) - size, size, names
    )
    return regression_tasks.from_series(
        "demand_series",
        labelled,
        class_splits.by_seed(len(names), split_seed),
        window,
        horizon,
        scaling,
    )


def generate(
    seed: int = 0, households: int = HOUSEHOLDS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Makes the series.

    Args:
        seed: Seed of the weather and the households. A household's series does
            not depend on the number of households. Defaults to 0.
        households: Number of households. Defaults to 240.

    Returns:
        `(names, times, demand)`: `[households]`; the beginning of each hour,
        `datetime64[s]`, `[HOURS]`; and float64 kW with three decimals,
        `[households, HOURS]`.

    Raises:
        InputError: The seed cannot be used.
    """
    check_seed(seed=seed)
    hours = np.arange(HOURS)
    times = START + hours * np.timedelta64(3600, "s")
    temperature = _temperature(_stream(seed, _WEATHER))
    names = np.array([f"household_{i:03d}" for i in range(households)])
    demand = [
        _household(_stream(seed, 1 + i), times, temperature)
        for i in range(households)
    ]
    return names, times, np.round(demand, 3)


def _stream(seed, number):
    """Returns the random stream of the weather or of a household."""
    # RandomState's streams are frozen: a seed names the same series for good.
    return np.random.RandomState([seed, number])


def _temperature(random):
    """Draws degrees Celsius: colder late in the year and before dawn."""
    hours = np.arange(HOURS)
    season = 10.0 - 9.0 * hours / HOURS
    day = 2.5 * np.cos(2 * np.pi * (hours % 24 - 15) / 24)
    return season + day + 3.0 * _autoregressive(random, 0.99)


def _household(random, times, temperature):
    """Draws one series of demand, in kW."""
    shape_of = _home if random.uniform() < 0.8 else _shop
    hours = np.arange(HOURS)
    date = times.astype("datetime64[D]")
    holiday = np.isin(date, np.array(_HOLIDAYS, "datetime64[D]"))
    # 5: Saturday. Holidays are like Sundays.
    weekday = np.where(holiday, 6, hours // 24 % 7)
    shape = shape_of(random, hours % 24, weekday)
    # Each day has a factor of its own.
    days = np.exp(0.15 * random.normal(size=HOURS // 24))
    demand = random.uniform(0.1, 0.4) + shape * np.repeat(days, 24)
    demand += _heating(random, hours % 24, temperature)
    for _ in range(random.poisson(1.0)):  # Someone moves in, a freezer goes.
        demand[random.randint(HOURS) :] *= np.exp(0.15 * random.normal())
    return demand * np.exp(random.uniform(0.35, 0.5) * _cycles(random))


def _home(random, hour, weekday):
    """Draws a home: peaks at morning and evening, later at weekends."""
    morning, evening = random.uniform(5.5, 8.5), random.uniform(17.0, 21.5)
    widths = random.uniform(0.7, 1.8), random.uniform(1.0, 3.0)
    heights = random.uniform(0.2, 0.8), random.uniform(0.4, 1.2)
    by_day, by_day_at_weekends = random.uniform(0.0, 0.6, size=2)
    weekend = weekday >= 5
    later = np.where(weekend, random.uniform(0.5, 3.0), 0.0)
    at_home = np.where(weekend, by_day_at_weekends, by_day)
    return (
        heights[0] * _peak(hour, morning + later, widths[0])
        + heights[1] * _peak(hour, evening, widths[1])
        + at_home * ((hour > 9) & (hour < 17))
    )


def _shop(random, hour, weekday):
    """Draws a shop: fixed hours, a dip at noon, closed on Sundays."""
    opens, closes = random.randint(5, 11), random.randint(16, 23)
    height, dip = random.uniform(0.6, 1.5), random.uniform(0.0, 0.5)
    on_saturdays = random.uniform() < 0.6
    last = np.where(weekday == 5, random.randint(12, 17), closes)
    days = np.where(weekday == 5, on_saturdays, weekday < 5)
    is_open = days & (hour >= opens) & (hour < last)
    return height * is_open * (1.0 - dip * _peak(hour, 13.0, 1.0))


def _heating(random, hour, temperature):
    """Draws electric heating: none, constant, stored at night or on a timer."""
    per_degree = random.uniform(0.01, 0.05)
    first, length = random.randint(24), random.randint(2, 7)
    hours = (
        np.zeros_like(hour),
        np.ones_like(hour),
        (hour >= 22) | (hour < 6),
        (hour - first) % 24 < length,
    )[random.choice(4, p=[0.4, 0.2, 0.2, 0.2])]
    return per_degree * np.maximum(16.0 - temperature, 0.0) * hours


def _peak(hour, at, width):
    """Computes a bump of height 1, on the clock's circle."""
    distance = (hour - at + 12) % 24 - 12
    return np.exp(-0.5 * (distance / width) ** 2)


def _cycles(random):
    """Draws the nearly periodic switching of a boiler and its thermostat."""
    frequency = random.uniform(2 * np.pi / 12.0, 2 * np.pi / 2.2)
    lasting = random.uniform(0.97, 0.995)
    return _autoregressive(
        random, 2 * lasting * np.cos(frequency), -(lasting**2)
    )


def _autoregressive(random, first, second=0.0):
    """Draws autoregressive noise of variance 1 and order 2.

    Args:
        random: Its random stream.
        first: Weight of the noise an hour ago.
        second: Weight of the noise two hours ago. Defaults to 0.

    Returns:
        A float64 array `[HOURS]`.
    """
    lead = 200  # Hours before the series, until the start is forgotten.
    new = random.normal(size=lead + HOURS)
    new *= np.sqrt((1 + second) * ((1 - second) ** 2 - first**2) / (1 - second))
    noise = np.zeros(lead + HOURS)
    for hour in range(2, lead + HOURS):
        noise[hour] = (
            first * noise[hour - 1] + second * noise[hour - 2] + new[hour]
        )
    return noise[lead:]
