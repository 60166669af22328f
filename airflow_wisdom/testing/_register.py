"""Make moto aware of the backend in `airflow_wisdom.testing.wisdom`.

moto has no plugin mechanism. Tables are extended, and no function is replaced:

* `sys.modules["moto.wisdom"]`: where `moto.backends.get_backend` imports a service from
* `moto.backend_index.backend_url_patterns`: URL -> service, read on every request
* the `url_paths` of moto's own control API, for the switches, and of its Amazon Connect, for two operations
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ALIAS = "moto.wisdom"
PACKAGE = f"{__package__}.wisdom"
_lock = RLock()


def is_registered() -> bool:
    """Whether moto knows the service."""
    ours = sys.modules.get(PACKAGE)
    return ours is not None and sys.modules.get(ALIAS) is ours


def register() -> None:
    """Let `mock_aws` and moto's server know the service: from any thread, any time, any number of times."""
    with _lock, installed():
        if not is_registered():
            _add_urls()
            _alias()


@contextmanager
def installed() -> Iterator[None]:
    """Say how to install what an import in the block does not find."""
    try:
        yield
    except ModuleNotFoundError as exc:
        missing = f"The fake service needs {exc.name}: pip install 'airflow-wisdom[testing]'"
        raise ModuleNotFoundError(missing, name=exc.name) from exc


def _alias() -> None:
    """Publish the package and its modules under moto's names.

    The modules too: `moto.wisdom.models`, imported a second time, would be a copy with a state of its own.
    """
    import moto

    package = importlib.import_module(PACKAGE)
    for module in pkgutil.iter_modules(package.__path__):
        sys.modules[f"{ALIAS}.{module.name}"] = importlib.import_module(f"{PACKAGE}.{module.name}")
    moto.wisdom = package  # type: ignore[attr-defined]  # the name that `import moto.wisdom` binds
    sys.modules[ALIAS] = package


def _add_urls() -> None:
    from moto import backend_index
    from moto.connect import urls as connect_urls
    from moto.moto_api._internal import urls as moto_api_urls

    urls = importlib.import_module(f"{PACKAGE}.urls")
    patterns = [("wisdom", re.compile(base)) for base in urls.url_bases]
    # In place, because moto's server holds on to the list itself. At the end, where moto would have them:
    # a bucket called "wisdom" stays S3's.
    backend_index.backend_url_patterns.extend(patterns)
    connect_urls.url_paths.update(urls.connect_paths)
    moto_api_urls.url_paths.update(urls.moto_api_paths)
    _add_to_running_mock([pattern for _, pattern in patterns])


def _add_to_running_mock(patterns: list[re.Pattern[str]]) -> None:
    """Boto3 needs no more, but `requests` does if `mock_aws` was entered before."""
    from moto.core import models
    from moto.core.custom_responses_mock import CallbackResponse

    if not models.botocore_stubber.enabled:
        return
    answer = models.botocore_stubber.process_prepared_request
    for method in models.RESPONSES_METHODS:
        for pattern in patterns:
            models.responses_mock.add(CallbackResponse(method=method, url=pattern, callback=answer))
