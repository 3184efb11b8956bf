"""Regions of one order system: which there are, and what a further one has from the home region.

The first member is home. Its stack makes the global tables; the others' stacks use the replicas.
"""

from collections.abc import Iterator
from typing import Annotated, NotRequired, TypedDict

import pulumi

from .inputs import Default, Items, Problem, Text, Whole, contradictions, problem
from .regional_domain import Domain

Region = Annotated[str, Text(r"[a-z]{2}(-[a-z]+)+-[0-9]", "a region as us-east-1")]

# Where multi-Region strong consistency exists: three regions of one of these sets.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html
STRONG_REGION_SETS = (
    ("us-east-1", "us-east-2", "us-west-2"),
    ("eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"),
    ("ap-northeast-1", "ap-northeast-2", "ap-northeast-3"),
)
STRONG_REPLICAS = 3


class RegionSettings(TypedDict):
    """The regions of one system, whose orders are in one global table."""

    members: Annotated[list[Region], Items(2, different=True)]
    """All regions, the first of them home; another may be added at the end."""
    adopt_after_minutes: NotRequired[Annotated[int, Whole(1, 1440, default=15)]]
    """Age from which a region changes its orders in the replica of its heir, the next member."""
    # What was signed before may come up to five minutes later:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
    adoption_margin_seconds: NotRequired[Annotated[int, Whole(5, 3600, default=360)]]
    """How much older they have to be for the heir to adopt them; what is under way takes less."""
    strong_consistency: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether a write is in two regions before it is answered; of the table of orders alone."""
    witness: NotRequired[Region]
    """Region that has a part in strong consistency, but no replica; with two members."""
    domain: NotRequired[Domain]
    """Domain by which callers reach the nearest healthy region; the same in all of them."""


class HomeParts(TypedDict):
    """What a further region has from home: its part of the output `region_parts` there."""

    table_name: pulumi.Input[str]
    """Name of the table of orders."""
    table_arn: pulumi.Input[str]
    """ARN of the table's replica in this region."""
    table_stream_arn: pulumi.Input[str]
    """ARN of that replica's stream."""
    history_name: NotRequired[pulumi.Input[str]]
    """Name of the history of orders; with `events`."""
    history_arn: NotRequired[pulumi.Input[str]]
    """ARN of its replica in this region; with `events`."""
    order_id_key: pulumi.Input[str]
    """Secret that gives ids from Idempotency-Keys."""
    cursor_key: NotRequired[pulumi.Input[str]]
    """Secret that signs the places in lists of orders; with sign-in."""
    currency: NotRequired[pulumi.Input[str]]
    """Currency of all prices; where a version of the API names it."""
    issuer: NotRequired[pulumi.Input[str]]
    """Issuer of the home region's user pool; with `auth` cognito."""
    audience: NotRequired[list[pulumi.Input[str]]]
    """Ids of that pool's clients; with `auth` cognito."""
    synthetic_token_url: NotRequired[pulumi.Input[str]]
    """Where that pool's client for synthetic orders gets its tokens; with both settings."""
    synthetic_client_id: NotRequired[pulumi.Input[str]]
    """Id of that client."""
    synthetic_client_secret: NotRequired[pulumi.Input[str]]
    """Secret of that client."""


class SystemRegions(RegionSettings):
    """The regions of one system, and which of them this one is."""

    here: Region
    """The region that everything here is in."""
    home: NotRequired[HomeParts]
    """What the home region's stack made for this one; only in the other regions."""


def home_of(regions: RegionSettings) -> str:
    """The region whose stack makes what is there once."""
    return regions["members"][0]


def heir_of(regions: RegionSettings, member: str) -> str:
    """The region that adopts the orders of a member that is down."""
    members = regions["members"]
    return members[(members.index(member) + 1) % len(members)]


@contradictions(RegionSettings)
def _strongly_consistent_where_that_exists(regions: RegionSettings) -> Iterator[Problem]:
    members, witness = regions["members"], regions.get("witness")
    if witness is not None and not regions["strong_consistency"]:
        yield problem("witness", "expected nothing, because {=strong_consistency} is not true")
        return
    if witness in members:
        yield problem("witness", f"expected another region than {{=members!}}, not {witness}")
    if not regions["strong_consistency"]:
        return
    taking_part = [*members, *([witness] if witness else [])]
    if len(taking_part) != STRONG_REPLICAS:
        yield problem(
            "members",
            f"expected three, or two and {{=witness!}}, not {len(members)}"
            f"{' and a witness' if witness else ''}, because {{=strong_consistency}}",
        )
    elif not any(set(taking_part) <= set(each) for each in STRONG_REGION_SETS):
        sets = "; ".join(", ".join(each) for each in STRONG_REGION_SETS)
        yield problem(
            "members",
            f"expected regions of one set ({sets}), not {', '.join(taking_part)}, because "
            "{=strong_consistency}",
        )


@contradictions(SystemRegions)
def _one_of_them_is_here(regions: SystemRegions) -> Iterator[Problem]:
    if regions["here"] not in regions["members"]:
        yield problem("here", f"expected one of {{=members!}}, not {regions['here']}")
    elif regions["here"] == home_of(regions):
        if "home" in regions:
            yield problem("home", "expected nothing, because {=here} is the home region itself")
    elif "home" not in regions:
        yield problem("home", "expected what the home region's system made, because of {=here}")
