"""The recorder that the other tests lean on: it sees what is there, and forgets it."""

import threading

import pulumi
import pulumi_aws as aws
import pytest

from tests.aws_names import ACCOUNT
from tests.recorder import deploy


def test_inputs_options_and_outputs_are_recorded() -> None:
    def program() -> None:
        first = aws.sqs.Queue("first", opts=pulumi.ResourceOptions(protect=True))
        second = aws.sqs.Queue("second", redrive_policy=first.arn)
        pulumi.export("url", second.url)

    recorded = deploy(program)
    first = recorded.one("aws:sqs/queue:Queue", "first")
    second = recorded.one("aws:sqs/queue:Queue", "second")

    assert (first.protect, second.protect) == (True, False)
    assert second.inputs == {"redrivePolicy": first.outputs["arn"]}
    assert second.dependencies == {first.urn}
    assert second.property_dependencies == {"redrivePolicy": {first.urn}}
    assert recorded.outputs == {"url": second.outputs["url"]}
    assert ACCOUNT in second.outputs["arn"]


def test_physical_names_differ_from_logical_ones_and_are_the_same_every_time() -> None:
    names = {
        deploy(lambda: aws.sqs.Queue("jobs")).one("aws:sqs/queue:Queue").outputs["name"]
        for _ in range(2)
    }
    assert len(names) == 1
    assert names != {"jobs"}


def test_in_a_preview_outputs_are_unknown() -> None:
    def program() -> None:
        first = aws.sqs.Queue("first")
        aws.sqs.Queue("second", redrive_policy=first.arn)

    second = deploy(program, preview=True).one("aws:sqs/queue:Queue", "second")
    assert isinstance(second.inputs["redrivePolicy"], pulumi.output.Unknown)


def test_a_stack_transformation_does_not_reach_the_next_program() -> None:
    def transforming() -> None:
        pulumi.runtime.register_stack_transformation(
            lambda args: pulumi.ResourceTransformationResult(
                {**args.props, "fifo_queue": True}, args.opts
            )
        )
        aws.sqs.Queue("jobs")

    assert deploy(transforming).one("aws:sqs/queue:Queue").inputs == {"fifoQueue": True}
    assert deploy(lambda: aws.sqs.Queue("jobs")).one("aws:sqs/queue:Queue").inputs == {}


def test_configuration_does_not_reach_the_next_program() -> None:
    seen = []

    def program() -> None:
        seen.append(pulumi.Config("shop").get("size"))

    deploy(program, config={"shop:size": "3"})
    deploy(program)
    assert seen == ["3", None]


def test_an_error_inside_apply_fails_the_deployment() -> None:
    def program() -> None:
        aws.sqs.Queue("jobs").url.apply(lambda url: url.no_such_attribute)

    with pytest.raises(AttributeError, match="no_such_attribute"):
        deploy(program)


def test_an_error_of_the_program_is_the_callers() -> None:
    def program() -> None:
        aws.sqs.Queue("jobs")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        deploy(program)


def test_nothing_is_left_behind() -> None:
    before = threading.active_count()
    deploy(lambda: aws.sqs.Queue("jobs"))
    assert threading.active_count() == before


def test_a_resource_that_is_not_there_is_named_with_those_that_are() -> None:
    recorded = deploy(lambda: aws.sqs.Queue("jobs"))
    with pytest.raises(AssertionError, match="0 of aws:sqs/queue:Queue other; there are: jobs"):
        recorded.one("aws:sqs/queue:Queue", "other")


def test_a_call_without_an_answer_is_named() -> None:
    with pytest.raises(Exception, match="no answer to aws:ec2/getVpc:getVpc"):
        deploy(lambda: pulumi.export("vpc", aws.ec2.get_vpc_output().id))
