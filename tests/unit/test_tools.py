from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.py", "x\n" * 400, 0),
        ("a.py", "x\n" * 401, 1),
        ("a.md", "x\n" * 401, 0),
        ("a.sh", "curl https://" + "pypi" + ".org/simple\n", 1),
        ("a.md", "cd /" + "work/main\n", 1),
        ("a.md", "see https://example.com/work/home and ../work/x\n", 0),
        ("a.py", "data = '/" + "home/ann/data'\n", 1),
    ],
)
def test_breaches_of_the_tree(name: str, text: str, expected: int) -> None:
    assert len(list(tool("check_tree").breaches(Path(name), text))) == expected


def test_a_required_tier_that_only_skipped_or_is_absent_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    count = tool("count_tests")
    monkeypatch.setattr(count, "BUILD", tmp_path)
    (tmp_path / "test.xml").write_text(
        '<testsuites><testsuite><testcase classname="tests.unit.test_a" name="a"/>'
        '<testcase classname="tests.unit.test_a" name="b"><failure/></testcase>'
        '<testcase classname="tests.integration.test_b" name="c"><skipped/></testcase></testsuite></testsuites>'
    )
    (tmp_path / "fault.xml").write_text(
        '<testsuites><testsuite><testcase classname="tests.integration.test_b" name="d"/></testsuite></testsuites>'
    )
    assert count.main(["unit", "fault"]) == 0
    assert capsys.readouterr().out.endswith("2 passed, 1 failed, 1 skipped\n")
    assert count.main(["unit", "integration", "acceptance"]) == 1
    assert "ran no test: integration, acceptance" in capsys.readouterr().out
