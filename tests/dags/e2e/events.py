"""Schedules that wait for what happens to a knowledge base: at AWS, and in another DAG."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import DAG, AssetAlias, AssetWatcher, task

from airflow_wisdom.assets import create_asset
from airflow_wisdom.operators import WisdomStartImportJobOperator
from airflow_wisdom.triggers import WisdomEndingsTrigger

SOURCE = Path(__file__).parents[3] / "dags_examples" / "data" / "quick_responses.csv"
WHERE = {"owner": "aws_default", "region_name": "us-east-1"}

watched = create_asset(knowledge_base_id=os.environ.get("E2E_WATCHED", "watched"), **WHERE)
trigger = WisdomEndingsTrigger(knowledge_base_id=os.environ.get("E2E_WATCHED", "watched"), poll_interval=2)
watched.watchers = [AssetWatcher(name="ended", trigger=trigger)]
loaded = create_asset(knowledge_base_id=os.environ.get("E2E_LOADED", "loaded"), **WHERE)


@task
def read(triggering_asset_events=None):
    """Return what the events say."""
    return [event.extra for events in triggering_asset_events.values() for event in events]


for name, schedule in {"on_ending": watched, "on_asset": loaded, "on_alias": AssetAlias("imports")}.items():
    with DAG(name, schedule=[schedule]) as dag:
        read()
    globals()[name] = dag

with DAG("import", schedule=None) as dag:
    WisdomStartImportJobOperator(
        task_id="load",
        knowledge_base_id=os.environ.get("E2E_LOADED", "loaded"),
        source=str(SOURCE),
        deferrable=True,
        outlets=[loaded, AssetAlias("imports")],
    )
