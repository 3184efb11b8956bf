"""Imports in the graph: nothing while off, and what they need when on."""

from tests.unit import stacks


def test_off_they_are_nowhere_and_on_they_change_nothing_of_the_others() -> None:
    off, on = stacks.recording("dev"), stacks.recording("dev", imports=True)
    names = {(each.type, each.name) for each in off.registrations}
    added = {(each.type, each.name) for each in on.registrations} - names
    assert not [name for _, name in names if "import" in name]
    assert {kind for kind, name in added if "import" not in name} <= {stacks.DASHBOARD}
    before = {
        each.name: set(each.inputs["environment"]["variables"]) for each in off.of(stacks.FUNCTION)
    }
    after = {
        each.name: set(each.inputs["environment"]["variables"]) for each in on.of(stacks.FUNCTION)
    }
    assert after.keys() - before.keys() == {"orders-import-orders"}
    assert {name: after[name] for name in before} == before


def test_the_function_hears_of_what_comes_in_and_of_nothing_that_it_writes_itself() -> None:
    recorded = stacks.recording("dev", imports=True)
    pattern = stacks.document(
        recorded.one(stacks.RULE, "orders-import-orders-bucket").inputs["eventPattern"]
    )
    bucket = recorded.one(stacks.BUCKET, "orders-imports").outputs["arn"]
    assert pattern["resources"] == [bucket]
    assert pattern["detail"] == {"object": {"key": [{"prefix": "incoming/"}]}}


def test_a_file_that_takes_many_invocations_is_not_stopped_as_a_loop() -> None:
    recorded = stacks.recording("dev", imports=True)
    (loop,) = recorded.of("aws:lambda/functionRecursionConfig:FunctionRecursionConfig")
    assert loop.inputs["recursiveLoop"] == "Allow"
    name = stacks.function(recorded, "import-orders").outputs["name"]
    assert loop.inputs["functionName"] == name


def test_files_and_reports_are_kept_for_as_long_as_is_configured() -> None:
    recorded = stacks.recording(**stacks.EVERYTHING)
    (lifecycle,) = (
        each
        for each in recorded.of("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
        if each.name.startswith("orders-imports")
    )
    days = {
        rule["filter"]["prefix"]: rule["expiration"]["days"]
        for rule in lifecycle.inputs["rules"]
        if "expiration" in rule and (rule.get("filter") or {}).get("prefix")
    }
    assert days["incoming/"] == days["results/"] == 7
    assert days.keys() == {"incoming/", "results/", "unfinished/"}
