"""Who may see what: as for Airflow's simple auth manager, but for one DAG that viewers may not read, and a stranger."""

from __future__ import annotations

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

PASSWORDS = {"admin": "admin", "viewer": "viewer", "stranger": "stranger"}
"""Of the users; all but the administrator have the role of a viewer."""


class AuthManager(SimpleAuthManager):
    """Hides `secret_sync` from all but the administrator, and every DAG and asset from the stranger."""

    def is_authorized_dag(self, *, user, details=None, **kwargs):
        if user.username == "stranger" or (user.username != "admin" and details and details.id == "secret_sync"):
            return False
        return super().is_authorized_dag(user=user, details=details, **kwargs)

    def is_authorized_asset(self, *, user, **kwargs):
        return user.username != "stranger" and super().is_authorized_asset(user=user, **kwargs)
