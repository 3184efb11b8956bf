"""How long logs are kept."""

from typing import Annotated

from .inputs import OneOf

LogRetention = Annotated[
    int,
    # What CloudWatch Logs accepts, in days:
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
    OneOf(
        (
            *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
            *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
        ),
        words="a number of days that CloudWatch Logs knows:",
        default=14,
    ),
]
