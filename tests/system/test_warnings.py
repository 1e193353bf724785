"""Warnings of a process of otpy's: also to its log, but not from what is forked from it."""

import os

import pytest

from otpy.system import warnings


def test_a_warning_goes_to_the_log_of_its_own_process_alone(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(warnings, "_others", [])
    told: list[str] = []
    warnings.also_warn(lambda text: told.append(f"before: {text}"))
    warnings.also_warn(told.append)
    warnings.warn("no room")
    assert told == ["no room"]
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)  # as in a process forked from it
    warnings.warn("no room in a child")
    assert told == ["no room"]
    assert capfd.readouterr().err == "otpy: no room\notpy: no room in a child\n"
