"""A run of a program leaves nothing to the next one, and hides no error."""

import threading

import pulumi
import pulumi_aws as aws
import pytest

from tests.recorder import deploy


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
