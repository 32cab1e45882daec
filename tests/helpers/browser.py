"""A browser without a window, for tests of pages."""

import json
import os
import shutil

import pytest

# Debian's names first.
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_DRIVERS = ("chromedriver", "chromium.chromedriver")


def _first(names):
    return next(filter(None, map(shutil.which, names)), None)


def require():
    """Skips the tests that call it where there is no browser to drive."""
    pytest.importorskip(
        "selenium", reason='selenium is missing: pip install "maml_tf[test]"'
    )
    if not (_first(_BROWSERS) and _first(_DRIVERS)):
        pytest.skip(
            "there is no browser: apt-get install chromium chromium-driver"
        )


def start():
    """Starts a browser that logs its console and its requests.

    Returns:
        A Selenium driver; the caller quits it.
    """
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = _first(_BROWSERS)
    arguments = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage"]
    if os.geteuid() == 0:
        # Its sandbox refuses root, who runs the tests in containers.
        arguments.append("--no-sandbox")
    for argument in arguments:
        options.add_argument(argument)
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    service = webdriver.ChromeService(_first(_DRIVERS))
    return webdriver.Chrome(options, service)


def resize(driver, width, height, dark=False):
    """Gives the page a size, and a telephone's kind of view if it is narrow.

    Args:
        driver: The driver.
        width: Width of the page in pixels.
        height: Height of the page in pixels.
        dark: Whether the visitor prefers dark pages.
    """
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": width < 500,
        },
    )
    scheme = {
        "name": "prefers-color-scheme",
        "value": "dark" if dark else "light",
    }
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def requested(driver):
    """Returns the addresses that pages asked for since the last call."""
    messages = [
        json.loads(entry["message"])["message"]
        for entry in driver.get_log("performance")
    ]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


def draw(driver, paper, lines, kind="mouse"):
    """Draws with a pointer.

    Args:
        driver: The driver.
        paper: The element to draw on, which shows 105 x 105.
        lines: Lists of points (x, y) on that paper.
        kind: `mouse`, `pen` or `touch`.
    """
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    driver.execute_script(
        "arguments[0].scrollIntoView({block: 'center'})", paper
    )
    box = driver.execute_script(
        "const b = arguments[0].getBoundingClientRect();"
        " return [b.left, b.top, b.width]",
        paper,
    )
    left, top, width = box

    def place(point):
        return [
            round(start + offset * width / 105)
            for start, offset in zip((left, top), point, strict=True)
        ]

    actions = ActionBuilder(
        driver, mouse=PointerInput(kind, f"the {kind}"), duration=0
    )
    pointer = actions.pointer_action
    for first, *others in lines:
        pointer.move_to_location(*place(first))
        pointer.pointer_down()
        for point in others:
            pointer.move_to_location(*place(point))
        pointer.pointer_up()
    actions.perform()
