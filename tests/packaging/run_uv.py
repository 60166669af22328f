"""Run uv with the package index and the certificates that pip is configured with, which uv does not look at itself.

Nothing of it is written anywhere: a mirror's address may hold a password.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

TRUST = "UV_SYSTEM_CERTS"
"""Lets uv trust whom the system trusts, such as a proxy that looks into TLS."""

VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "find-links": "UV_FIND_LINKS",
}
"""Setting of pip -> environment variable of uv. What is set for uv itself comes first."""


SEPARATORS = {"find-links": ","}
"""Setting of pip -> what stands between several values of its variable. Default: a space."""

WITH_INDEX = (["pip", "install"], ["pip", "compile"], ["pip", "sync"])
"""Commands of uv that ask an index; uv has no variable for asking none."""

OFF = {"", "0", "f", "false", "n", "no", "off"}
"""What pip takes for no."""


def settings_of_pip(listing: str) -> dict[str, str]:
    """Return what `pip config list` says: a variable counts more than a file, and a command's section more than others.

    :param listing: Its output: lines such as `global.index-url='https://...'`.
    """
    found: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, setting = name.rpartition(".")
        rank = ("global", "install", ":env:").index(section) if section in ("global", "install", ":env:") else -1
        if rank >= found.get(setting, (-1, ""))[0] and rank >= 0:
            found[setting] = (rank, str(ast.literal_eval(value)))
    return {setting: value for setting, (_, value) in found.items()}


def environment_of_uv(pip: dict[str, str], environment: dict[str, str]) -> dict[str, str]:
    """Return the environment that makes uv ask where pip asks.

    :param pip: What :func:`settings_of_pip` returned.
    :param environment: The environment that there is.
    """
    given = {
        variable: SEPARATORS.get(setting, " ").join(pip[setting].split())
        for setting, variable in VARIABLES.items()
        if pip.get(setting)
    }
    if "UV_INDEX" in given:
        # As pip does it: the best version of all indexes.
        given["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {TRUST: "true", **given, **environment}


def arguments_of_uv(pip: dict[str, str], arguments: list[str]) -> list[str]:
    """Return the arguments that make uv ask no index where pip asks none.

    :param pip: What :func:`settings_of_pip` returned.
    :param arguments: The arguments that were given.
    """
    asks_none = pip.get("no-index", "").strip().lower() not in OFF and arguments[:2] in WITH_INDEX
    return [*arguments[:2], *(["--no-index"] if asks_none else []), *arguments[2:]]


def main() -> None:
    """Become uv, with the arguments that were given."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    uv = Path(sys.executable).with_name("uv")
    pip = settings_of_pip(listing)
    os.execve(uv, [str(uv), *arguments_of_uv(pip, sys.argv[1:])], environment_of_uv(pip, dict(os.environ)))


if __name__ == "__main__":
    main()
