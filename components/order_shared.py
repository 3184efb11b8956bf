"""What a system of orders has once for all its regions: the home region's stack makes it, the
others have it from there. A system of one region is its own home.
"""

from dataclasses import dataclass, field
from typing import Any, cast

import pulumi

from ._contract import contract
from .inputs import camel_case, part
from .kept_name import kept_name, kept_setting
from .kept_secret import kept_secret
from .order_functions import SyntheticClient
from .order_inputs import SCOPES, with_sign_in
from .order_system_args import OrderSystemArgs
from .regions import HomeParts
from .table import Replica, Table, TableArgs, TableIndex, arn_in
from .user_pool import UserPool, UserPoolArgs

TABLE_NAME = "Orders"


@dataclass(frozen=True, kw_only=True)
class Shared:
    """The parts themselves; None, or empty: the system's settings ask for no such part."""

    table: Table | Replica
    history: Table | Replica | None = None
    order_id_key: pulumi.Output[str]
    """Of one key the same ids follow in every region."""
    cursor_key: pulumi.Output[str] | None = None
    currency: pulumi.Output[str] | None = None
    user_pool: UserPool | None = None
    """Only where it is made."""
    issuer: pulumi.Output[str] | None = None
    """Whose tokens are taken."""
    audience: list[pulumi.Input[str]] = field(default_factory=list)
    """The clients for callers."""
    synthetic_client: SyntheticClient | None = None

    @property
    def clients(self) -> list[pulumi.Input[str]]:
        """All whose tokens are taken."""
        own = self.synthetic_client
        return [*self.audience, *([own.client_id] if own else [])]


def shared(prefix: str, args: OrderSystemArgs, child: pulumi.ResourceOptions) -> Shared:
    """The parts for a system with these inputs, made here or had from home."""
    home = args["regions"].get("home") if "regions" in args else None
    # What is made with a name is made after the check that it is as it always was.
    suffix = args["name_suffix"]
    named = kept_name(f"{prefix}-name-suffix", suffix, "table and queues", child)
    return (
        _from_home(prefix, args, home, named, child) if home else _made(prefix, args, named, child)
    )


def other_regions(args: OrderSystemArgs) -> list[str]:
    """The regions of the system beside the one that everything here is in."""
    if "regions" not in args:
        return []
    return [each for each in args["regions"]["members"] if each != args["regions"]["here"]]


def indexes(args: OrderSystemArgs) -> list[TableIndex]:
    """Those of the table of orders."""
    found: list[TableIndex] = [
        {
            "name": contract.PENDING_INDEX,
            "partition_key": contract.PENDING_SHARD_ATTRIBUTE,
            "partition_key_type": "N",
            "sort_key": contract.CREATED_AT_ATTRIBUTE,
            "keys_only": True,
        }
    ]
    if with_sign_in(args):
        found.append(
            {
                "name": contract.OWNER_INDEX,
                "partition_key": contract.OWNER_ATTRIBUTE,
                "sort_key": contract.CREATED_AT_ATTRIBUTE,
                "carried": list(contract.LISTED_ATTRIBUTES),
            }
        )
    return found


def _made(
    prefix: str,
    args: OrderSystemArgs,
    named: pulumi.Output[pulumi.Resource],
    child: pulumi.ResourceOptions,
) -> Shared:
    after = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=named))
    pool = _user_pool(prefix, args, child) if args["auth"] == "cognito" else None
    issuer, audience = _callers(args, pool)
    return Shared(
        table=Table(prefix, _table(args), after),
        history=Table(f"{prefix}-history", _history(args), child) if args["events"] else None,
        order_id_key=kept_secret(f"{prefix}-order-id-key", child),
        cursor_key=kept_secret(f"{prefix}-cursor-key", child) if with_sign_in(args) else None,
        currency=_currency(prefix, args, child),
        user_pool=pool,
        issuer=issuer,
        audience=audience,
        synthetic_client=_synthetic_client(pool) if pool and "synthetic" in args else None,
    )


def _from_home(
    prefix: str,
    args: OrderSystemArgs,
    home: HomeParts,
    named: pulumi.Output[pulumi.Resource],
    child: pulumi.ResourceOptions,
) -> Shared:
    output = pulumi.Output.from_input
    name, arn, stream_arn = (
        pulumi.Output.all(home[each], named).apply(lambda known: str(known[0]))
        for each in ("table_name", "table_arn", "table_stream_arn")
    )
    history = None
    if args["events"]:
        history = Replica(output(home["history_name"]), output(home["history_arn"]), None)
    currency = _currency(prefix, args, child)
    if currency is not None:
        currency = pulumi.Output.all(currency, home["currency"]).apply(_as_at_home)
    client = None
    if args["auth"] == "cognito" and "synthetic" in args:
        client = SyntheticClient(
            output(home["synthetic_token_url"]),
            output(home["synthetic_client_id"]),
            pulumi.Output.secret(home["synthetic_client_secret"]),
        )
    issuer, audience = _callers(args, None)
    return Shared(
        table=Replica(name, arn, stream_arn),
        history=history,
        order_id_key=pulumi.Output.secret(home["order_id_key"]),
        cursor_key=pulumi.Output.secret(home["cursor_key"]) if with_sign_in(args) else None,
        currency=currency,
        issuer=output(home["issuer"]) if "issuer" in home else issuer,
        audience=home["audience"] if "issuer" in home else audience,
        synthetic_client=client,
    )


def told_to(region: str, known: Shared) -> pulumi.Output[dict[str, Any]]:
    """What another region's system has as its input `regions.home`."""
    table = cast(Table, known.table).replica(region)
    parts: HomeParts = {
        "table_name": table.name,
        "table_arn": table.arn,
        "table_stream_arn": cast(pulumi.Output[str], table.stream_arn),
        "order_id_key": known.order_id_key,
    }
    if known.history:
        parts["history_name"] = known.history.name
        parts["history_arn"] = arn_in(known.history.arn, region)
    if known.cursor_key is not None:
        parts["cursor_key"] = known.cursor_key
    if known.currency is not None:
        parts["currency"] = known.currency
    if known.user_pool:
        parts["issuer"] = known.user_pool.issuer
        parts["audience"] = known.audience
    if known.synthetic_client:
        parts["synthetic_token_url"] = known.synthetic_client.token_url
        parts["synthetic_client_id"] = known.synthetic_client.client_id
        parts["synthetic_client_secret"] = known.synthetic_client.secret
    return pulumi.Output.all(**{camel_case(name): each for name, each in parts.items()})


def _table(args: OrderSystemArgs) -> TableArgs:
    found: TableArgs = {
        **_global(args),
        "table_name": TABLE_NAME + args["name_suffix"],
        "partition_key": "id",
        "stream": args["events"] or bool(other_regions(args)),
        "indexes": indexes(args),
    }
    return found | part(TableArgs, args["regions"]) if "regions" in args else found


def _history(args: OrderSystemArgs) -> TableArgs:
    return {
        **_global(args),
        "stream": bool(other_regions(args)),
        "partition_key": contract.HISTORY_ORDER_ATTRIBUTE,
        "sort_key": contract.HISTORY_VERSION_ATTRIBUTE,
        "sort_key_type": "N",
        "ttl_attribute": contract.HISTORY_EXPIRY_ATTRIBUTE,
    }


def _global(args: OrderSystemArgs) -> TableArgs:
    found = part(TableArgs, args, args["table"])
    others = other_regions(args)
    return found | cast(TableArgs, {"replicas": others}) if others else found


def _currency(
    prefix: str, args: OrderSystemArgs, child: pulumi.ResourceOptions
) -> pulumi.Output[str] | None:
    """That of the stack, where a version of the API names it."""
    if contract.VERSION_OF_CURRENCY not in args["api_versions"]:
        return None
    harm = "the prices of the orders that there are would be read as of another currency"
    return kept_setting(f"{prefix}-currency", args["currency"], "currency", harm, child)


def _as_at_home(currencies: list[str]) -> str:
    """The currency of this region; raises pulumi.RunError where the home region has another."""
    here, home = currencies
    if here != home:
        raise pulumi.RunError(
            f"currency: expected {home!r} as in the home region, not {here!r}: the prices of one "
            "order would be read in two ways"
        )
    return here


def _user_pool(prefix: str, args: OrderSystemArgs, child: pulumi.ResourceOptions) -> UserPool:
    pool: UserPoolArgs = {
        **part(UserPoolArgs, args, args["user_pool"]),
        "resource_server": contract.RESOURCE_SERVER,
        "scopes": {scope.partition("/")[2]: text for scope, text in SCOPES.items()},
        "page_scopes": [contract.READ_SCOPE, contract.WRITE_SCOPE],
        "deletion_protection": args["table"]["deletion_protection"],
    }
    return UserPool(f"{prefix}-users", pool, child)


def _synthetic_client(pool: UserPool) -> SyntheticClient:
    client = pool.machine("synthetic", list(contract.SYNTHETIC_SCOPES))
    return SyntheticClient(
        pulumi.Output.concat(pool.sign_in_url, "/oauth2/token"),
        client.id,
        pulumi.Output.secret(client.client_secret),
    )


def _callers(
    args: OrderSystemArgs, pool: UserPool | None
) -> tuple[pulumi.Output[str] | None, list[pulumi.Input[str]]]:
    """Whose tokens are taken, and of which clients."""
    if pool:
        machines = pool.machine_client_id
        return pool.issuer, [pool.page_client_id, *([] if machines is None else [machines])]
    if "jwt" in args:
        return pulumi.Output.from_input(args["jwt"]["issuer"]), list(args["jwt"]["audience"])
    return None, []
