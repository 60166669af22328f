"""A DAG that gives rows to a task in every way that Airflow knows, each with texts that look like templates."""

from __future__ import annotations

from airflow.sdk import DAG, task, task_group

from airflow_wisdom.operators import WisdomImportQuickResponsesOperator
from airflow_wisdom.sources import SqlSource

TEXT = "{{ ds }} {{ conn.secret.password }}"
ROW = {"Name": "a", "Content": TEXT}
LISTS = {"Name": "b", "Content": "c", "Channels": [TEXT, "x"], "Routing Profile": (TEXT,)}


class Reading(WisdomImportQuickResponsesOperator):
    """Reads the rows as an import does, and returns them."""

    def execute(self, context):
        if self.task_id.startswith("paths"):
            return self.source
        with self.rows().open() as table:
            return [dict(row.values) for row in table.rows]


def reading(task_id, **kwargs):
    return Reading(task_id=task_id, knowledge_base_id="kb", **kwargs)


def partly(task_id, **kwargs):
    return Reading.partial(task_id=task_id, knowledge_base_id="kb", **kwargs)


@task
def text():
    return TEXT


@task
def row():
    return ROW


@task
def rows():
    return [ROW]


@task
def rows_of(number):
    return [ROW] * number


@task
def several():
    return [[ROW]]


@task
def kwargs():
    return [{"source": [ROW, LISTS]}]


with DAG("given", schedule=None) as dag:
    a_text, a_row = text(), row()
    made = rows_of.expand(number=[1, 2])
    reading("literal", source=[ROW, LISTS])
    reading("xcoms", source=[{"Name": "a", "Content": a_text, "Channels": [a_text, "x"]}, a_row, made, [ROW]])
    reading("mapped_upstream", source=made)
    reading("paths", source=["/data/{{ dag.dag_id }}.csv", a_text])
    partly("paths_partial", source=["/data/{{ dag.dag_id }}.csv", a_text]).expand(sample_size=[1])
    query = SqlSource("SELECT {{ ti.map_index }} AS Name", conn_id="database")
    partly("query_partial", source=query).expand(sample_size=[1, 2])
    partly("partial", source=[ROW, LISTS]).expand(sample_size=[1])
    partly("partial_xcoms", source=[a_row, {"Name": "a", "Content": a_text}]).expand(sample_size=[1])
    partly("expand").expand(source=[[ROW], [LISTS]])
    partly("expand_xcom").expand(source=several())
    partly("expand_kwargs").expand_kwargs([{"source": [ROW]}])
    partly("expand_kwargs_xcom").expand_kwargs(kwargs())

    @task_group
    def group(given):
        reading("argument", source=given)
        partly("partial", source=[ROW]).expand(sample_size=[1])

    @task_group
    def mapped_group(given):
        reading("argument", source=given)
        reading("argument_in_a_list", source=[given, ROW])

    group.override(group_id="other_group")([ROW])
    mapped_group.override(group_id="other_mapped_group").expand(given=[[ROW]])


with DAG("given_native", schedule=None, render_template_as_native_obj=True) as native:
    made = rows()
    reading("literal", source=[ROW, LISTS])
    made >> reading("template", source="{{ ti.xcom_pull('rows') }}")
    made >> reading("selected", source="{{ ti.xcom_pull('rows') | selectattr('Content') }}")
    partly("partial", source=[ROW, made]).expand(sample_size=[1])
    partly("expand").expand(source=[[ROW]])
