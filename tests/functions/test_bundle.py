"""The deployable folder: complete, small, equal from equal input, and safe to build."""

import gc
import hashlib
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore
import botocore.httpsession
import botocore.validate
import pytest
import trustme
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.session import Session

from components import bundle
from components.bundle import certificates, compiler, installer
from components.order_functions import NAMES
from tests.functions.support import ORDER, Context, Functions, created, record

RUNNING = f"python{sys.version_info[0]}.{sys.version_info[1]}"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
OPERATIONS = {"dynamodb": "get_item", "events": "put_events", "sqs": "send_message"}
REGIONS = [
    *Session().get_available_regions("dynamodb"),
    *Session().get_available_regions("dynamodb", partition_name="aws-cn"),
    *Session().get_available_regions("dynamodb", partition_name="aws-us-gov"),
    "eu-future-1",
]


def test_nothing_but_the_functions_and_what_they_need_is_inside(bundle_folder: Path) -> None:
    names = {path.name for path in bundle_folder.iterdir() if not path.match("*.dist-info")}
    assert names == {
        "__pycache__",
        "amazon-roots.pem",
        "aws_lambda_powertools",
        "botocore",
        "botocore-data",
        "dateutil",
        "functions",
        "jmespath",
        "six.py",
        "typing_extensions.py",
        "urllib3",
    }
    assert not (bundle_folder / "botocore" / "data").exists()
    licensed = {path.name.partition("-")[0] for path in bundle_folder.glob("*.dist-info")}
    assert len(licensed) == 7


def test_the_archive_stays_below_its_size(tmp_path: Path) -> None:
    folder = bundle.build("python3.13", lambda warning: None)
    archive = shutil.make_archive(str(tmp_path / "bundle"), "zip", folder)
    assert Path(archive).stat().st_size <= 4_500_000
    assert len(zipfile.ZipFile(archive).namelist()) < 700


def test_there_is_bytecode_for_the_runtime_and_for_no_other_python(bundle_folder: Path) -> None:
    compiled = {path.name.split(".")[-2] for path in bundle_folder.rglob("*.pyc")}
    assert compiled == {sys.implementation.cache_tag}


def test_bytecode_is_valid_whatever_the_files_times_say(bundle_folder: Path) -> None:
    sources = [path for path in bundle_folder.rglob("*.py") if "vendored" not in path.parts]
    assert len(sources) > 150
    for source in sources:
        name = f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        header = (source.parent / "__pycache__" / name).read_bytes()[:16]
        # PEP 552: bit 0 = found by hash, bit 1 = to be checked against the source.
        assert int.from_bytes(header[4:8], "little") == 0b01, source


def test_stack_traces_name_the_files_as_lambda_has_them(bundle_folder: Path) -> None:
    name = f"create_order.{sys.implementation.cache_tag}.pyc"
    assert (
        b"/var/task/functions/create_order.py"
        in (bundle_folder / "functions" / "__pycache__" / name).read_bytes()
    )


# --- the trimmed data ---


def _session(data: Path | None) -> Session:
    session = Session()
    if data is not None:
        loader = Loader([str(data)], include_default_search_paths=False)
        session.register_component("data_loader", loader)
    session.set_credentials("AKIDEXAMPLE", "secret")
    return session


def _request(session: Session, service: str, region: str, **settings: Any) -> tuple[str, str]:
    """URL and signing scope of one call, caught before it is sent."""
    client = session.create_client(
        service, region_name=region, config=Config(retries={"mode": "adaptive"}, **settings)
    )
    caught = []

    def catch(request: Any, **_: Any) -> AWSResponse:
        caught.append(request)
        raw = SimpleNamespace(stream=lambda *args, **kwargs: iter([b"{}"]), read=lambda: b"{}")
        return AWSResponse(request.url, 200, {}, raw)

    client.meta.events.register("before-send", catch)
    arguments: dict[str, dict[str, Any]] = {
        "dynamodb": {"TableName": "t", "Key": {}},
        "events": {"Entries": [{"Detail": "{}"}]},
        "sqs": {"QueueUrl": "https://queue.example/1/q", "MessageBody": "x"},
    }
    getattr(client, OPERATIONS[service])(**arguments[service])
    authorization = caught[0].headers["Authorization"]
    if isinstance(authorization, bytes):
        authorization = authorization.decode()
    scope = authorization.partition("Credential=")[2].partition(",")[0]
    return caught[0].url, scope.split("/", 2)[2]


@pytest.fixture(scope="module")
def sessions(bundle_folder: Path) -> tuple[Session, Session]:
    return _session(bundle_folder / "botocore-data"), _session(None)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("service", OPERATIONS)
def test_every_region_is_reached_as_with_botocores_own_data(
    sessions: tuple[Session, Session], service: str, region: str
) -> None:
    trimmed, whole = sessions
    assert _request(trimmed, service, region) == _request(whole, service, region)


@pytest.mark.parametrize("service", OPERATIONS)
@pytest.mark.parametrize("setting", ["use_fips_endpoint", "use_dualstack_endpoint"])
def test_fips_and_dual_stack_are_reached_as_with_botocores_own_data(
    sessions: tuple[Session, Session], service: str, setting: str
) -> None:
    trimmed, whole = sessions
    asked = {setting: True}
    assert _request(trimmed, service, "us-east-1", **asked) == _request(
        whole, service, "us-east-1", **asked
    )


def _everything(functions: Functions, variables: pytest.MonkeyPatch) -> None:
    order_id = functions.create(ORDER, idempotency_key="k").body["id"]
    functions.get(order_id)
    item = dict(functions.aws.table[order_id])
    functions.aws.table[order_id] = {**item, "createdAt": {"S": "2020-01-01T00:00:00.000Z"}}
    functions.republish()
    functions.process(record(created(order_id), redriven="x"))
    functions.module("synthetic_order")._store.delete(order_id, ORDER["customerName"])
    functions.invoke("measure_table", {})
    functions.invoke("health", {})
    functions.invoke("publish_changes", {"Records": functions.aws.records()})
    for check in ("check_before_traffic", "check_after_traffic"):
        _check(functions, variables, check)
    _import_files(functions, variables)


def _check(functions: Functions, variables: pytest.MonkeyPatch, check: str) -> None:
    """A check of a function that nothing is asked of."""
    variables.setenv("WATCHED_SECONDS", "0")
    properties = {"Name": "f", "Alias": "live", "CurrentVersion": "1", "TargetVersion": "2"}
    content = json.dumps({"Resources": [{"f": {"Properties": properties}}]})
    functions.aws.deployments["d"] = {
        "revision": {"appSpecContent": {"content": content}},
        "createTime": 1_800_000_000,
    }
    event = {"DeploymentId": "d", "LifecycleEventHookExecutionId": "e"}
    assert functions.invoke(check, event) == {"passed": True}


def _import_files(functions: Functions, variables: pytest.MonkeyPatch) -> None:
    """A file whose report takes parts, and one that takes several runs."""
    line = json.dumps(ORDER).encode() + b"\n"
    module = functions.module("import_orders")
    reports = sys.modules["functions.orders.import_report"]
    with variables.context() as patch:
        patch.setattr(reports, "SMALLEST_PART", 1)
        functions.invoke("import_orders", _came_in(functions, "parts.ndjson", line))
    left = [30_000.0]
    functions.context = Context(lambda: left.pop() if left else 0.0)
    many = line * (module.GROUP + 1)
    functions.invoke("import_orders", _came_in(functions, "long.ndjson", many))
    functions.invoke("import_orders", functions.aws.bucket.invoked.pop())


def _came_in(functions: Functions, name: str, content: bytes) -> dict[str, Any]:
    functions.aws.bucket.versions[f"incoming/{name}", "v1"] = content
    named = {"key": f"incoming/{name}", "size": len(content), "version-id": "v1"}
    return {"id": "event-1", "detail": {"object": named}}


def test_the_data_holds_the_operations_in_use_and_no_others(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("_X_AMZN_TRACE_ID", TRACE)
    _everything(functions, variables)
    known = {name for operations in bundle.OPERATIONS.values() for name in operations}
    assert set(functions.aws.operations()) == known


def test_every_request_is_what_botocores_own_description_asks_for(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    """The clients do not check parameters (parameter_validation=False): this does."""
    variables.setenv("_X_AMZN_TRACE_ID", TRACE)
    _everything(functions, variables)
    models = {
        name: ServiceModel(Session().get_service_model(name)._service_description)
        for name in bundle.OPERATIONS
    }
    for operation, request in _unchecked(functions):
        service = next(n for n, known in bundle.OPERATIONS.items() if operation in known)
        shape = models[service].operation_model(operation).input_shape
        report = botocore.validate.ParamValidator().validate(request, shape)
        assert not report.has_errors(), report.generate_report()
        assert request.keys() <= shape.members.keys()


def _unchecked(functions: Functions) -> list[tuple[str, dict[str, Any]]]:
    """Requests whose parameters no client of ours checks: all but those of complete clients."""
    complete = ("s3", "lambda", "cloudwatch")
    checked = {name for service in complete for name in bundle.OPERATIONS[service]}
    return [each for each in functions.aws.requests if each[0] not in checked]


def _wire(session: Session, service: str, operation: str, arguments: Any) -> dict[str, Any]:
    """What one call looks like on the wire, without what differs from call to call (Powertools
    changes the User-Agent as soon as it is imported)."""
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": 2},
        user_agent="x",
        parameter_validation=False,
    )
    client = session.create_client(service, region_name="us-east-1", config=config)
    caught = []

    def catch(request: Any, **_: Any) -> AWSResponse:
        caught.append(request)
        raw = SimpleNamespace(stream=lambda *args, **kwargs: iter([b"{}"]), read=lambda: b"{}")
        return AWSResponse(request.url, 200, {}, raw)

    client.meta.events.register("before-send", catch)
    getattr(client, botocore.xform_name(operation))(**arguments)
    headers = {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in caught[0].headers.items()
        if name not in ("Authorization", "X-Amz-Date", "amz-sdk-invocation-id", "User-Agent")
    }
    signed = caught[0].headers["Authorization"]
    signed = signed.decode() if isinstance(signed, bytes) else signed
    scope = [part for part in signed.split(", ") if not part.startswith("Signature")]
    headers.pop("Content-Length")  # of the same JSON, spaced otherwise
    body = json.loads(caught[0].body)
    return {"url": caught[0].url, "body": body, "headers": headers, "scope": scope}


def test_every_request_is_the_one_that_a_session_with_all_of_botocores_handlers_makes(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    """The session leaves out what concerns other services, and writes the JSON of a call
    itself: neither may show."""
    variables.setenv("_X_AMZN_TRACE_ID", TRACE)
    _everything(functions, variables)
    ours = functions.module("toolkit.aws")._session
    for operation, request in _unchecked(functions):
        service = next(n for n, known in bundle.OPERATIONS.items() if operation in known)
        made = _wire(ours, service, operation, request)
        assert made == _wire(Session(), service, operation, request)
        assert made["headers"]["X-Amzn-Trace-Id"].startswith("Root=1-5759e988")


def test_without_credentials_in_the_environment_botocores_whole_chain_is_asked(
    functions: Functions, variables: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    variables.delenv("AWS_ACCESS_KEY_ID")
    variables.delenv("AWS_SECRET_ACCESS_KEY")
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key = s\n"
    )
    variables.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    assert functions.create(ORDER).status == 201


# --- the certificates ---


def _certificates(path: Path) -> list[dict[str, Any]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=path)
    return context.get_ca_certs()


def test_the_trusted_roots_are_the_five_that_amazon_publishes(bundle_folder: Path) -> None:
    text = (bundle_folder / "amazon-roots.pem").read_text()
    blocks = text.split("-----END CERTIFICATE-----\n")[:-1]
    found = {
        hashlib.sha256(
            ssl.PEM_cert_to_DER_cert(
                block[block.index("-----BEGIN") :] + "-----END CERTIFICATE-----\n"
            )
        ).hexdigest()
        for block in blocks
    }
    # https://www.amazontrust.com/repository/
    assert found == {
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    }


def test_the_trusted_roots_are_valid_for_another_year(bundle_folder: Path) -> None:
    certificates = _certificates(bundle_folder / "amazon-roots.pem")
    assert len(certificates) == 5
    for certificate in certificates:
        assert ssl.cert_time_to_seconds(certificate["notBefore"]) < time.time()
        assert ssl.cert_time_to_seconds(certificate["notAfter"]) > time.time() + 365 * 86_400


def test_a_missing_root_stops_the_build() -> None:
    with pytest.raises(bundle.BundleError, match="Amazon Root CA 1"):
        list(certificates.amazon_roots(""))


@pytest.fixture
def tls_server(tmp_path: Path, server: Any) -> Iterator[tuple[str, Path]]:
    """The stubbed AWS behind TLS, by an authority of its own: its URL and the authority."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    secure = type(server)()
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    secure.aws = server.aws
    thread = threading.Thread(target=secure.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"https://localhost:{secure.server_address[1]}", tmp_path / "authority.pem"
    secure.shutdown()
    ThreadingHTTPServer.server_close(secure)


def test_a_server_that_no_amazon_root_vouches_for_is_not_spoken_to(
    functions: Functions, variables: pytest.MonkeyPatch, tls_server: tuple[str, Path]
) -> None:
    variables.setenv("AWS_ENDPOINT_URL", tls_server[0])
    answer = functions.create({**ORDER, "customerName": "PRIVATE"})
    assert answer.status == 503
    assert functions.logs()[-1]["error"] == "SSLError"
    assert functions.aws.requests == []


def test_the_way_back_is_another_list_of_roots(
    functions: Functions, variables: pytest.MonkeyPatch, tls_server: tuple[str, Path]
) -> None:
    url, authority = tls_server
    variables.setenv("AWS_ENDPOINT_URL", url)
    variables.setenv("AWS_CA_BUNDLE", str(authority))
    assert functions.create(ORDER).status == 201


# --- how the process is set up ---


@pytest.fixture
def in_bundle(
    variables: pytest.MonkeyPatch, bundle_folder: Path, functions: Functions
) -> pytest.MonkeyPatch:
    """The functions are imported from the bundle, with what Lambda sets and nothing else."""
    for name in ("AWS_DATA_PATH", "AWS_CA_BUNDLE"):
        variables.setenv(name, "to be restored")
        variables.delenv(name)
    variables.syspath_prepend(str(bundle_folder))
    return variables


def test_in_the_bundle_its_own_data_and_roots_are_used(
    in_bundle: pytest.MonkeyPatch, functions: Functions, bundle_folder: Path
) -> None:
    assert functions.create(ORDER).status == 201
    assert os.environ["AWS_DATA_PATH"] == str(bundle_folder / "botocore-data")
    assert os.environ["AWS_CA_BUNDLE"] == str(bundle_folder / "amazon-roots.pem")


def test_in_the_bundle_an_answer_says_what_the_functions_read_of_it_and_little_more(
    in_bundle: pytest.MonkeyPatch, functions: Functions, bundle_folder: Path
) -> None:
    functions.create(ORDER)
    measured = functions.invoke("measure_table", {})
    assert (measured["items"], measured["bytes"] > 100) == (1, True)
    (model,) = (bundle_folder / "botocore-data" / "dynamodb").rglob("service-2.json")
    shapes = json.loads(model.read_text())["shapes"]
    assert shapes["TableDescription"]["members"].keys() == {"ItemCount", "TableSizeBytes"}
    assert shapes["ConsumedCapacity"]["members"] == {}
    assert "ReplicaDescription" not in shapes
    assert len(shapes) < 100  # every function reads them all


def test_where_a_role_hands_credentials_over_no_client_is_made_to_look_for_them(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    complete = botocore.httpsession.URLLib3Session.__init__

    def counted(self: Any, *args: Any, **kwargs: Any) -> None:
        made.append(self)
        complete(self, *args, **kwargs)

    monkeypatch.setattr(botocore.httpsession.URLLib3Session, "__init__", counted)
    functions.module("get_order")
    assert len(made) == 1  # that of the table's client


def test_settings_of_the_function_go_before_the_bundles_own(
    in_bundle: pytest.MonkeyPatch, functions: Functions
) -> None:
    in_bundle.setenv("AWS_DATA_PATH", "/elsewhere")
    in_bundle.setenv("AWS_CA_BUNDLE", "/etc/pki/tls/certs/ca-bundle.crt")
    functions.module("toolkit.bootstrap")
    assert os.environ["AWS_DATA_PATH"] == "/elsewhere"
    assert os.environ["AWS_CA_BUNDLE"] == "/etc/pki/tls/certs/ca-bundle.crt"


@pytest.mark.parametrize(
    "region", ["cn-north-1", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1"]
)
def test_other_partitions_keep_the_whole_list_of_roots(
    in_bundle: pytest.MonkeyPatch, functions: Functions, region: str
) -> None:
    in_bundle.setenv("AWS_REGION", region)
    functions.module("toolkit.bootstrap")
    assert "AWS_CA_BUNDLE" not in os.environ


def test_garbage_of_requests_is_still_collected(functions: Functions) -> None:
    functions.create(ORDER)
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    cycle: list[Any] = []
    cycle.append(cycle)
    del cycle
    assert gc.collect() >= 1
    gc.unfreeze()


# --- building ---


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own to build in."""
    functions = tmp_path / "checkout" / "functions"
    shutil.copytree(bundle.FUNCTIONS, functions, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(bundle, "FUNCTIONS", functions)
    return functions.parent


def _reuse(bundle_folder: Path, root: Path) -> None:
    """Give a build the dependencies that were built already."""
    for name in ("dependencies", "compiled"):
        for folder in bundle_folder.parent.glob(f"{name}-*"):
            (root / folder.name).symlink_to(folder)


def _contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.long
def test_builds_at_the_same_time_are_one_and_equal_those_elsewhere(
    checkout: Path, bundle_folder: Path
) -> None:
    with ThreadPoolExecutor(2) as threads:
        builds = [threads.submit(bundle.build, RUNNING, pytest.fail) for _ in range(2)]
    folders = {build.result() for build in builds}
    assert len(folders) == 1
    (folder,) = folders
    assert folder.name == bundle_folder.name
    assert _contents(folder) == _contents(bundle_folder)
    assert sorted(path.name.partition("-")[0] for path in folder.parent.iterdir()) == [
        "compiled",
        "dependencies",
        "functions",
    ]


def test_pip_failing_is_said_and_leaves_nothing(checkout: Path) -> None:
    requirements = checkout / "functions" / "requirements.txt"
    wrong = requirements.read_text().replace("sha256:", "sha256:0", 1)
    requirements.write_text(wrong)
    with pytest.raises(bundle.BundleError, match=r"pip could not install .*requirements\.txt"):
        bundle.build(RUNNING, pytest.fail)
    assert list((checkout / ".build").iterdir()) == []


def test_a_changed_function_makes_another_folder_from_the_same_dependencies(
    checkout: Path, bundle_folder: Path
) -> None:
    build_root = checkout / ".build"
    build_root.mkdir()
    _reuse(bundle_folder, build_root)
    before = len(list(build_root.iterdir()))
    (checkout / "functions" / "get_order.py").write_text("print('changed')\n")
    folder = bundle.build(RUNNING, pytest.fail)
    assert folder.name != bundle_folder.name
    assert (folder / "functions" / "get_order.py").read_text() == "print('changed')\n"
    assert len(list(build_root.iterdir())) == before + 1


def test_an_abandoned_build_is_removed_and_a_running_one_is_not(
    checkout: Path, bundle_folder: Path
) -> None:
    root = checkout / ".build"
    old, new = root / "unfinished-old", root / "unfinished-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    _reuse(bundle_folder, root)
    bundle.build(RUNNING, pytest.fail)
    assert not old.exists()
    assert new.exists()


def test_folders_that_nobody_used_for_an_hour_go_but_for_the_newest_three(
    checkout: Path, bundle_folder: Path
) -> None:
    root = checkout / ".build"
    root.mkdir()
    _reuse(bundle_folder, root)
    in_use = bundle.build(RUNNING, pytest.fail)
    unused = [root / f"functions-{number}" for number in range(5)]
    for number, folder in enumerate(unused):
        (folder / "inside").mkdir(parents=True)
        os.utime(folder, (number, 0))
    assert bundle.build(RUNNING, pytest.fail) == in_use
    assert all(folder.exists() for folder in unused)  # nothing was made, so nothing goes

    (checkout / "functions" / "get_order.py").write_text("print('changed')\n")
    made = bundle.build(RUNNING, pytest.fail)
    assert {made, in_use} <= set(root.iterdir())
    assert [folder.name for folder in unused if folder.exists()] == ["functions-3", "functions-4"]
    assert not list(root.glob("unfinished-*"))


def test_without_the_runtimes_interpreter_a_warning_is_given_and_no_bytecode_of_another(
    bundle_folder: Path,
) -> None:
    warnings: list[str] = []
    folder = bundle.build("python3.99", warnings.append)
    assert list(folder.rglob("*.pyc")) == []
    sources = _contents(bundle_folder).items()
    assert _contents(folder) == {name: it for name, it in sources if not name.endswith(".pyc")}
    (warning,) = warnings
    for said in ("Lambda functions", "no python3.99 on its PATH", "Install it", "cold"):
        assert said in warning


def test_where_bytecode_is_required_its_absence_is_an_error(bundle_folder: Path) -> None:
    with pytest.raises(bundle.BundleError, match=r"no python3\.99 on its PATH.*Install it"):
        bundle.build("python3.99", pytest.fail, require_bytecode=True)
    assert bundle.build(RUNNING, pytest.fail, require_bytecode=True) == bundle_folder


def test_an_interpreter_that_does_not_start_counts_as_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "python3.99"
    stand_in.write_text("#!/bin/sh\necho 'not chosen' >&2\nexit 127\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    warnings: list[str] = []
    bundle.build("python3.99", warnings.append)
    assert "does not start" in warnings[0]


# `components.bundle` and nothing else of the package, in whatever Python: without Pulumi, and so
# with what the functions' declaration says handed over.
ELSEWHERE = """
import json, os, sys, types
from pathlib import Path
pulumi = types.ModuleType("pulumi")
pulumi.RunError, pulumi.Archive = Exception, object
components = types.ModuleType("components")
components.__path__ = [str(Path.cwd() / "components")]
declared = types.ModuleType("components.order_functions")
declared.NAMES, declared.operations = json.loads(sys.argv[2]), lambda: json.loads(sys.argv[3])
sys.modules |= {"pulumi": pulumi, "components": components, declared.__name__: declared}
os.umask(0o077)
from components import bundle
print(bundle.build(sys.argv[1], sys.exit))
"""


@pytest.mark.long
def test_the_same_sources_give_the_same_bytes_on_every_machine(
    bundle_folder: Path, tmp_path: Path
) -> None:
    """In another folder, by another Python (where there is one), under another umask and from
    files of another time."""
    checkout = tmp_path / "elsewhere"
    for name in ("functions", "components/bundle"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(bundle.FUNCTIONS.parent / name, checkout / name, ignore=ignored)
    for path in checkout.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    others = (compiler.interpreter_of(f"python3.{minor}") for minor in (14, 13, 12, 11))
    other = next((it for it in others if it and it != compiler.RUNNING), compiler.RUNNING)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [other.executable, "-c", ELSEWHERE, RUNNING, *map(json.dumps, (NAMES, bundle.OPERATIONS))],
        cwd=checkout,
        env={**os.environ, "PATH": path, "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert folder.is_relative_to(checkout)
    assert folder.name == bundle_folder.name
    assert _contents(folder) == _contents(bundle_folder)
    for path in folder.rglob("*"):
        here, there = path.stat(), (bundle_folder / path.relative_to(folder)).stat()
        assert (here.st_mode, here.st_mtime) == (there.st_mode, there.st_mtime), path


def test_the_copy_for_this_machine_has_the_same_sources_and_bytecode_of_its_own_python() -> None:
    deployed = bundle.build("python3.99", lambda warning: None)
    copy = bundle.runnable_here(deployed)
    assert copy != deployed
    files = _contents(copy).items()
    assert {name: it for name, it in files if not name.endswith(".pyc")} == _contents(deployed)
    tag = sys.implementation.cache_tag
    assert (copy / "functions" / "__pycache__" / f"create_order.{tag}.pyc").is_file()
    assert bundle.runnable_here(copy) == copy


def test_a_folder_that_is_no_bundle_runs_here_as_it_is(tmp_path: Path) -> None:
    assert bundle.runnable_here(tmp_path) == tmp_path


def test_other_operations_make_another_bundle_with_their_descriptions(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path(botocore.__file__).parent

    def install(_requirements: Path, folder: Path) -> None:
        for name in ("data/dynamodb", "data/sns"):
            shutil.copytree(whole / name, folder / "botocore" / name)
        for name in ("endpoints", "sdk-default-configuration"):
            (file,) = (whole / "data").glob(f"{name}.json*")
            shutil.copy(file, folder / "botocore" / "data")
        shutil.copy(whole / "cacert.pem", folder / "botocore")

    monkeypatch.setattr(installer, "install", install)
    operations = [{"dynamodb": ["GetItem"]}, {"dynamodb": ["DeleteItem"], "sns": ["Publish"]}]
    folders = [bundle.build("python3.99", lambda warning: None, each) for each in operations]
    for folder, asked in zip(folders, operations, strict=True):
        described = {}
        for service in (folder / "botocore-data").iterdir():
            if service.is_dir():
                (model,) = service.rglob("service-2.json")
                described[service.name] = list(json.loads(model.read_text())["operations"])
        assert described == asked


def test_without_a_writable_checkout_the_cache_is_used(
    checkout: Path, bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / ".build").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "cache" / "serverless-orders"
    root.mkdir(parents=True)
    _reuse(bundle_folder, root)
    assert bundle.build(RUNNING, pytest.fail).parent == root
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(bundle.BundleError, match="not writable"):
        bundle.build(RUNNING, pytest.fail)


def test_the_command_prints_the_folder(
    bundle_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bundle", RUNNING])
    bundle.main()
    assert capsys.readouterr().out == f"{bundle_folder}\n"


def test_the_command_says_what_failed(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "functions" / "requirements.txt").write_text("botocore\n")
    monkeypatch.setattr(sys, "argv", ["bundle", RUNNING])
    with pytest.raises(SystemExit, match="bundle: pip could not install"):
        bundle.main()


def test_the_program_gets_an_archive_of_the_folder(bundle_folder: Path) -> None:
    assert bundle.bundle(RUNNING).path == str(bundle_folder)  # type: ignore[attr-defined]
