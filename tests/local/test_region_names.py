"""What the regions of a run are called and where they answer, without running any."""

from __future__ import annotations

import argparse
import os
import socket
from pathlib import Path

import pytest

from local import __main__ as command
from local import events, naming, program, state
from local.errors import LocalRunError


def test_stack_of_a_region_is_named_after_the_home_stack() -> None:
    assert naming.region_stack("local", "eu-west-1") == "local-eu-west-1"
    assert naming.home_of("local-eu-west-1") == "local"
    assert naming.home_of("shop-prod-us-gov-west-1") == "shop-prod"
    assert naming.home_of("local") is None
    assert naming.home_of("eu-west-1") is None


def test_stack_of_a_region_has_its_home_stacks_file_unless_it_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "ROOT", tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nconfig: {size: {default: 1}}\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {size: 2}\n")
    assert program.stack_config("dev-eu-west-1")["shop:size"] == "2"
    (tmp_path / "Pulumi.dev-eu-west-1.yaml").write_text("config: {size: 3}\n")
    assert program.stack_config("dev-eu-west-1")["shop:size"] == "3"
    assert program.stack_config("dev")["shop:size"] == "2"


def test_run_of_one_region_is_not_taken_for_anothers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "BUILD", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}"
        state.write("local-eu-west-1", {"endpoint": endpoint, "region": "eu-west-1"})
        assert state.read("local-eu-west-1")["region"] == "eu-west-1"
        with pytest.raises(LocalRunError, match="no local run of stack 'local' is alive"):
            state.read("local")
    state.forget_dead()
    assert not state.path("local-eu-west-1", os.getpid()).exists()


def test_doors_are_beside_the_console() -> None:
    assert command._ports(4566, 4567, 3) == [4566, 4568, 4569]
    assert command._ports(8080, 4567, 2) == [8080, 8081]
    assert command._ports(0, 4567, 2) == [0, 0]


@pytest.mark.parametrize("text", ["us-east-1", "us-east-1,us-east-1", ""])
def test_several_different_regions_are_asked_for(text: str) -> None:
    assert command._regions("us-east-1,eu-west-1") == ["us-east-1", "eu-west-1"]
    with pytest.raises(argparse.ArgumentTypeError, match="expected regions as us-east-1,eu-west-1"):
        command._regions(text)


def test_event_says_its_region_only_where_it_has_one() -> None:
    routes = events.RoutesChanged(routes=3)
    assert b"region" not in events.encode(routes)
    there = events.in_region(routes, "eu-west-1")
    assert events.decode(events.encode(there)) == there
    assert there.region == "eu-west-1"
    assert events.in_region(there, "us-east-1").region == "eu-west-1"
