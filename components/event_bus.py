"""A bus that events are put on, with an archive from which they can be replayed."""

from typing import Annotated, NotRequired, Optional, TypedDict

import pulumi
import pulumi_aws as aws

from . import iam
from .component import Component
from .inputs import Text, ZeroOr, checked

PUT_EVENTS = "events:PutEvents"


class BusArchive(TypedDict):
    """What a bus keeps of the events that were put on it."""

    # AWS takes 0 for ever; nobody who writes "0 days" means that.
    archive_days: NotRequired[Annotated[int, ZeroOr(1, 3650, default=30)]]
    """How long events can be replayed, in days; without an archive none can."""


class EventBusArgs(BusArchive):
    """Inputs of EventBus."""

    bus_name: NotRequired[
        Annotated[str, Text(r"(?!aws\.)[A-Za-z0-9._-]{1,256}", "1 to 256 letters, digits, ., _, -")]
    ]
    """Physical name; generated when absent."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete bus and archive; by default as the component's option."""


class EventBus(Component):
    """A custom EventBridge bus for its own account alone, encrypted with EventBridge's own key."""

    name: pulumi.Output[str]
    """Name of the bus."""
    arn: pulumi.Output[str]
    """ARN of the bus."""
    archive_name: Optional[pulumi.Output[str]]
    """Name of the archive; only with one."""
    archive_arn: Optional[pulumi.Output[str]]
    """ARN of the archive; only with one."""

    def __init__(
        self, name: str, args: EventBusArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        args = checked(EventBusArgs, args, f"EventBus {name}")
        super().__init__("serverless-orders:index:EventBus", name, {}, opts)
        kept = pulumi.ResourceOptions(parent=self, protect=args.get("protect"))
        bus = aws.cloudwatch.EventBus(name, name=args.get("bus_name"), opts=kept)
        account = aws.get_caller_identity_output(
            opts=pulumi.InvokeOutputOptions(parent=self)
        ).account_id
        aws.cloudwatch.EventBusPolicy(
            name,
            event_bus_name=bus.name,
            policy=iam.document(
                [
                    iam.deny_without_tls(PUT_EVENTS, bus.arn),
                    # Who may put events here is said by roles of the account, and by nobody else.
                    {
                        "Sid": "DenyOtherAccounts",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": PUT_EVENTS,
                        "Resource": bus.arn,
                        "Condition": {"StringNotEquals": {"aws:PrincipalAccount": account}},
                    },
                ]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name, self.arn = bus.name, bus.arn
        self.archive_name = self.archive_arn = None
        if args["archive_days"]:
            archive = aws.cloudwatch.EventArchive(
                name,
                description=f"What was put on the bus {name}",
                event_source_arn=bus.arn,
                retention_days=args["archive_days"],
                opts=kept,
            )
            self.archive_name, self.archive_arn = archive.name, archive.arn
        self.register()
