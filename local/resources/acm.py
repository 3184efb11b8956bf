"""Certificates, which a run has no use for, and which a program waits for all the same."""

from __future__ import annotations

import uuid
from typing import Any

from local.resources.registry import Creation, creates


@creates("aws:acm/certificate:Certificate")
def certificate(creation: Creation) -> tuple[str, dict[str, Any]]:
    creation.nothing("the local API is plain HTTP, under its own address")
    arn = creation.arn("acm", f"certificate/{uuid.uuid4()}")
    domain = str(creation.inputs["domainName"])
    asked = {
        "domainName": domain,
        "resourceRecordName": f"_local.{domain}.",
        "resourceRecordType": "CNAME",
        "resourceRecordValue": "_local.acm-validations.aws.",
    }
    return arn, {"arn": arn, "domainValidationOptions": [asked]}
