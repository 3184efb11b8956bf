"""The policy pack: `pulumi preview --policy-pack policy`."""

from exemptions import INITIAL_CONFIG
from pulumi_policy import PolicyPack
from rules import POLICIES

PolicyPack(name="serverless", policies=POLICIES, initial_config=INITIAL_CONFIG)
