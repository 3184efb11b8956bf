"""Names that a stack keeps from its first deployment on, because another one would lose data."""

import pulumi


def kept_name(
    name: str, value: str, of_what: str, opts: pulumi.ResourceOptions
) -> pulumi.Output[pulumi.Resource]:
    """The keeper of part of a physical name, for what is named so to depend on.

    A deployment with another value than the first one's fails before any of that is touched, its
    preview too, and says what to do if it is meant. As with `kept_secret`, the keeper is a Stash:
    it goes on giving out the value it was made with until it is replaced.
    """
    kept = pulumi.Stash(name, input=value, opts=opts)

    def check(known: list[str | None]) -> pulumi.Resource:
        urn, first = known
        if first in (value, None):  # None: somebody's mocks, which know nothing of a Stash
            return kept
        raise pulumi.RunError(
            f"nameSuffix: expected {first!r} as in the first deployment, not {value!r}: another "
            f"one replaces {of_what}, without their data. If that is meant, say "
            f"`pulumi up --replace '{urn}'`"
        )

    return pulumi.Output.all(kept.urn, kept.output).apply(check)
