"""Reading, writing and looking at files: a call has none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hammerstone.sandbox.conformance.attack import Attack, Outside

if TYPE_CHECKING:
    from hammerstone.types import JSON

__all__ = ["ATTACKS"]


def _outside(outside: Outside) -> dict[str, JSON]:
    return {"file": str(outside.file), "folder": str(outside.folder)}


def _home(_outside: Outside) -> dict[str, JSON]:
    return {"home": str(Path.home())}


def _source(_outside: Outside) -> dict[str, JSON]:
    return {"source": str(Path(__file__).resolve())}


ATTACKS = (
    Attack(
        name="read_a_file_outside",
        description="open a file of the host that every user may read",
        arguments=_outside,
        program="def attack(file, folder):\n    return 'escaped: ' + open(file).read()\n",
    ),
    Attack(
        name="read_the_users_of_the_host",
        description="open /etc/passwd",
        program="def attack():\n    return 'escaped: ' + open('/etc/passwd').read()[:80]\n",
    ),
    Attack(
        name="read_by_way_of_parent_folders",
        description="climb out of the working folder with ../..",
        arguments=_outside,
        program="def attack(file, folder):\n    return 'escaped: ' + open('../' * 30 + file.lstrip('/')).read()\n",
    ),
    Attack(
        name="read_by_way_of_proc_root",
        description="open a file of the host through /proc/self/root and /proc/1/root",
        arguments=_outside,
        program="""
def attack(file, folder):
    for root in ("/proc/self/root", "/proc/1/root", "/proc/thread-self/root", "/dev/fd/../root"):
        try:
            return "escaped: " + open(root + file).read()
        except OSError:
            pass
""",
    ),
    Attack(
        name="read_by_a_symbolic_link",
        description="make a link to a file outside and read through it",
        arguments=_outside,
        program="""
import os
def attack(file, folder):
    os.symlink(file, "link")
    return "escaped: " + open("link").read()
""",
    ),
    Attack(
        name="read_by_a_hard_link",
        description="make a second name for a file outside",
        arguments=_outside,
        program="""
import os
def attack(file, folder):
    os.link(file, "link")
    return "escaped: " + open("link").read()
""",
    ),
    Attack(
        name="list_a_folder_outside",
        description="list the names in a folder of the host",
        arguments=_outside,
        program="import os\ndef attack(file, folder):\n    return 'escaped: ' + ' '.join(os.listdir(folder))\n",
    ),
    Attack(
        name="list_the_home_folder",
        description="list the home folder of the user who runs hammerstone",
        arguments=_home,
        program="""
import os
def attack(home):
    names = os.listdir(home)
    return "escaped: " + " ".join(names) if len(names) > 1 else "only what leads to the interpreter"
""",
    ),
    Attack(
        name="read_the_source_of_hammerstone",
        description="open the source of the program that judges the generated code",
        arguments=_source,
        program="def attack(source):\n    return 'escaped: ' + open(source).read()[:80]\n",
    ),
    Attack(
        name="write_a_file_outside",
        description="create a file in a folder that every user may write",
        arguments=_outside,
        program="def attack(file, folder):\n    open(folder + '/planted', 'w').write('x')\n    return 'escaped'\n",
    ),
    Attack(
        name="write_into_shared_folders",
        description="create a file in /tmp, /var/tmp, /dev/shm, /run or /",
        program="""
def attack():
    for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/"):
        try:
            with open(folder + "/hammerstone-planted", "w") as file:
                file.write("x")
        except OSError:
            continue
        import os
        os.unlink(folder + "/hammerstone-planted")
        return "escaped: " + folder
""",
    ),
    Attack(
        name="change_a_file_outside",
        description="append to, truncate, chmod, touch, rename or remove a file of the host",
        arguments=_outside,
        program="""
import os
def attack(file, folder):
    deeds = (
        lambda: open(file, "a").write("x"), lambda: os.truncate(file, 0), lambda: os.chmod(file, 0o600),
        lambda: os.utime(file, (0, 0)), lambda: os.rename(file, file + "2"), lambda: os.unlink(file),
    )
    for deed in deeds:
        try:
            deed()
            return "escaped"
        except OSError:
            pass
""",
    ),
    Attack(
        name="read_the_environment_of_other_processes",
        description="open environ, cmdline, maps and mem of the parent and of process 1",
        arguments=lambda outside: {"worker": outside.worker},
        program="""
import os
def attack(worker):
    for pid in (os.getppid(), worker, 1):
        for name in ("environ", "cmdline", "maps", "mem"):
            try:
                open(f"/proc/{pid}/{name}", "rb").close()
                return f"escaped: {pid} {name}"
            except OSError:
                pass
""",
    ),
    Attack(
        name="reopen_descriptors_through_proc",
        description="list and open /proc/self/fd",
        program="""
import os
def attack():
    for name in os.listdir("/proc/self/fd"):
        return "escaped: " + os.readlink("/proc/self/fd/" + name)
""",
    ),
    Attack(
        name="open_devices",
        description="open memory, terminals and disks under /dev, or make such a device",
        program="""
import os, stat
def attack():
    for name in ("mem", "kmsg", "tty", "ptmx", "vda", "sda", "kvm", "fuse"):
        try:
            os.close(os.open("/dev/" + name, os.O_RDWR))
            return "escaped: " + name
        except OSError:
            pass
    os.mknod("device", 0o600 | stat.S_IFCHR, os.makedev(1, 1))
    return "escaped: mknod"
""",
    ),
    Attack(
        name="change_the_root_folder",
        description="chroot into the working folder, the first step out of a chroot",
        program="import os\ndef attack():\n    os.chroot('.')\n    return 'escaped'\n",
    ),
    Attack(
        name="learn_what_files_there_are",
        description="size, owner, dates and access of a file that cannot be read",
        arguments=_outside,
        program="""
import os
def attack(file, folder):
    for look in (os.stat, os.lstat, os.statvfs, lambda path: os.access(path, os.R_OK) or 1 / 0, os.path.getsize):
        try:
            return "escaped: " + str(look(file))
        except (OSError, ZeroDivisionError):
            pass
""",
    ),
    Attack(
        name="read_the_library",
        description="open and list the interpreter's own files, which the worker itself could read",
        program="""
import json, os
def attack():
    for look in (open, os.listdir):
        for path in (json.__file__, os.path.dirname(json.__file__)):
            try:
                return "escaped: " + str(look(path))
            except OSError:
                pass
""",
    ),
    Attack(
        name="write_a_file_anywhere",
        description="make a file, a folder, a nameless file or a link in the working folder",
        program="""
import os
def attack():
    deeds = (
        lambda: open("large", "wb"), lambda: os.mkdir("folder"), lambda: os.symlink("a", "b"), lambda: os.mkfifo("p"),
        lambda: os.open(".", os.O_RDWR | os.O_TMPFILE), lambda: os.open("held", os.O_RDWR | os.O_CREAT),
    )
    for number, deed in enumerate(deeds):
        try:
            deed()
            return "escaped: %d" % number
        except OSError:
            pass
""",
    ),
)
