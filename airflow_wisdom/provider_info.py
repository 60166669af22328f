"""What Airflow learns about this package when it discovers providers: plain data."""

from __future__ import annotations

from typing import Any

from airflow_wisdom.model.limits import MAX_ACTIVE_JOBS, MAX_FILE_BYTES, SAMPLE_SIZE

_INTEGRATION = "Amazon Connect Wisdom"
_SQL = "Common SQL"
"""As the common.sql provider calls it."""


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
                "python-modules": ["airflow_wisdom.triggers"],
            }
        ],
        "sensors": [{"integration-name": _INTEGRATION, "python-modules": ["airflow_wisdom.sensors"]}],
        "operators": [{"integration-name": _INTEGRATION, "python-modules": ["airflow_wisdom.operators"]}],
        "transfers": [
            {
                "source-integration-name": _SQL,
                "target-integration-name": _INTEGRATION,
                "python-module": "airflow_wisdom.transfers",
            }
        ],
        # From Airflow 3.2 on; older ones do not look at it.
        "cli": ["airflow_wisdom.cli.in_airflow.commands"],
        "extra-links": ["airflow_wisdom.links.WisdomConsoleLink"],
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
                    "service_name": _option(
                        "string",
                        "wisdom",
                        "Name of the boto3 client: wisdom or qconnect, two names of one service.",
                        "qconnect",
                    ),
                    "upload_max_bytes": _option(
                        "integer",
                        str(MAX_FILE_BYTES),
                        "Largest file that is uploaded, in bytes. AWS names two limits, 1 MB (guide) and 5 MB (service "
                        "quotas): the default is the smaller.",
                        "5000000",
                    ),
                    "max_active_import_jobs": _option(
                        "integer",
                        str(MAX_ACTIVE_JOBS),
                        "Import jobs that one task keeps running at a time, where a file needs several.",
                        "1",
                    ),
                    "import_template": _option(
                        "string",
                        "",
                        "Header of the import files: the path or URI of a template file, such as the one that your "
                        "Amazon Connect admin site hands out, or the labels, separated by commas. Empty: the header "
                        "that this package assumes.",
                        "/opt/airflow/include/Responses Import Template.csv",
                    ),
                    "sample_size": _option(
                        "integer",
                        str(SAMPLE_SIZE),
                        "Invalid rows and refused records that are shown in a task's log and kept in XCom, at most; "
                        "0: none. They are texts of yours.",
                        "0",
                    ),
                    "redacted_parameters": _option(
                        "string",
                        "",
                        "Query parameters by which a presigned URL is recognised in messages, beside those of Amazon "
                        "S3, separated by commas: of a gateway or proxy that signs URLs of its own.",
                        "token,sig",
                    ),
                    "calls_per_second": _option(
                        "float",
                        "5.0",
                        "Calls a second that a process makes at most through one AWS connection while it waits for "
                        "import jobs, or syncs or exports quick responses. AWS allows 10 for all clients of an account "
                        "and region: the default is half, for each process.",
                        "2.0",
                    ),
                    "gc_freeze": _option(
                        "boolean",
                        "True",
                        "Whether a process that waits for import jobs, syncs or exports takes what it has loaded out "
                        "of the sight of Python's garbage collector, once, so that its passes do not hold up triggers.",
                        "False",
                    ),
                },
            }
        },
    }


def _option(kind: str, default: str, description: str, example: str) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": kind,
        "example": example,
        "default": default,
    }
