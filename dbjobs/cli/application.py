"""Finds an application's Jobs object by ``module:attribute``."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from types import ModuleType

from dbjobs.errors import DbjobsError, InvalidOption
from dbjobs.jobs import Jobs


class ApplicationBroken(DbjobsError):
    """Importing the application's module failed."""


def load(name: str) -> Jobs:
    """Import the module (from the current folder too) and take its Jobs object.

    Args:
        name: such as ``myapp.tasks:jobs``.

    Raises:
        InvalidOption: no such module or attribute, or it is not a Jobs object.
        ApplicationBroken: the import failed inside the module.
    """
    module_name, colon, path = name.partition(":")
    if module_name.endswith(".py"):
        dotted = module_name.removesuffix(".py").replace("/", ".").strip(".")
        raise InvalidOption(f"application {name!r} names a file; name the module: {dotted}:{path or 'jobs'}")
    if not module_name or module_name.startswith("."):
        raise InvalidOption(f"application {name!r} must be MODULE:NAME, such as myapp:jobs")
    module = _import(module_name)
    if not colon or not path:
        raise InvalidOption(f"application {name!r} names no object in the module: {_hint(module)}")
    found: object = module
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise InvalidOption(f"application {name!r}: {module_name} has no {path!r}: {_hint(module)}") from None
    if not isinstance(found, Jobs):
        raise InvalidOption(f"application {name!r} is a {type(found).__name__}, not a dbjobs.Jobs: {_hint(module)}")
    return found


def _import(name: str) -> ModuleType:
    here = os.getcwd()  # noqa: PTH109 - sys.path holds strings
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise InvalidOption(
                f"there is no module {error.name!r} in {here} or among the installed packages"
            ) from error
        raise ApplicationBroken(_told(name, error)) from error
    except DbjobsError:
        raise  # its text names the module
    except Exception as error:
        raise ApplicationBroken(_told(name, error)) from error


def _told(name: str, error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return (
        f"importing {name!r} failed: {type(error).__name__}: {error}{where}; "
        "'dbjobs --traceback ...' shows the whole story"
    )


def _hint(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if isinstance(value, Jobs)]
    if not names:
        return f"make one there, as in jobs = Jobs(url) in {module.__name__}"
    return "write " + " or ".join(f"{module.__name__}:{name}" for name in names)
