"""What only Pulumi's own CLI can tell: policy packs, packages and programs in other languages."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.engine.cloud import Cloud
from tests.engine.pulumi_cli import PulumiCli, make_environment, missing
from tests.package.golden import GOLDEN
from tools import pipeline

if missing():
    pytest.skip(missing(), allow_module_level=True)

PACKAGE = "serverless-orders"
QUEUE = "aws:sqs/queue:Queue"


@pytest.fixture(autouse=True)
def _nothing_there(cloud: Cloud, cli: PulumiCli) -> None:
    cloud.empty()
    for stack in ("dev", "prod"):
        cli.forget(stack)


@pytest.mark.parametrize(
    ("stack", "advice"),
    [("dev", "queue-visibility-has-margin"), ("prod", "queue-receive-count-has-margin")],
)
def test_policy_pack_has_advice_only(stack: str, advice: str, cli: PulumiCli) -> None:
    outcome = cli.preview(stack, policy_pack="policy")
    assert outcome.message == ""
    assert f"{advice} (advisory)" in outcome.policies
    assert [broken for broken in outcome.policies if not broken.endswith("(advisory)")] == []


def test_policy_pack_stops_a_stack_that_breaks_a_rule(cli: PulumiCli) -> None:
    outcome = cli.preview("dev", {"memorySize": 128}, policy_pack="policy")
    assert "function-memory (mandatory)" in outcome.policies
    assert outcome.errors


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_stack_is_deployed_under_the_policy_pack(stack: str, cli: PulumiCli, cloud: Cloud) -> None:
    """What a preview does not know is judged here, ids among them."""
    outcome = cli.up(stack, policy_pack="policy")
    assert outcome.message == ""
    assert [broken for broken in outcome.policies if not broken.endswith("(advisory)")] == []
    assert {record["inputs"].get("name") for record in cloud} >= {"Orders", "order-events"}


def test_schema_that_users_get_is_the_committed_one(cli: PulumiCli) -> None:
    schema = json.loads(cli.command("package", "get-schema", "./components"))
    del schema["version"]
    assert schema.pop("config") == {}  # the engine adds it
    assert schema == json.loads(GOLDEN.read_text("utf-8"))


def test_package_is_added_from_the_folder(cli: PulumiCli, tmp_path: Path) -> None:
    runtime = "{name: python, options: {toolchain: pip, virtualenv: .venv}}"
    (tmp_path / "Pulumi.yaml").write_text(f"name: shop\nruntime: {runtime}\n", "utf-8")
    make_environment(tmp_path / ".venv")
    (tmp_path / "requirements.txt").write_text("pulumi\n", "utf-8")
    cli.command("package", "add", str(cli.work / "components"), folder=tmp_path)
    assert list((tmp_path / "sdks").rglob("order_system.py"))
    assert PACKAGE in (tmp_path / "Pulumi.yaml").read_text("utf-8")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_up_goes_on_after_one_that_was_ended(
    cli: PulumiCli, cloud: Cloud, number: signal.Signals
) -> None:
    """While a queue is being created: after Ctrl-C it is waited for, and kept. An engine that was
    killed leaves its lock, which `pulumi cancel` removes, and does not know of what was under way;
    that is made again, under another name where the name is made up."""
    cli.command("stack", "init", "dev")
    cloud.hold(QUEUE)
    up = cli.start("up", "--yes", "--skip-preview", "--stack", "dev")
    while not cloud.somebody_waits():
        assert up.poll() is None, up.communicate()[0]
        time.sleep(0.1)
    os.killpg(up.pid, number)
    assert up.stdout is not None
    if number == signal.SIGINT:
        assert any("cancel" in line for line in up.stdout)  # it has taken the signal
    cloud.release()
    said, _ = up.communicate()
    assert up.returncode != 0, said
    if number == signal.SIGKILL:
        cli.command("cancel", "--yes", "--stack", "dev")
    made = Counter(record["urn"] for record in cloud)
    assert made

    assert cli.up("dev").message == ""
    everything = Counter(record["urn"] for record in cloud)
    assert everything.keys() > made.keys()
    if number == signal.SIGINT:
        assert set(everything.values()) == {1}
    assert cli.up("dev").changes == []


def test_yaml_example_deploys(cli: PulumiCli, cloud: Cloud) -> None:
    outputs = _deploy(cli, cli.work / "examples" / "yaml")
    assert outputs["queueUrl"].rpartition("/")[2].startswith("letters-")
    assert {r["inputs"].get("name") for r in cloud} >= {"Orders-yaml", "order-events-yaml"}


def test_queue_example_deploys(cli: PulumiCli, cloud: Cloud) -> None:
    outputs = _deploy(cli, cli.work / "examples" / "queue-with-dlq-and-alarms")
    assert outputs["queueUrl"].rpartition("/")[2].startswith("letters-")
    alarms = [r for r in cloud if r["type"].endswith(":MetricAlarm")]
    assert len(alarms) == 3


def test_consumer_example_deploys_beside_the_order_system(cli: PulumiCli, cloud: Cloud) -> None:
    assert cli.up("dev").message == ""
    (bus,) = [r["outputs"]["name"] for r in cloud if r["type"].endswith(":EventBus")]
    before = [r["inputs"] for r in cloud if r["type"].endswith(":EventSourceMapping")]
    _deploy(cli, cli.work / "examples" / "new-consumer", settings={"busName": bus})
    rules = [r["inputs"] for r in cloud if r["type"].endswith(":EventRule")]
    assert {rule["eventBusName"] for rule in rules} == {bus}
    after = [r["inputs"] for r in cloud if r["type"].endswith(":EventSourceMapping")]
    (own,) = [mapping for mapping in after if mapping not in before]
    assert own["eventSourceArn"] not in {mapping["eventSourceArn"] for mapping in before}


def test_typescript_example_deploys(cli: PulumiCli, cloud: Cloud) -> None:
    if not _npm_reaches_its_registry():
        pytest.skip("needs node, npm and a registry that it reaches")
    folder = cli.work / "examples" / "typescript"
    with cli.online():
        # npm may have another version of the provider's SDK than the double, which PATH has.
        outputs = _deploy(cli, folder, "--no-plugins")
    assert outputs["queueUrl"].rpartition("/")[2].startswith("letters-")
    mappings = [r for r in cloud if r["type"].endswith(":EventSourceMapping")]
    assert [mapping["inputs"]["batchSize"] for mapping in mappings] == [5]


def _npm_reaches_its_registry() -> bool:
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    ping = ["npm", "ping", "--fetch-retries=0", "--fetch-timeout=10000"]
    return subprocess.run(ping, capture_output=True, check=False).returncode == 0


def _deploy(
    cli: PulumiCli, folder: Path, *install: str, settings: Mapping[str, str] | None = None
) -> dict[str, str]:
    """As the README of the example says."""
    project = yaml.safe_load((folder / "Pulumi.yaml").read_text("utf-8"))
    if isinstance(project["runtime"], dict):
        make_environment(folder / project["runtime"]["options"]["virtualenv"])
    cli.command("install", *install, folder=folder)
    cli.command("stack", "init", "dev", folder=folder)
    for key, value in (settings or {}).items():
        cli.command("config", "set", key, value, "--stack", "dev", folder=folder)
    cli.command("up", "--yes", "--skip-preview", "--stack", "dev", folder=folder)
    outputs: dict[str, str] = json.loads(
        cli.command("stack", "output", "--json", "--stack", "dev", folder=folder)
    )
    return outputs


def test_restored_table_takes_the_place_of_the_one_that_was_lost(
    cli: PulumiCli, cloud: Cloud, tmp_path: Path
) -> None:
    """docs/operating.md: the state is told of the new table's name, the settings as well."""
    assert cli.up("dev").message == ""
    state = json.loads(cli.command("stack", "export", "--stack", "dev"))
    for resource in state["deployment"]["resources"]:
        if resource["type"] == "aws:dynamodb/table:Table" and resource["id"] == "Orders":
            text = json.dumps(resource)
            for before, after in (
                ('"Orders"', '"Orders-restored"'),
                (":table/Orders", ":table/Orders-restored"),
            ):
                text = text.replace(before, after)
            resource.update(json.loads(text))
    file = tmp_path / "state.json"
    file.write_text(json.dumps(state), "utf-8")
    cli.command("stack", "import", "--file", str(file), "--stack", "dev")

    (kept,) = [urn for urn in cli.resources("dev") if urn.endswith("::orders-name-suffix")]
    outcome = cli.up("dev", {"nameSuffix": "-restored"}, replace=[kept])
    assert outcome.message == ""
    made = [step for step in outcome.changes if step.type == "aws:dynamodb/table:Table"]
    assert [step.operation for step in made if step.operation != "update"] == []
    assert outcome.outputs["ordersTableName"] == "Orders-restored"


def test_throwaway_stack_goes_on_without_its_file_and_is_gone_in_the_end(
    cli: PulumiCli, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in os.environ.keys() - cli.environment.keys():
        monkeypatch.delenv(name)
    for name, value in cli.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PULUMI_SECRETS_PROVIDER", "passphrase")
    monkeypatch.setattr(pipeline, "ROOT", cli.work)
    assert pipeline.main(["up", "try-pr-7"]) == 0
    assert {r["inputs"].get("name") for r in cloud} >= {"Orders-try-pr-7"}
    (cli.work / "Pulumi.try-pr-7.yaml").unlink()  # as in the job of the next push
    made = {record["urn"]: record["id"] for record in cloud}
    assert pipeline.main(["up", "try-pr-7"]) == 0
    assert {record["urn"]: record["id"] for record in cloud} == made
    drift = ("refresh", "--preview-only", "--expect-no-changes", "--stack", "try-pr-7")
    assert cli.run(*drift).returncode == 0
    assert pipeline.main(["destroy", "try-pr-7"]) == 0
    assert list(cloud) == []
    assert "try-pr-7" not in cli.command("stack", "ls")
