import json
import shutil

from asl.pipelines.media.pose_files import write_pose
from asl.pipelines.studies.experiment import _by_clip
from tests.made_up_signing import signing
from tests.running_asl import result


def test_clips_of_the_same_name_have_scores_of_their_own(trained, tmp_path, asl):
    """Two folders may both contain signer2__sign0__2.pose: names are unique only among clips that were extracted together."""
    workspace = shutil.copytree(trained, tmp_path / "ws")
    names = [json.loads(line)["name"] for line in (workspace / "clips.jsonl").read_text().splitlines()]
    for number, name in enumerate(names):
        write_pose(tmp_path / "more" / name, signing(int(name.split("__sign")[1][0]), seed=1000 + number))
    asl("extract", "-w", workspace, "--poses", tmp_path / "more", "--add", check=0)
    found = result(asl("evaluate", "-w", workspace, "--format", "json", check=0))["results"]
    assert len({row["name"] for row in found["clips"]}) == found["signs"] / 2
    assert len(_by_clip(found)) == found["signs"]
