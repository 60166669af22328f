"""The knowledge bases of all DAGs beside this file, each named once, with what watches it."""

from __future__ import annotations

import os

from airflow.sdk import AssetWatcher

from airflow_wisdom.assets import create_asset
from airflow_wisdom.triggers import WisdomEndingsTrigger

SUPPORT = os.environ.get(
    "WISDOM_SUPPORT", "arn:aws:wisdom:us-east-1:123456789012:knowledge-base/00000000-0000-0000-0000-000000000000"
)

# [START module]
support = create_asset(
    knowledge_base_id=SUPPORT,
    name="Support answers",
    group="Wisdom",
    watchers=[AssetWatcher(name="import_job_ended", trigger=WisdomEndingsTrigger(knowledge_base_id=SUPPORT))],
)
# [END module]
