"""From a clip or a stream to tokens: the reader, whole clips, live pictures, and writers of every format."""
