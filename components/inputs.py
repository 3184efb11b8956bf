"""Inputs of components: declared once, with type, bounds, default and description.

A component's inputs are a TypedDict. The rules of a field stand in its type and its description
in the docstring below it:

    class QueueArgs(TypedDict):
        max_receive_count: NotRequired[Annotated[int, Whole(1, 1000, default=3)]]
        \"\"\"Receives after which a message goes to the dead-letter queue.\"\"\"

    @contradictions(QueueArgs)
    def _too_short(args: QueueArgs) -> Iterator[Problem]: ...

`checked` fills in the defaults and refuses whatever does not fit with one error that has a line
for each mistake, named by the path of its field. Names that a message quotes, as `{=batch_size}`,
are spelt as the user spells them: in snake_case in Python, in camelCase everywhere else.
"""

import difflib
import re
import reprlib
import typing
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Annotated, Any, NotRequired, Required, TypeVar, Union, cast

import pulumi

T = TypeVar("T")

Spelling = Callable[[str], str]
Path = tuple[str | int, ...]

_SHORT = reprlib.Repr()
_SHORT.maxstring = 100
_SHORT.maxlist = _SHORT.maxdict = 5
_SHORT.maxother = 100

_NO_DEFAULT = object()

# Where the text of a problem quotes a field.
_QUOTE = re.compile(r"[{]=([a-z_.]+)(!?)[}]")


def snake_case(name: str) -> str:
    """A field's name as Python programs write it."""
    return name


def camel_case(name: str) -> str:
    """A field's name as every other language and `pulumi config` write it."""
    head, *tail = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in tail)


class Key(str):
    """A part of a path that is a key of a map, which its user has chosen: it is never respelt."""

    __slots__ = ()


@dataclass(frozen=True)
class Problem:
    """One mistake: where it is, and what was expected there.

    `{=name}` in the text quotes another field of the same inputs, by a path with dots, together
    with its value; `{=name!}` quotes it alone.
    """

    path: Path
    text: str
    quoted: Any = None

    def line(self, spelling: Spelling) -> str:
        """The problem as people read it."""

        def quote(match: re.Match[str]) -> str:
            name = written(match[1].split("."), spelling)
            if match[2]:
                return name
            try:
                return f"{name} ({shown(_at(self.quoted, match[1]))})"
            except (KeyError, TypeError):  # it stands in a value that is wrong
                return match[0]

        return f"{written(self.path, spelling)}: {_QUOTE.sub(quote, self.text)}"

    def concerned(self) -> list[Path]:
        """The paths of all fields that it speaks of, its own first."""
        return [self.path, *(tuple(each[1].split(".")) for each in _QUOTE.finditer(self.text))]


def problem(path: str, text: str) -> Problem:
    """A contradiction at a path with dots; its text as of Problem."""
    return Problem(tuple(path.split(".")), text)


class InputError(pulumi.RunError, ValueError):
    """Inputs that cannot be used; Pulumi shows such an error without a stack trace."""

    def __init__(
        self, subject: str, problems: Iterable[Problem], spelling: Spelling = snake_case
    ) -> None:
        self.subject, self.problems = subject, list(problems)
        lines = [f"  {problem.line(spelling)}" for problem in self.problems]
        super().__init__("\n".join([f"{subject} cannot be made of these inputs:", *lines]))

    def respelt(self, spelling: Spelling) -> "InputError":
        """The same error for a user who writes the fields' names in another way."""
        return InputError(self.subject, self.problems, spelling)


def written(path: Iterable[str | int], spelling: Spelling) -> str:
    """A path as `vpc.subnetIds[1]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if isinstance(part, Key) else spelling(part))
    return text


# Rules. `expected` completes the sentence `expected ..., not 5`.


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a value has to be beyond its type, and what it is when nobody says."""

    default: Any = _NO_DEFAULT

    @property
    def expected(self) -> str:
        """What a value has to be; empty when any of the type will do."""
        return ""

    def accepts(self, value: Any) -> bool:
        """Whether a value of the right type is one of those."""
        return True


Default = Rule
"""A default and nothing else: `Annotated[bool, Default(default=True)]`."""


@dataclass(frozen=True)
class Whole(Rule):
    """A whole number between two bounds, both included."""

    lowest: int
    highest: int

    @property
    def expected(self) -> str:
        return f"a whole number from {self.lowest} to {self.highest}"

    def accepts(self, value: Any) -> bool:
        return self.lowest <= cast(int, value) <= self.highest


@dataclass(frozen=True)
class ZeroOr(Whole):
    """0, which stands for none, or a whole number between two bounds."""

    @property
    def expected(self) -> str:
        return f"0 (none) or {super().expected}"

    def accepts(self, value: Any) -> bool:
        return value == 0 or super().accepts(value)


@dataclass(frozen=True)
class Above(Rule):
    """A number greater than a bound and not beyond another."""

    bound: float
    highest: float | None = None

    @property
    def expected(self) -> str:
        most = "" if self.highest is None else f" and at most {self.highest}"
        return f"a number greater than {self.bound}{most}"

    def accepts(self, value: Any) -> bool:
        return bool(value > self.bound and (self.highest is None or value <= self.highest))


@dataclass(frozen=True)
class Text(Rule):
    """A text that matches a pattern as a whole; `words` say which one."""

    pattern: str
    words: str

    @property
    def expected(self) -> str:
        return self.words

    def accepts(self, value: Any) -> bool:
        return re.fullmatch(self.pattern, value) is not None


@dataclass(frozen=True)
class OneOf(Rule):
    """One of a few values; `words` introduce them."""

    values: tuple[Any, ...]
    words: str = "one of"

    @property
    def expected(self) -> str:
        return f"{self.words} {', '.join(map(str, self.values))}"

    def accepts(self, value: Any) -> bool:
        return value in self.values


@dataclass(frozen=True)
class Items(Rule):
    """A list of at least so many items, of which no two are the same if they have to differ."""

    least: int = 0
    different: bool = False

    @property
    def expected(self) -> str:
        entries = "entry" if self.least == 1 else "entries"
        return f"a list with at least {self.least} {entries}" if self.least else "a list"

    def accepts(self, value: Any) -> bool:
        return len(value) >= self.least


# Declarations


@dataclass(frozen=True)
class Declaration:
    """One declared field, read from a TypedDict."""

    name: str
    kind: Any
    """Its type without NotRequired, Annotated and Input."""
    rules: tuple[Rule, ...]
    required: bool
    takes_outputs: bool

    @property
    def default(self) -> Any:
        """The default, or None where there is none."""
        for rule in self.rules:
            if rule.default is not _NO_DEFAULT:
                return rule.default
        if typing.is_typeddict(self.kind) and not self.kind.__required_keys__:
            return {}
        return None

    @property
    def expected(self) -> str:
        """What a value has to be, in words."""
        words = [rule.expected for rule in self.rules if rule.expected]
        return words[0] if words else _NAMES_OF_KINDS.get(_origin(self.kind), "a map")


_NAMES_OF_KINDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    list: "a list",
    dict: "a map",
    pulumi.Archive: "an archive",
}


def declarations(kind: type) -> dict[str, Declaration]:
    """The declared fields of a TypedDict by name, inherited ones first."""
    optional = kind.__optional_keys__  # type: ignore[attr-defined]
    found = {}
    for name, annotation in kind.__annotations__.items():
        found[name] = replace(declaration_of(annotation, name), required=name not in optional)
    return found


def default(kind: type, name: str) -> Any:
    """The default of one field."""
    return declarations(kind)[name].default


def part(kind: type[T], *given: Mapping[str, Any]) -> T:
    """Those of the given inputs that another component declares too, to be handed on to it."""
    return cast(
        T, {name: each[name] for each in given for name in kind.__annotations__ if name in each}
    )


def declaration_of(annotation: Any, name: str = "") -> Declaration:
    """What an annotation declares."""
    rules: tuple[Rule, ...] = ()
    while typing.get_origin(annotation) in (NotRequired, Required, Annotated):
        if typing.get_origin(annotation) is Annotated:
            rules += tuple(each for each in annotation.__metadata__ if isinstance(each, Rule))
            annotation = annotation.__origin__
        else:
            (annotation,) = typing.get_args(annotation)
    plain = _without_output(annotation)
    takes_outputs = plain is not annotation
    if typing.get_origin(plain) is dict:
        # From other languages a map with a secret in it arrives as one secret.
        takes_outputs = declaration_of(typing.get_args(plain)[1]).takes_outputs
    return Declaration(name, plain, rules, True, takes_outputs)


def _without_output(annotation: Any) -> Any:
    """The plain type of `pulumi.Input[...]`; any other type is returned as it is."""
    if typing.get_origin(annotation) is Union:
        members = typing.get_args(annotation)
        if any(typing.get_origin(member) is Awaitable for member in members):
            return members[0]
    return annotation


def _origin(kind: Any) -> Any:
    return typing.get_origin(kind) or kind


# Contradictions between fields that are each right on their own

_CONTRADICTIONS: dict[type, list[Callable[[Any], Iterator[Problem]]]] = {}

Check = TypeVar("Check", bound=Callable[[Any], Iterator[Problem]])


def contradictions(kind: type) -> Callable[[Check], Check]:
    """Declare a check of a TypedDict whose fields are right one by one, with all defaults."""

    def declare(check: Check) -> Check:
        _CONTRADICTIONS.setdefault(kind, []).append(check)
        return check

    return declare


# Checks

# Stands for a value that is wrong and has no default that could take its place.
_UNUSABLE: Any = object()


def checked(kind: type[T], given: T, subject: str) -> T:
    """The inputs with their defaults; raises InputError with everything that is wrong."""
    values, problems = check(kind, cast(Mapping[str, Any], given))
    if problems:
        raise InputError(subject, problems)
    return cast(T, values)


def check(kind: type, given: Mapping[str, Any]) -> tuple[dict[str, Any] | None, list[Problem]]:
    """The inputs with their defaults, and what is wrong with them.

    What is wrong is replaced by its default; the inputs are None where that is not possible.
    """
    problems: list[Problem] = []
    values = _fields(kind, given, (), problems)
    return (None if values is _UNUSABLE else values), problems


def unheard(found: Iterable[Problem], values: Any, problems: Sequence[Problem]) -> list[Problem]:
    """Those contradictions that concern no field which is known to be wrong already."""
    wrong = [problem.path for problem in problems]
    return [
        replace(each, quoted=values)
        for each in found
        if not any(_overlap(path, other) for path in each.concerned() for other in wrong)
    ]


def _overlap(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _fields(kind: type, given: Mapping[str, Any], path: Path, problems: list[Problem]) -> Any:
    declared = declarations(kind)
    before = len(problems)
    problems.extend(
        Problem((*path, Key(name)), _unknown(name, declared))
        for name in given
        if name not in declared
    )
    values: dict[str, Any] = {}
    usable = True
    for name, declaration in declared.items():
        value, preset = given.get(name), declaration.default
        if value is None and declaration.required:
            text = f"expected {declaration.expected}, but it is missing"
            problems.append(Problem((*path, name), text))
            value = _UNUSABLE
        elif value is not None:
            value = _value(declaration, value, (*path, name), problems)
        if value in (None, _UNUSABLE) and preset is not None:
            value = _value(declaration, preset, (*path, name), problems)
        if value is _UNUSABLE:
            usable = usable and not declaration.required
        elif value is not None:
            values[name] = value
    if not usable:
        return _UNUSABLE
    here = [replace(each, path=each.path[len(path) :]) for each in problems[before:]]
    for found in unheard(_contradicting(kind, values), values, here):
        problems.append(replace(found, path=(*path, *found.path)))
    return values


def _contradicting(kind: type, values: Mapping[str, Any]) -> Iterator[Problem]:
    for declared_for, checks in _CONTRADICTIONS.items():
        # A TypedDict does not know which others it inherits from, but it has all of their fields.
        if declared_for.__annotations__.items() <= kind.__annotations__.items():
            for each in checks:
                yield from each(values)


def _unknown(name: str, declared: Mapping[str, Declaration]) -> str:
    meant = _meant(name, declared)
    if meant:
        return f"expected no such key; did you mean {{={meant}!}}?"
    return f"expected no such key; there are {', '.join(f'{{={each}!}}' for each in declared)}"


def _meant(name: str, declared: Mapping[str, Declaration]) -> str | None:
    """The path, with dots, of the field, or of a field inside of one, that was probably meant."""
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    candidates: dict[str, str] = {}
    for path in _paths(declared):
        whole = path.replace("_", "").replace(".", "")
        candidates.setdefault(whole, path)
        candidates.setdefault(path.rpartition(".")[2].replace("_", ""), path)
    close = difflib.get_close_matches(letters, candidates, 1)
    return candidates[close[0]] if close else None


def _paths(declared: Mapping[str, Declaration]) -> Iterator[str]:
    yield from declared
    for name, declaration in declared.items():
        if typing.is_typeddict(declaration.kind):
            yield from (f"{name}.{inner}" for inner in _paths(declarations(declaration.kind)))


def _value(declaration: Declaration, value: Any, path: Path, problems: list[Problem]) -> Any:
    if isinstance(value, pulumi.Output | Awaitable):
        if declaration.takes_outputs:
            return value
        text = f"expected {declaration.expected}, known when the program runs, not an Output"
        problems.append(Problem(path, text))
        return _UNUSABLE
    if typing.is_typeddict(declaration.kind) and isinstance(value, Mapping):
        return _fields(declaration.kind, value, path, problems)
    try:
        read: Any = _READERS.get(_origin(declaration.kind), _instance)
        found = read(declaration, value, path, problems)
        if found is _UNUSABLE or all(rule.accepts(found) for rule in declaration.rules):
            return found
    except ValueError:
        pass
    problems.append(Problem(path, f"expected {declaration.expected}, not {shown(value)}"))
    return _UNUSABLE


def _instance(declaration: Declaration, value: Any, *_: Any) -> Any:
    kind = declaration.kind
    if kind is not Any and (typing.is_typeddict(kind) or not isinstance(value, kind)):
        raise ValueError
    return value


def _number(_: Declaration, value: Any, *__: Any) -> float:
    """From other languages every number arrives as a float."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError
    return int(value) if value == int(value) else value


def _whole(declaration: Declaration, value: Any, *_: Any) -> int:
    number = _number(declaration, value)
    if not isinstance(number, int):
        raise ValueError
    return number


def _list(declaration: Declaration, value: Any, path: Path, problems: list[Problem]) -> list[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise ValueError
    (item,) = typing.get_args(declaration.kind)
    entry = declaration_of(item)
    values = [_value(entry, each, (*path, index), problems) for index, each in enumerate(value)]
    if any(isinstance(rule, Items) and rule.different for rule in declaration.rules):
        for index, each in enumerate(values):
            if each is not _UNUSABLE and _folded(each) in map(_folded, values[:index]):
                text = f"expected each only once, not {shown(each)} again"
                problems.append(Problem((*path, index), text))
    return _UNUSABLE if any(each is _UNUSABLE for each in values) else values


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _map(
    declaration: Declaration, value: Any, path: Path, problems: list[Problem]
) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError
    of_keys, of_values = (declaration_of(kind) for kind in typing.get_args(declaration.kind))
    values = {}
    for key, each in value.items():
        where = (*path, Key(key))
        if _value(of_keys, key, where, problems) is not _UNUSABLE:
            values[key] = _value(of_values, each, where, problems)
    return _UNUSABLE if any(each is _UNUSABLE for each in values.values()) else values


_READERS: dict[Any, Callable[..., Any]] = {
    int: _whole,
    float: _number,
    list: _list,
    dict: _map,
}


def _at(values: Any, path: str) -> Any:
    for name in path.split("."):
        values = values[name]
    return values


def shown(value: Any) -> str:
    """A value as a message quotes it: short, and with nothing that a terminal would obey."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _SHORT.repr(value)
