"""A sync as people write it by hand, and public samples do: each row is searched for by its name, then written."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = "application/x.quickresponse;format=markdown"


def client(endpoint_url: str) -> Any:
    """Return a client with boto3's own retries."""
    keys = {"aws_access_key_id": "benchmark", "aws_secret_access_key": "benchmark"}
    return boto3.client("wisdom", region_name="us-east-1", endpoint_url=endpoint_url, **keys)


def sync(wisdom: Any, knowledge_base_id: str, table: Path) -> None:
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            write(wisdom, knowledge_base_id, row["Name"], row["Content"])


def write(wisdom: Any, knowledge_base_id: str, name: str, content: str) -> None:
    values = {"content": {"content": content}, "contentType": FORMAT, "isActive": True}
    found = find(wisdom, knowledge_base_id, name)
    if found is None:
        wisdom.create_quick_response(knowledgeBaseId=knowledge_base_id, name=name, **values)
    else:
        wisdom.update_quick_response(knowledgeBaseId=knowledge_base_id, quickResponseId=found, **values)


def find(wisdom: Any, knowledge_base_id: str, name: str) -> str | None:
    """Return the id of the quick response with this very name; a search knows no exact match."""
    query = {"name": "name", "operator": "CONTAINS", "values": [name]}
    pages = wisdom.get_paginator("search_quick_responses").paginate(
        knowledgeBaseId=knowledge_base_id, searchExpression={"queries": [query]}
    )
    return next((it["quickResponseId"] for page in pages for it in page["results"] if it["name"] == name), None)
