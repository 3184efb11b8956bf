"""A signal ends the process wherever it meets it: also where Python drops exceptions."""

from __future__ import annotations

import subprocess
import sys

import pytest

PLACES = {
    "a finalizer": "class Place:\n    def __del__(self):\n        {}\nPlace()",
    "a weak reference's callback": (
        "import weakref\nclass Place: pass\nplace = Place()\n"
        "reference = weakref.ref(place, lambda _: {})\ndel place"
    ),
    "a library that goes on after every error": "try:\n    {}\nexcept Exception:\n    pass",
    "a library that goes on after whatever is raised": "try:\n    {}\nexcept:\n    pass",
    "C code that tells of another error": (
        "class Place:\n    def __set_name__(self, *_):\n        {}\n"
        "class Owner:\n    place = Place()"
    ),
}
PROGRAM = """
import os, signal, time
from local import stopping
stopping.listen()
stopping.restart_at(8080)
try:
{place}
    time.sleep(60)
except BaseException:
    print(type(stopping.ended()).__name__, end="")
    time.sleep(0.1)
"""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("number", "raised"),
    [("SIGTERM", "StopError"), ("SIGINT", "StopError"), ("SIGUSR1", "RestartError")],
)
def test_a_signal_is_not_lost_in(place: str, number: str, raised: str) -> None:
    lines = PLACES[place].format(f"os.kill(os.getpid(), signal.{number})").splitlines()
    program = PROGRAM.format(place="\n".join(f"    {line}" for line in lines))
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert (ended.stdout, ended.stderr) == (raised, "")
