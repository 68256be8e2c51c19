"""The sound of a recording in a copy of it: the packets as they are, or encoded anew where the container needs it (PyAV)."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import av

from asl.pipelines.media.video import open_media

#: Encoders for sound that cannot be copied; the first that the container holds.
CODECS = ("aac", "libopus")
OPUS_RATE = 48_000


class Sound:
    """The sound of a file, which `write_until` adds to an output container, in step with its pictures.

    Without sound in the file, nothing is written. The first picture of the file is at 0 s. problem: why the sound is missing
    or incomplete, or "". A damaged soundtrack is no reason to go without the pictures.
    """

    def __init__(self, path: Path, output):
        self.problem, self._output, self._stream = "", output, None
        self._source = open_media(str(path))
        if self._source.streams.audio:
            self._add_stream(self._source.streams.audio[0])
        self._packets = self._made_packets() if self._stream else iter(())
        self._next = None

    def write_until(self, seconds: float) -> None:
        """Writes the sound up to a time of the pictures."""
        try:
            while (packet := self._next or next(self._packets, None)) is not None:
                self._next = packet
                if packet.pts is not None and float(packet.pts * packet.time_base) > seconds:
                    return
                self._output.mux(packet)
                self._next = None
        except (av.error.FFmpegError, ValueError) as error:
            self.problem = f"its sound is damaged: {getattr(error, 'strerror', None) or error}"
            self._packets, self._next = iter(()), None

    def close(self) -> None:
        """Closes the file."""
        self._source.close()

    def _add_stream(self, track) -> None:
        codec = track.codec_context.name
        self._copied = _takes(self._output.format.name, track)
        if self._copied:
            self._stream = self._output.add_stream_from_template(track)
            return
        encoder = next((name for name in CODECS if name in av.codecs_available and name in self._output.supported_codecs), None)
        if encoder is None:
            self.problem = f"its sound ({codec}) can neither be copied nor encoded"
            return
        rate = OPUS_RATE if encoder == "libopus" else track.codec_context.sample_rate
        self._stream = self._output.add_stream(encoder, rate=rate)
        self._stream.layout = "mono" if track.codec_context.channels == 1 else "stereo"

    def _made_packets(self) -> Iterator[av.Packet]:
        return self._copies() if self._copied else self._encoded()

    def _copies(self) -> Iterator[av.Packet]:
        track = self._source.streams.audio[0]
        for packet in self._source.demux(track):
            if packet.dts is None or packet.pts is None:  # the packet that ends a stream
                continue
            shift = round(self._first_picture / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            if packet.pts >= 0:
                packet.stream = self._stream
                yield packet

    def _encoded(self) -> Iterator[av.Packet]:
        for frame in self._source.decode(self._source.streams.audio[0]):
            if frame.pts is None:
                continue
            frame.pts -= round(self._first_picture / frame.time_base)
            if frame.pts >= 0:
                yield from self._stream.encode(frame)
        yield from self._stream.encode(None)

    @property
    def _first_picture(self) -> float:
        """When the first picture of the file is shown, in seconds of the file."""
        (video, *_) = self._source.streams.video
        return float(video.start_time * video.time_base) if video.start_time else 0.0


def _takes(container: str, track) -> bool:
    """Whether a container takes the packets of a track. Some refuse only when their header is written (Opus in QuickTime)."""
    try:
        with av.open(BytesIO(), "w", format=container) as trial:
            trial.add_stream_from_template(track)
            trial.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return False
    return True
