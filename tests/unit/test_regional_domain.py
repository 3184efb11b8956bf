"""The domain of an API: what one region has of it, and what only one of all has."""

from collections.abc import Mapping
from typing import Any

import botocore.session
import pulumi
import pytest

from components import RegionalDomain
from components.inputs import InputError
from tests.inputs.aws_types import problems
from tests.recorder import REGION, Recording, Registration, deploy

CERTIFICATE = "aws:acm/certificate:Certificate"
VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
DOMAIN = "aws:apigatewayv2/domainName:DomainName"
MAPPING = "aws:apigatewayv2/apiMapping:ApiMapping"
CHECK = "aws:route53/healthCheck:HealthCheck"
RECORD = "aws:route53/record:Record"

ZONE, NAME = "Z0123456789ABCDEFGHIJ", "api.example.com"
API = {
    "api_id": "abc123",
    "api_url": f"https://abc123.execute-api.{REGION}.amazonaws.com",
    "stage_name": "$default",
}


def domain(*, preview: bool = False, **changes: Any) -> Recording:
    args: Any = {"domain": {"name": NAME, "zone_id": ZONE}, **API, **changes}
    return deploy(lambda: RegionalDomain("shop", args), preview=preview)


def latency_record(recorded: Recording) -> Registration:
    return recorded.one(RECORD, "shop")


def test_callers_are_led_to_the_region_while_its_own_api_is_healthy() -> None:
    recorded = domain()
    record, check = latency_record(recorded).inputs, recorded.one(CHECK)
    made = recorded.one(DOMAIN).outputs["domainNameConfiguration"]
    assert (record["zoneId"], record["name"], record["type"]) == (ZONE, NAME, "A")
    assert record["setIdentifier"] == REGION
    assert record["latencyRoutingPolicies"] == [{"region": REGION}]
    assert record["healthCheckId"] == check.id
    assert record["aliases"] == [
        {
            "name": made["targetDomainName"],
            "zoneId": made["hostedZoneId"],
            "evaluateTargetHealth": True,
        }
    ]
    # By the domain itself, a checker could be led to another region, and find this one healthy.
    assert check.inputs["fqdn"] == f"abc123.execute-api.{REGION}.amazonaws.com"
    assert (check.inputs["type"], check.inputs["port"]) == ("HTTPS", 443)
    assert check.inputs["resourcePath"] == "/health"
    assert check.inputs["enableSni"] is True
    assert (check.inputs["requestInterval"], check.inputs["failureThreshold"]) == (30, 3)
    assert check.inputs["measureLatency"] is False  # billed, and shown nowhere
    assert check.inputs["tags"]["Name"] == f"{NAME} in {REGION}"


def test_checkers_are_as_few_as_route_53_takes() -> None:
    route53 = botocore.session.get_session().get_service_model("route53")
    fewest = route53.shape_for("HealthCheckRegionList").metadata["min"]
    there = set(route53.shape_for("HealthCheckRegion").enum)
    asked = domain().one(CHECK).inputs["regions"]
    assert len(set(asked)) == len(asked) == fewest
    assert set(asked) <= there


def test_domain_of_the_region_has_its_own_certificate_and_leads_to_the_stage() -> None:
    recorded = domain()
    made, issued = recorded.one(DOMAIN), recorded.one(VALIDATION)
    assert recorded.one(CERTIFICATE).inputs == {"domainName": NAME, "validationMethod": "DNS"}
    assert issued.inputs["certificateArn"] == recorded.one(CERTIFICATE).outputs["arn"]
    assert made.inputs["domainName"] == NAME
    assert made.inputs["domainNameConfiguration"] == {
        "certificateArn": recorded.one(CERTIFICATE).outputs["arn"],
        "endpointType": "REGIONAL",
        "securityPolicy": "TLS_1_2",
    }
    # API Gateway refuses a certificate that is not issued yet.
    assert issued.urn in made.property_dependencies["domainNameConfiguration"]
    mapping = recorded.one(MAPPING).inputs
    assert mapping == {"apiId": "abc123", "domainName": made.id, "stage": "$default"}


def test_one_region_alone_proves_whose_the_domain_is() -> None:
    first, other = domain(), domain(validates=False)
    (asked,) = first.one(CERTIFICATE).outputs["domainValidationOptions"]
    proof = first.one(RECORD, "shop-validation")
    assert proof.inputs["zoneId"] == ZONE
    assert proof.inputs["name"] == asked["resourceRecordName"]
    assert proof.inputs["type"] == asked["resourceRecordType"]
    assert proof.inputs["records"] == [asked["resourceRecordValue"]]
    assert first.one(VALIDATION).inputs["validationRecordFqdns"] == [proof.outputs["fqdn"]]

    assert [each.name for each in other.of(RECORD)] == ["shop"]
    assert "validationRecordFqdns" not in other.one(VALIDATION).inputs


def test_outputs_are_the_domain_s_address_and_what_alarms_need() -> None:
    def program() -> None:
        args: Any = {"domain": {"name": NAME, "zone_id": ZONE}, **API}
        made = RegionalDomain("shop", args)
        pulumi.export("url", made.url)
        pulumi.export("check", made.health_check_id)
        pulumi.export("certificate", made.certificate_arn)

    recorded = deploy(program)
    assert recorded.outputs == {
        "url": f"https://{NAME}",
        "check": recorded.one(CHECK).id,
        "certificate": recorded.one(CERTIFICATE).outputs["arn"],
    }


@pytest.mark.parametrize("preview", [True, False])
def test_provider_takes_every_input(preview: bool) -> None:
    recorded = domain(preview=preview)
    aws = [each for each in recorded.registrations if each.custom]
    assert len(aws) == 7
    if not preview:
        assert [text for each in aws for text in problems(each.type, each.inputs)] == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "*.example.com"}, "domain.name: expected a domain in lower case"),
        ({"name": "API.example.com"}, "domain.name: expected a domain in lower case"),
        ({"name": "https://api.example.com"}, "domain.name: expected a domain in lower case"),
        ({"name": "localhost"}, "domain.name: expected a domain in lower case"),
        ({"name": "-a.example.com"}, "domain.name: expected a domain in lower case"),
        ({"zone_id": "example.com"}, "domain.zone_id: expected the id of a hosted zone"),
    ],
)
def test_what_is_no_domain_is_refused(changes: Mapping[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says.replace("*", r"\*")):
        domain(domain={"name": NAME, "zone_id": ZONE, **changes})


def test_path_of_health_is_a_path() -> None:
    assert domain(health_path="/ready").one(CHECK).inputs["resourcePath"] == "/ready"
    with pytest.raises(InputError, match="health_path: expected a path as /health"):
        domain(health_path="health")
