"""The page of a training."""

import json

import pytest

from asl.pipelines.training.ctc_report import curves_figure, write_report


def history(epochs: int, *, validated: bool = True) -> list[dict]:
    validation = {"validation_score": 0.5, "validation_loss": 2.0} if validated else {}
    return [{"epoch": n, "loss": 3.0 - n, "blank_share": 0.9 * (n > 0), "seconds": 1.0, **validation} for n in range(epochs)]


@pytest.mark.parametrize("epochs", [1, 2, 4, 30])
def test_epochs_are_whole_numbers_from_one_and_shares_start_at_zero(epochs):
    figure = curves_figure([history(epochs), history(epochs)], kept_epoch=1)
    assert [axes.get_title() for axes in figure.axes] == ["loss", "frames read as blank, %", "validation score, %"]
    figure.canvas.draw()
    for axes in figure.axes:
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert ticks
        assert all(tick == round(tick) for tick in ticks)
        assert axes.lines[0].get_xdata()[0] == 1
    assert figure.axes[1].get_ylim()[0] == 0, "the first share is 0, below which a margin would leave room"
    assert figure.axes[0].get_ylim()[0] == 0 if epochs <= 4 else figure.axes[0].get_ylim()[0] < 0


def test_the_page_shows_every_member_and_says_that_nothing_was_validated(tmp_path):
    metrics = {
        "model": "ctc-1", "members": 2, "glosses": 4, "train_clips": 8, "parameters": 100, "parameters_per_clip": 12.5,
        "epochs": 3, "kept_epoch": 3, "loss": 0.1, "validation_score": None, "validation_clips": 0, "seconds": 2.0,
        "synthetic_clips": 8,
    }  # fmt: skip
    for folder in (tmp_path / "m", tmp_path / "m" / "member1"):
        folder.mkdir()
        (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history(3, validated=False)))
    write_report(tmp_path / "train.html", tmp_path / "m", metrics, ["blank collapse"])
    page = (tmp_path / "train.html").read_text()
    for text in ("no validation clips", "synthetic", "blank collapse", "averages 2 members", "data:image/svg"):
        assert text in page
    write_report(tmp_path / "train.html", tmp_path / "m", metrics, [], 0.25)
    assert "the mean of the weights of the last 25" in (tmp_path / "train.html").read_text()
