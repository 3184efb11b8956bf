"""Where figures that AWS publishes were read: on its pages, where others quote them, or nowhere."""

from collections.abc import Mapping

_OWN = ("https://aws.amazon.com/", "https://docs.aws.amazon.com/")


def summary(what: str, date: str, read: Mapping[str, str]) -> str:
    """One sentence on figures by their keys; `read` has where each was read, empty for nowhere."""
    own = sum(where.startswith(_OWN) for where in read.values())
    recalled = sorted(key for key, where in read.items() if not where)
    quoted = len(read) - own - len(recalled)
    named = f": {', '.join(recalled)}" if recalled else ""
    return (
        f"{len(read)} {what} are behind this: {own} read on AWS's own pages, {quoted} where others "
        f"quote them ({date}), {len(recalled)} from memory{named}."
    )
