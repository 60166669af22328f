"""What Airflow learns about this package when it discovers providers: plain data."""

from __future__ import annotations

from typing import Any

_INTEGRATION = "Amazon Connect Wisdom"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description; its form is Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-wisdom",
        "name": _INTEGRATION,
        "description": "Import jobs of Amazon Connect Wisdom, today Amazon Q in Connect.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://docs.aws.amazon.com/connect/latest/adminguide/",
                "tags": ["aws"],
            }
        ],
        "hooks": [{"integration-name": _INTEGRATION, "python-modules": ["airflow_wisdom.hooks"]}],
        "triggers": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": ["airflow_wisdom.triggers", "airflow_wisdom.event_triggers"],
            }
        ],
        "sensors": [{"integration-name": _INTEGRATION, "python-modules": ["airflow_wisdom.sensors"]}],
        "operators": [{"integration-name": _INTEGRATION, "python-modules": ["airflow_wisdom.operators"]}],
        "asset-uris": [
            {
                "schemes": ["wisdom"],
                "handler": "airflow_wisdom.assets.sanitize_uri",
                "factory": "airflow_wisdom.assets.create_asset",
                "to_openlineage_converter": "airflow_wisdom.assets.convert_asset_to_openlineage",
            }
        ],
        "config": {
            "wisdom": {
                "description": "Options of the provider of Amazon Connect Wisdom.",
                "options": {
                    "calls_per_second": {
                        "description": (
                            "Calls a second that the triggerer makes at most while it waits for import jobs, "
                            "for each AWS connection. AWS allows 10 for all clients of an account and region."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "2.0",
                        "default": "5.0",
                    },
                    "gc_freeze": {
                        "description": (
                            "Whether a process that waits for import jobs takes what it has loaded out of the sight of "
                            "Python's garbage collector, once, so that its passes do not hold up the triggers."
                        ),
                        "version_added": "0.1.0",
                        "type": "boolean",
                        "example": None,
                        "default": "True",
                    },
                },
            }
        },
    }
