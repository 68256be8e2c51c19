"""Small video files for tests, written with PyAV."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def picture(index: int, width: int, height: int) -> np.ndarray:
    """A gradient with a bright upper left corner, so that rotation is visible."""
    image = np.full((height, width, 3), 40, dtype=np.uint8)
    image[..., 1] = np.linspace(0, 200, width, dtype=np.uint8)
    image[: height // 3, : width // 3] = 250
    image[..., 2] = (index * 7) % 255
    return image


def film(path: Path, *, frames=20, fps=25, width=64, height=48, codec="libx264", times=None, options=None, coding=None) -> Path:
    """A video of gradients; `times` (seconds) give it a variable frame rate. coding: options of the encoder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    base = Fraction(1, 90_000)
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.time_base, stream.options = width, height, base, coding or {}
        stream.codec_context.time_base = base if codec != "mpeg4" else Fraction(1, fps)
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(index, width, height), format="rgb24")
            seconds = times[index] if times is not None else index / fps
            frame.pts, frame.time_base = round(seconds / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def sound(path: Path, seconds: float = 0.5) -> Path:
    """An mp4 file with an audio track only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000)
        samples = np.zeros((1, int(16_000 * seconds)), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def talking_film(path: Path, *, seconds=1.0, first_picture=0.0, width=64, height=48) -> Path:
    """A video of gradients at 25 fps with a tone. first_picture: when the pictures start, while the tone starts at 0 s."""
    base, rate = Fraction(1, 90_000), 48_000
    codecs = ("libvpx", "libopus") if path.suffix == ".webm" else ("libx264", "aac")
    tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)
    with av.open(str(path), "w") as container:
        video, audio = container.add_stream(codecs[0], rate=25), container.add_stream(codecs[1], rate=rate)
        video.width, video.height, video.pix_fmt, video.time_base, audio.layout = width, height, "yuv420p", base, "mono"
        video.codec_context.time_base = base
        for index in range(round(25 * (seconds - first_picture))):
            frame = av.VideoFrame.from_ndarray(picture(index, width, height), format="rgb24")
            frame.pts, frame.time_base = round((first_picture + index / 25) / base), base
            container.mux(video.encode(frame))
        samples = av.AudioFrame.from_ndarray(tone[None].astype(np.float32), format="fltp", layout="mono")
        samples.sample_rate, samples.pts, samples.time_base = rate, 0, Fraction(1, rate)
        container.mux(audio.encode(samples))
        container.mux([*video.encode(), *audio.encode()])
    return path


def rotate(path: Path, turns: int) -> Path:
    """Writes a rotation by quarter turns into the display matrix of an mp4's video track, as phones do."""
    data = bytearray(path.read_bytes())
    header = data.index(b"tkhd")
    matrix = header + 4 + 4 + 20 + 16
    one, zero, minus = (0x10000).to_bytes(4, "big"), bytes(4), (-0x10000 & 0xFFFFFFFF).to_bytes(4, "big")
    unit = (0x40000000).to_bytes(4, "big")
    a, b = {0: (one, zero), 1: (zero, one), 2: (minus, zero), 3: (zero, minus)}[turns]
    c, d = {0: (zero, one), 1: (minus, zero), 2: (zero, minus), 3: (one, zero)}[turns]
    data[matrix : matrix + 36] = a + b + zero + c + d + zero + zero + zero + unit
    path.write_bytes(data)
    return path
