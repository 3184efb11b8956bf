"""What a stack keeps from its first deployment on: another value would lose data, or bend it."""

import pulumi


def kept_name(
    name: str, value: str, of_what: str, opts: pulumi.ResourceOptions
) -> pulumi.Output[pulumi.Resource]:
    """The keeper of part of a physical name, for what is named so to depend on."""
    kept = pulumi.Stash(name, input=value, opts=opts)
    harm = f"another one replaces {of_what}, without their data"
    return _checked(kept, value, "nameSuffix", harm).apply(lambda _: kept)


def kept_setting(
    name: str, value: str, setting: str, harm: str, opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """A setting's value, for whoever is told it; `harm` is what another value would do."""
    return _checked(pulumi.Stash(name, input=value, opts=opts), value, setting, harm)


def _checked(kept: pulumi.Stash, value: str, setting: str, harm: str) -> pulumi.Output[str]:
    """The value, if it is that of the first deployment.

    A deployment with another one fails before any of what waits for it is touched, its preview
    too, and says what to do if it is meant. As with `kept_secret`, the keeper is a Stash: it goes
    on giving out the value it was made with until it is replaced.
    """

    def check(known: list[str | None]) -> str:
        urn, first = known
        if first in (value, None):  # None: somebody's mocks, which know nothing of a Stash
            return value
        raise pulumi.RunError(
            f"{setting}: expected {first!r} as in the first deployment, not {value!r}: {harm}. "
            f"If that is meant, say `pulumi up --replace '{urn}'`"
        )

    return pulumi.Output.all(kept.urn, kept.output).apply(check)
