"""Synthetic orders in the graph: nothing while off, and what they need when on."""

from tests.unit import stacks

ON = {"synthetic": {"rateMinutes": 5}}


def test_off_they_are_nowhere() -> None:
    for stack in stacks.STACKS:
        recorded = stacks.recording(stack)
        everything = str([(each.name, each.inputs) for each in recorded.registrations])
        assert "synthetic" not in everything.lower()


def test_on_they_add_what_is_theirs_and_change_nothing_but_who_has_to_know_them() -> None:
    off, on = stacks.recording("dev"), stacks.recording("dev", **ON)
    added = {(each.type, each.name) for each in on.registrations} - {
        (each.type, each.name) for each in off.registrations
    }
    others = {kind for kind, name in added if "synthetic" not in name}
    assert others <= {stacks.DASHBOARD}
    assert len(added) > len(others)
    told = {
        each.name
        for each in on.of(stacks.FUNCTION)
        if "SYNTHETIC_CUSTOMER" in each.inputs["environment"]["variables"]
    }
    names = ("create-order", "process-order", "publish-changes", "synthetic-order")
    assert told == {f"orders-{name}" for name in names}


def test_the_mark_is_a_secret_of_the_stack() -> None:
    recorded = stacks.recording("dev", **ON)
    kept = recorded.one(stacks.STASH, "orders-synthetic-customer").outputs["output"]
    function = stacks.function(recorded, "synthetic-order")
    assert function.inputs["environment"]["variables"]["SYNTHETIC_CUSTOMER"] == f"synthetic {kept}"
    assert function.secrets == {"environment"}
    assert kept not in str([each.inputs for each in recorded.registrations if not each.secrets])


def test_it_places_orders_through_the_api_at_its_rate() -> None:
    recorded = stacks.recording("dev", **ON)
    function = stacks.function(recorded, "synthetic-order")
    url = function.inputs["environment"]["variables"]["API_URL"]
    assert url == recorded.outputs["apiUrl"]
    assert url.startswith("https://")
    schedule = recorded.one(stacks.SCHEDULE, "orders-synthetic-order").inputs
    assert schedule["scheduleExpression"] == "rate(5 minutes)"
    assert not [r for r in recorded.of(stacks.ROUTE) if "synthetic" in str(r.inputs)]


def test_the_alarm_rings_on_silence() -> None:
    alarm = stacks.recording("dev", **ON).one(stacks.ALARM, "orders-observability-synthetic-orders")
    assert alarm.inputs["metricName"] == "SyntheticOrdersConfirmed"
    assert alarm.inputs["comparisonOperator"] == "LessThanThreshold"
    assert alarm.inputs["threshold"] == 1
    assert alarm.inputs["treatMissingData"] == "breaching"
    assert alarm.inputs["period"] == 300  # a run in each
    assert alarm.inputs["evaluationPeriods"] == alarm.inputs["datapointsToAlarm"] == 2
    assert alarm.inputs["alarmActions"]
