"""The public names, module by module: to add, rename or remove one is a decision, and belongs into the changelog."""

PUBLIC = {
    "assets": [
        "create_asset",
    ],
    "exceptions": [
        "AccessDeniedError",
        "AirflowConnectionNotFoundError",
        "AwsError",
        "ClientConfigurationError",
        "ClientTokenUsedError",
        "ConflictError",
        "EndpointError",
        "FailedRecordReportError",
        "FailedRecordsError",
        "ImportIncompleteError",
        "ImportJobError",
        "ImportJobFailedError",
        "ImportJobTimeoutError",
        "InvalidCredentialsError",
        "InvalidRowsError",
        "OptionError",
        "PlanChangedError",
        "PlanError",
        "ResourceNotFoundError",
        "RunTimeoutError",
        "ServiceQuotaExceededError",
        "ServiceUnavailableError",
        "SourceError",
        "SourceFormatError",
        "StorageError",
        "SyncIncompleteError",
        "TemplateMismatchError",
        "ThrottlingError",
        "UnknownImportJobStatusError",
        "UnsafePlanError",
        "UploadError",
        "UploadTooLargeError",
        "UploadUrlExpiredError",
        "ValidationError",
        "WisdomError",
        "wisdom_error_of",
    ],
    "hooks": [
        "WisdomHook",
    ],
    "lineage": [
        "import_lineage",
    ],
    "links": [
        "WisdomConsoleLink",
    ],
    "model.failed_records": [
        "FailedRecords",
    ],
    "model.import_job": [
        "ImportJob",
        "ImportJobStatus",
    ],
    "model.knowledge_base": [
        "KnowledgeBase",
    ],
    "model.quick_response": [
        "QuickResponse",
        "QuickResponseStatus",
    ],
    "operators": [
        "WisdomDeleteImportJobOperator",
        "WisdomExportQuickResponsesOperator",
        "WisdomGetImportJobOperator",
        "WisdomImportQuickResponsesOperator",
        "WisdomStartImportJobOperator",
        "WisdomSyncQuickResponsesOperator",
    ],
    "rows": [
        "DEFAULT_TEMPLATE",
        "ImportTemplate",
        "Mistake",
        "Rules",
        "Validator",
        "field_limits",
        "prepare",
        "read",
    ],
    "sensors": [
        "WisdomImportJobSensor",
    ],
    "sources": [
        "SqlSource",
    ],
    "storage": [
        "Storage",
    ],
    "testing": [
        "FakeWisdom",
        "is_registered",
        "register",
    ],
    "transfers": [
        "SqlToWisdomOperator",
    ],
    "triggers": [
        "WisdomEndingsTrigger",
        "WisdomJobSensorTrigger",
        "WisdomJobsCompleteTrigger",
        "WisdomRunImportTrigger",
    ],
}
