"""A folder or bucket that files are put into whole: under a temporary name on this machine, synced, then moved (or
uploaded) to their names. The storage of partition files is one, the target of a backup another.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final
from uuid import uuid4

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.errors import StatsigExportError, StorageError
from statsig_export.storage.errors import cause_at, says_gone, without_secrets
from statsig_export.storage.local_files import open_regular
from statsig_export.storage.new_file import SCRATCH_PREFIX, sync_folder, writing
from statsig_export.storage.opening import is_local, open_filesystem

_BLOCK: Final = 1 << 20


class Place:
    """Raises StorageError, which calls the place `named` and says `key` for what names it."""

    def __init__(self, url: str, *, named: str = "the storage", key: str = "[storage] url") -> None:
        self._fs, self._root = open_filesystem(url, named=named, key=key)
        self._local = is_local(self._fs)
        self._named, self._key = named, key
        self.place = self._root if self._local else without_secrets(str(self._fs.unstrip_protocol(self._root)))
        """The place as a message may name it."""

    def is_same(self, other: "Place") -> bool:
        """Whether both are one folder or bucket."""
        return self.normal == other.normal

    def overlaps(self, other: "Place") -> bool:
        """Whether both are one folder or bucket, or one of them is inside the other."""
        return self.normal.is_relative_to(other.normal) or other.normal.is_relative_to(self.normal)

    @property
    def normal(self) -> PurePosixPath:
        """The place by the one name that no symbolic link changes."""
        return PurePosixPath(os.path.realpath(self.place) if self._local else self.place)

    def scratch(self, mode: int = 0o666) -> Path:
        """An empty temporary file on this machine, for `install`. In a folder its rights are `mode` less the umask."""
        if not self._local:
            with writing("the folder for temporary files (TMPDIR)"):
                handle, name = tempfile.mkstemp(prefix=SCRATCH_PREFIX, suffix=".parquet")
                os.close(handle)
            return Path(name)
        temporary = Path(self._root) / f".new-{uuid4().hex[:12]}.parquet"
        with self.answering():
            Path(self._root).mkdir(parents=True, exist_ok=True)
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        return temporary

    def write(self, path: str, content: bytes, mode: int = 0o666) -> None:
        """Make a small file durable, in place of one of that name: at every moment there is one or the other, whole."""
        self.write_all({path: content}, mode)

    def write_all(self, contents: Mapping[str, bytes], mode: int = 0o666) -> None:
        """The same for several, at once where the place is a bucket. In a folder each is whole and synced before the
        first of them gets its name.
        """
        if not contents:
            return
        if not self._local:
            with self.answering():
                self._fs.pipe({f"{self._root}/{path}": content for path, content in contents.items()})
            return
        temporaries: dict[str, Path] = {}
        try:
            for path, content in contents.items():
                temporaries[path] = self.scratch(mode)
                with self.answering(), temporaries[path].open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            for path, temporary in temporaries.items():
                self._rename(temporary, path)
            for folder in {Path(self._root, path).parent for path in contents}:
                with writing(folder):
                    sync_folder(folder)
        finally:
            for temporary in temporaries.values():
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)

    def read_all(self, paths: Collection[str]) -> dict[str, bytes]:
        """The contents of small files; those that are not there are left out."""
        with self.answering():
            if self._local:
                found = {path: self._content(path) for path in paths}
                return {path: content for path, content in found.items() if content is not None}
            targets = {f"{self._root}/{path}": path for path in paths}
            answers = self._fs.cat(list(targets), on_error="return") if targets else {}
            for answer in answers.values():
                if isinstance(answer, Exception) and not (isinstance(answer, FileNotFoundError) or says_gone(answer)):
                    raise self._trouble() or answer  # to list says more: an answer to HEAD has no code of the service
            return {targets[key]: content for key, content in answers.items() if isinstance(content, bytes)}

    def read(self, path: str) -> bytes | None:
        """The same for one; None where it is not there."""
        return self.read_all([path]).get(path)

    def sizes(self, folder: str) -> dict[str, int]:
        """Every file below a folder of the place -> its bytes; none where the folder is not there."""
        with self.answering():
            if self._local:
                inner = Path(self._root, folder)
                files = inner.rglob("*") if inner.is_dir() else ()
                return {str(file.relative_to(self._root)): file.stat().st_size for file in files if file.is_file()}
            self._fs.invalidate_cache()
            try:
                found = self._fs.find(f"{self._root}/{folder}", detail=True)
            except FileNotFoundError:
                return {}
            return {
                name.removeprefix(f"{self._root}/"): int(told["size"] or 0)
                for name, told in found.items()
                if told["type"] == "file"
            }

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder of the place, sorted; none where it is not there."""
        with self.answering(), suppress(FileNotFoundError):
            if self._local:
                return sorted(entry.name for entry in os.scandir(f"{self._root}/{folder}") if entry.is_dir())
            found = self._fs.ls(f"{self._root}/{folder}", detail=True, refresh=True)
            return sorted(PurePosixPath(told["name"]).name for told in found if told["type"] == "directory")
        return []

    def install(self, temporary: Path, path: str) -> None:
        """Give a synced temporary file of `scratch` its name."""
        self._install(temporary, path)

    def unfinished(self) -> list[str]:
        """Temporary files of this place that somebody who was killed has left. A bucket has none."""
        if not self._local:
            return []
        with self.answering():
            return [file.name for file in Path(self._root).glob(".new-*.parquet")]

    def delete(self, path: str) -> None:
        """Remove a file; nothing where it is gone already."""
        with self.answering(), suppress(FileNotFoundError):
            self._fs.rm_file(f"{self._root}/{path}")

    @contextmanager
    def opened(self, path: str) -> Iterator[Any]:
        """A file of the place, open to be read. A symbolic link is followed; what is no regular file is an error."""
        with self._opened(path) as source:
            yield source

    def digest(self, path: str) -> tuple[str, int]:
        """sha256 and bytes of a file. Raises what the file system does."""
        with self._opened(path) as source:
            found = hashlib.file_digest(source, "sha256").hexdigest()
            return found, int(source.seek(0, os.SEEK_END))

    def take(self, path: str, copy: Callable[[Callable[[bytes], object]], object]) -> int:
        """Make a file of what `copy` hands, block by block, to the function that it gets; none where it raises. Returns
        its bytes.
        """
        temporary = self.scratch()
        try:
            with temporary.open("wb") as file:
                copy(lambda block: self._add(file, block))
                with self.answering():
                    file.flush()
                    os.fsync(file.fileno())
                size = file.tell()
            reach(CrashPoint.COPIED)
            self._install(temporary, path)
            return size
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _add(self, file: Any, block: bytes) -> None:  # noqa: ANN401  an open file
        with self.answering():
            file.write(block)

    def _content(self, path: str) -> bytes | None:
        try:
            with open_regular(f"{self._root}/{path}") as file:
                return file.readall()
        except FileNotFoundError:
            return None

    def _opened(self, path: str) -> Any:  # noqa: ANN401  fsspec ships no types
        target = f"{self._root}/{path}"
        if self._local:
            return open_regular(target)
        self._fs.invalidate_cache(target)
        return self._fs.open(target, "rb")

    def _install(self, temporary: Path, path: str) -> None:
        target = f"{self._root}/{path}"
        if not self._local:
            with self.answering():
                self._fs.put_file(str(temporary), target)
            temporary.unlink()
            return
        folder = self._rename(temporary, path)
        with writing(folder):
            sync_folder(folder)

    def _rename(self, temporary: Path, path: str) -> Path:
        """Give a synced file of a folder its name there. Returns the folder, which is to be synced."""
        target = Path(self._root, path)
        with writing(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir():  # in the place of a file that is written again; one that is not empty stays
                target.rmdir()
            temporary.replace(target)
            reach(CrashPoint.FILE_RENAMED)
        return target.parent

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Errors about the place as a whole."""
        try:
            yield
        except StatsigExportError:
            raise
        except Exception as error:  # each file system has errors of its own
            raise self._away(error) from error

    def _trouble(self) -> Exception | None:
        """What is wrong with the storage as a whole; None where it answers."""
        try:
            if self._local:
                os.scandir(self._root).close()
            else:
                self._fs.ls(f"{self._root}/events", detail=False, refresh=True)
        except Exception as error:  # noqa: BLE001  each file system has errors of its own
            return None if not self._local and says_gone(error) else error
        return None

    def _away(self, error: Exception) -> StorageError:
        cause = cause_at(error, self.place)
        hint = cause.hint.replace("[storage] url", self._key)
        return StorageError(f"{self._named} {self.place} cannot be read or written ({cause.words})", hint=hint)


def blocks(source: Any) -> Iterator[bytes]:  # noqa: ANN401  an open file
    """What is left of a file, block by block."""
    while block := source.read(_BLOCK):
        yield block
