"""Notices that a person needs once: whether they were given on this machine is kept in the cache folder."""

from asl.pipelines.workspace.cache_folder import cache_folder


def first_time(notice: str) -> bool:
    """Whether a notice is to be given now, for the first time. Always, where the cache folder cannot be written."""
    file = cache_folder() / "notices" / notice
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError:
        pass
    return True
