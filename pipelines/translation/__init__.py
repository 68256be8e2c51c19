"""From clips and streams to tokens: the reader, whole clips, live video, and writers of every format."""
