"""What a disk may hold after the power fails: a model of files and names, fed with the calls of a run.

A file's content is durable once fsync of it has returned. Until then, each piece (a sector of 512 bytes or a page of 4096) is, by
itself, as after any of the writes since the last fsync, or as before them; so is the length. Names become durable in their order,
at the latest with fsync of the folder.
"""
import os


class File:
    """The contents since the last fsync: the durable one first, then one after each change."""

    def __init__(self, content=b""):
        self.versions = [content]

    def write(self, offset, data):
        content = bytearray(self.versions[-1])
        if len(content) < offset:
            content += bytes(offset - len(content))
        content[offset:offset + len(data)] = data
        self.versions.append(bytes(content))

    def resize(self, size):
        self.versions.append(self.versions[-1][:size].ljust(size, b"\0"))

    def sync(self):
        del self.versions[:-1]

    def torn(self, numbers, piece):
        """One of the contents that a crash may leave, drawn piece by piece; some draws leave nearly all, some nearly nothing."""
        newest = numbers.random()

        def version():
            return self.versions[-1] if numbers.random() < newest else numbers.choice(self.versions)
        size = len(version())
        return b"".join(cut(version(), start, min(start + piece, size)) for start in range(0, size, piece))

    def single(self, piece):
        """The contents in which one changed piece is old and all others are new, and the reverse."""
        old, new = self.versions[0], self.versions[-1]
        size = max(len(old), len(new))
        for start in range(0, size, piece):
            end = min(start + piece, size)
            before, after = cut(old, start, end), cut(new, start, end)
            if before != after:
                yield (new[:start].ljust(start, b"\0") + before + new[end:])[:max(len(new), end)]
                yield old[:start].ljust(start, b"\0") + after + old[end:]


def cut(content, start, end):
    return content[start:end].ljust(end - start, b"\0")


class Disk:
    """Files by inode, and the names in their durable state with the changes that aren't durable yet."""

    def __init__(self, folder):
        self.files, self.names, self.pending = {}, {}, []
        for path in folder.rglob("*"):
            if path.is_file():
                inode = path.stat().st_ino
                self.files[inode] = File(path.read_bytes())
                self.names[str(path)] = inode

    def current(self):
        names = dict(self.names)
        for change in self.pending:
            apply(names, change)
        return names

    def perform(self, call):
        """Applies a call of the log (see program.Call); True if it changed something."""
        if call.result < 0:
            return False
        if call.kind in ("create", "open"):
            if call.kind == "create" and call.inode not in self.current().values():
                self.files[call.inode] = File()
                self.pending.append(("add", call.path, call.inode))
            elif call.count & os.O_TRUNC:
                self.files[call.inode].resize(0)
            else:
                return False
        elif call.kind in ("write", "pwrite"):
            self.files[call.inode].write(call.offset, bytes.fromhex(call.data))
        elif call.kind == "ftruncate":
            self.files[call.inode].resize(call.count)
        elif call.kind in ("fsync", "fdatasync"):
            if call.inode in self.files:
                self.files[call.inode].sync()
            else:
                self.sync_folder(call.path)
        elif call.kind == "rename":
            self.pending.append(("rename", call.path, call.second))
        elif call.kind == "link":
            inode = call.inode or self.current().get(call.path)
            if inode is None:
                return False
            self.pending.append(("add", call.second, inode))
        elif call.kind == "unlink":
            self.pending.append(("remove", call.path, None))
        elif call.kind in ("copy_file_range", "sendfile", "truncate", "fallocate"):
            raise SystemExit(f"crash tests: disk_model.py doesn't know {call.kind} yet; add it")
        else:
            return False
        return True

    def sync_folder(self, folder):
        """Makes the changes in `folder` durable, and those before them, which a journal writes first."""
        last = max((index for index, (_, path, second) in enumerate(self.pending)
                    if folder in (os.path.dirname(path), os.path.dirname(str(second)))), default=-1)
        for change in self.pending[:last + 1]:
            apply(self.names, change)
        del self.pending[:last + 1]

    def images(self, path, numbers, count, piece=4096):
        """Contents that the file `path` may have after a crash now, with what they are: that of the running system, those with a
        single piece of `piece` bytes lost or kept, and `count` drawn ones."""
        inode = self.current().get(path)
        yield "all", self.files[inode].versions[-1] if inode else None
        if inode:
            for index, image in enumerate(self.files[inode].single(piece)):
                yield f"{'all but one' if index % 2 == 0 else 'one'} (piece {index // 2})", image
        for index in range(count):
            names = dict(self.names)
            for change in self.pending[:numbers.randrange(len(self.pending) + 1)]:
                apply(names, change)
            inode = names.get(path)
            yield f"subset {index + 1}", self.files[inode].torn(numbers, numbers.choice((512, 4096))) if inode else None

    def folder_image(self, numbers):
        """What all files may have after a crash now, by path: drawn contents under names of which a prefix of the changes is durable."""
        names = dict(self.names)
        for change in self.pending[:numbers.randrange(len(self.pending) + 1)]:
            apply(names, change)
        return {path: self.files[inode].torn(numbers, numbers.choice((512, 4096))) for path, inode in sorted(names.items())}


def apply(names, change):
    kind, path, value = change
    if kind == "add":
        names[path] = value
    elif kind == "remove":
        names.pop(path, None)
    elif path in names:
        names[value] = names.pop(path)
