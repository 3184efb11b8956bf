"""A function is told all that it needs and nothing else: without any of it, it says what."""

import importlib

import pytest

from functions import contract
from tests.functions.support import LAMBDA, VARIABLES, Functions, told

TOLD = told()

# Whose absence says something, too: no sign-in, no limits of callers, the currency by default.
OPTIONAL = {
    contract.SIGN_IN_VARIABLE,
    contract.LIMITS_TABLE_VARIABLE,
    contract.CURRENCY_VARIABLE,
}
NEEDED = [
    (function, name)
    for function, variables in TOLD.items()
    for name in variables
    if name not in OPTIONAL
]


# Where 0 stands for no limit, or for no time.
MAY_BE_ZERO = {contract.HISTORY_DAYS_VARIABLE, contract.WATCHED_SECONDS_VARIABLE}

FRACTIONS = {contract.LARGEST_ERROR_PERCENT_VARIABLE}


def expected(name: str) -> str:
    """What a variable has to be."""
    if name in FRACTIONS:
        return "a number above 0"
    return f"a whole number of at least {0 if name in MAY_BE_ZERO else 1}"


@pytest.mark.parametrize("function", TOLD)
def test_a_function_starts_with_what_the_program_tells_it_and_no_more(
    functions: Functions, variables: pytest.MonkeyPatch, function: str
) -> None:
    for name in VARIABLES.keys() - LAMBDA.keys() - TOLD[function].keys():
        variables.delenv(name)
    functions.module(function)


@pytest.fixture
def told_all(variables: pytest.MonkeyPatch, function: str) -> pytest.MonkeyPatch:
    """The environment of a function that is told whatever it can be."""
    for name, value in TOLD[function].items():
        variables.setenv(name, value)
    return variables


@pytest.mark.parametrize(("function", "name"), NEEDED)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable_is_named(
    told_all: pytest.MonkeyPatch, function: str, name: str, value: str | None
) -> None:
    if value is None:
        told_all.delenv(name)
    else:
        told_all.setenv(name, value)
    with pytest.raises(RuntimeError, match=f"environment variable {name} is not set"):
        importlib.import_module(f"functions.{function}")


@pytest.mark.parametrize(
    ("function", "name"),
    [(function, name) for function, name in NEEDED if TOLD[function][name].isdigit()],
)
@pytest.mark.parametrize("value", ["-1", "1.5.", "many", "٣", " 1"])
def test_a_variable_that_is_no_number_is_named(
    told_all: pytest.MonkeyPatch, function: str, name: str, value: str
) -> None:
    told_all.setenv(name, value)
    with pytest.raises(RuntimeError, match=f"{name} must be {expected(name)}"):
        importlib.import_module(f"functions.{function}")


@pytest.mark.parametrize(
    ("function", "name"),
    [(f, name) for f, name in NEEDED if TOLD[f][name].isdigit() and name not in FRACTIONS],
)
def test_a_fraction_is_refused_where_it_would_be_cut_off(
    told_all: pytest.MonkeyPatch, function: str, name: str
) -> None:
    told_all.setenv(name, "1.5")
    with pytest.raises(RuntimeError, match=f"{name} must be {expected(name)}"):
        importlib.import_module(f"functions.{function}")


@pytest.mark.parametrize(
    ("function", "name"),
    [(f, name) for f, name in NEEDED if TOLD[f][name].isdigit() and name not in MAY_BE_ZERO],
)
def test_zero_is_refused_where_it_would_stand_for_nothing(
    told_all: pytest.MonkeyPatch, function: str, name: str
) -> None:
    told_all.setenv(name, "0")
    with pytest.raises(RuntimeError, match=f"{name} must be {expected(name)}, not '0'"):
        importlib.import_module(f"functions.{function}")
