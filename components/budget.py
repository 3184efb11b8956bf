"""A budget of the account, and who hears that it is used up."""

from typing import Annotated, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from .inputs import Above, Items, Text

# A notification takes so many addresses:
# https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_NotificationWithSubscribers.html
MOST_ADDRESSES = 10

ALERTS = (("ACTUAL", 80), ("FORECASTED", 100))
"""What is compared with the budget, and from how many percent of it on it is told."""


class MonthlyBudget(TypedDict):
    """What the account may cost in a month, and who is told before it does."""

    amount: Annotated[float, Above(0)]
    """US dollars for all of the account; of one stack AWS knows only by activated tags."""
    emails: NotRequired[
        Annotated[
            list[Annotated[str, Text(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")]],
            Items(1, different=True),
        ]
    ]
    """Addresses that are told, at most ten; by default those of the alarms."""


def monthly_budget(name: str, amount: float, emails: list[str], parent: pulumi.Resource) -> None:
    """A budget that tells by e-mail: from 80 % spent, and when the month will exceed it."""
    aws.budgets.Budget(
        name,
        budget_type="COST",
        time_unit="MONTHLY",
        limit_amount=f"{amount:.2f}",
        limit_unit="USD",
        notifications=[
            aws.budgets.BudgetNotificationArgs(
                notification_type=kind,
                comparison_operator="GREATER_THAN",
                threshold=percent,
                threshold_type="PERCENTAGE",
                subscriber_email_addresses=emails,
            )
            for kind, percent in ALERTS
        ],
        opts=pulumi.ResourceOptions(parent=parent),
    )
