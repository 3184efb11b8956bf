"""A stand-in for AWS CodeDeploy, as far as deployments to Lambda go; the emulator has none.

Requests are held against botocore's own description of the service.
https://docs.aws.amazon.com/codedeploy/latest/APIReference/

- `api`: the calls and what they answer
- `shifting`: one deployment, from its checks to the last of the traffic, or back
- `cloud`: the emulator as CodeDeploy sees it, by its service role
- `counted`: what CloudWatch says of metrics, to the checks of a deployment
"""

from local.codedeploy.api import TARGET, CodeDeploy
from local.codedeploy.cloud import SESSION, Cloud
from local.codedeploy.counted import GET_METRIC_DATA, metric_data

__all__ = ["GET_METRIC_DATA", "SESSION", "TARGET", "Cloud", "CodeDeploy", "metric_data"]
