"""`saga record`, on a few stories of each kind."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.operate import archive

pytestmark = pytest.mark.verifier


def test_recorded_stories_replay_and_take_the_place_of_older_ones(tmp_path: Path) -> None:
    said = [{"name": name, "ending": "old"} for name in ("PlaceOrder-blocked-refund-fast", "kept")]
    archive.write(tmp_path, said, {record["name"]: {} for record in said})
    done = CliRunner().invoke(app, ["record", str(tmp_path), "--only", "blocked-refund"])
    assert done.exit_code == 0, done.output
    told = {item["name"]: item["ending"] for item in archive.manifest(tmp_path)}
    assert told.pop("kept") == "old"
    assert told["PlaceOrder-blocked-refund-fast"] == "blocked"
    assert told["PlaceOrder-blocked-refund-resolved-by-retry-queues-services"] == "rejected"
    archive.write(
        tmp_path,
        [item for item in archive.manifest(tmp_path) if item["name"] != "kept"],
        {item.name: item.history for item in archive.read(tmp_path / archive.NAME)},
    )
    replayed = CliRunner().invoke(app, ["replay", str(tmp_path)])
    assert f"{len(told)} replayed, 0 differ" in replayed.output


def test_a_name_that_no_story_has_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["record", str(tmp_path), "--only", "nonsense"])
    assert done.exit_code == 2
    assert not list(tmp_path.iterdir())
