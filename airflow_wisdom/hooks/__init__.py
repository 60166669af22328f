"""The hook: typed verbs over the boto3 client of Amazon Connect Wisdom."""

from airflow_wisdom.hooks.wisdom import WisdomHook

__all__ = ["WisdomHook"]
