"""The rules of the pack. `POLICIES` is all of them; a pack of your own can take any."""

from pulumi_policy import Policy

from . import (
    api,
    buckets,
    buses,
    data,
    functions,
    iam,
    observability,
    queues,
    regions,
    sign_in,
    tags,
)

POLICIES: list[Policy] = [
    policy
    for module in (
        iam,
        queues,
        functions,
        buckets,
        buses,
        data,
        regions,
        api,
        sign_in,
        observability,
        tags,
    )
    for policy in vars(module).values()
    if isinstance(policy, Policy)
]
