mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-west-2" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mocked" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-2:123456789012:log-group:mocked" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-2:123456789012:function:mocked" }
  }
  mock_resource "aws_lambda_invocation" {
    defaults = { result = "{\"ok\":true}" }
  }
}

override_resource {
  target = aws_lambda_function.this["testdb"]
  values = { arn = "arn:aws:lambda:eu-west-2:123456789012:function:postern-testdb-app-staging" }
}

variables {
  name                   = "app-staging"
  artifact_path          = "bootstrap.zip"
  artifact_sha256_base64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
  subnet_ids             = ["subnet-0aaaaaaaaaaaaaaaa"]
  security_group_ids     = ["sg-0cccccccccccccccc"]
  database = {
    endpoint          = { host = "app-staging.cluster-c0ffee.eu-west-2.rds.amazonaws.com", port = 5432 }
    resource_id       = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    master_secret_arn = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!cluster-0b1c-AbCdEf"
  }
}

run "nothing_happens_by_itself" {
  assert {
    condition     = length(aws_lambda_invocation.apply) == 0 && length(aws_scheduler_schedule.sweep) == 0 && length(aws_cloudwatch_metric_alarm.failures) == 0 && length(aws_cloudwatch_metric_alarm.errors) == 0
    error_message = "Invocation, schedule and alarms are for those who ask for them."
  }
}

run "a_new_artefact_is_applied" {
  variables {
    invoke_after_deploy = true
    invocation_triggers = { endpoints = "vpce-0a" }
  }
  assert {
    condition     = aws_lambda_invocation.apply[0].function_name == "postern-bootstrap-app-staging" && aws_lambda_invocation.apply[0].triggers == tomap({ artefact = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", endpoints = "vpce-0a" })
    error_message = "Triggers: ${jsonencode(aws_lambda_invocation.apply[0].triggers)}"
  }
  assert {
    condition     = jsondecode(aws_lambda_invocation.apply[0].input) == { action = "apply", tf = { action = "create" } }
    error_message = "All databases, and with tf, or a failure looks like a success: ${aws_lambda_invocation.apply[0].input}"
  }
  assert {
    condition     = aws_lambda_invocation.apply[0].lifecycle_scope == "CREATE_ONLY"
    error_message = "A destroy must not need a function that answers."
  }
  assert {
    condition     = jsondecode(output.invocation_result) == { ok = true }
    error_message = "The answer is an output."
  }
}

run "only_the_named_databases_are_applied" {
  variables {
    invoke_after_deploy = true
    databases           = ["statements", "ledger"]
  }
  assert {
    condition     = jsondecode(aws_lambda_invocation.apply[0].input) == { action = "apply", databases = ["ledger", "statements"], tf = { action = "create" } }
    error_message = "Input: ${aws_lambda_invocation.apply[0].input}"
  }
}

run "a_sweep_by_the_clock" {
  variables {
    sweep_schedule = "cron(0 3 * * ? *)"
  }
  assert {
    condition = (
      aws_scheduler_schedule.sweep[0].schedule_expression == "cron(0 3 * * ? *)" &&
      aws_scheduler_schedule.sweep[0].target[0].arn == "arn:aws:lambda:eu-west-2:123456789012:function:postern-testdb-app-staging" &&
      aws_scheduler_schedule.sweep[0].target[0].role_arn == aws_iam_role.scheduler[0].arn &&
      aws_scheduler_schedule.sweep[0].flexible_time_window[0].mode == "OFF"
    )
    error_message = "The schedule invokes the function for test databases, by a role of its own."
  }
  assert {
    condition     = aws_scheduler_schedule.sweep[0].target[0].input == "{\"action\":\"sweep\"}"
    error_message = "The event never changes: ${aws_scheduler_schedule.sweep[0].target[0].input}"
  }
  assert {
    condition     = jsondecode(aws_iam_role.scheduler[0].assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012" && aws_iam_role.scheduler[0].name == "postern-sweep-app-staging"
    error_message = "Only schedules of this account may assume the role."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.scheduler[0].policy).Statement[0].Resource == "arn:aws:lambda:eu-west-2:123456789012:function:postern-testdb-app-staging"
    error_message = "The schedule may invoke nothing else: ${aws_iam_role_policy.scheduler[0].policy}"
  }
}

run "somebody_is_told_of_failures" {
  variables {
    alarms = { sns_topic_arns = ["arn:aws:sns:eu-west-2:123456789012:on-call"] }
  }
  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.failures) == ["bootstrap", "testdb"] && keys(aws_cloudwatch_metric_alarm.errors) == ["bootstrap", "testdb"]
    error_message = "Each function has both alarms."
  }
  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.failures), values(aws_cloudwatch_metric_alarm.errors)) : toset(alarm.alarm_actions) == toset(["arn:aws:sns:eu-west-2:123456789012:on-call"]) && alarm.treat_missing_data == "notBreaching"])
    error_message = "A function that nobody invokes is fine."
  }
  assert {
    condition     = { for query in aws_cloudwatch_metric_alarm.failures["testdb"].metric_query : query.id => try(query.metric[0].dimensions["action"], query.expression) } == { total = "SUM(METRICS())", ping = "ping", prepare = "prepare", publish = "publish", branch = "branch", drop = "drop", sweep = "sweep", none = "none" }
    error_message = "Failures are counted by action."
  }
  assert {
    condition     = alltrue([for query in aws_cloudwatch_metric_alarm.failures["bootstrap"].metric_query : query.id == "total" || try(query.metric[0].namespace == "Postern" && query.metric[0].metric_name == "Failures" && query.metric[0].dimensions["function_name"] == "postern-bootstrap-app-staging", false)])
    error_message = "The namespace, name and dimensions that the function writes."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.errors["testdb"].dimensions == tomap({ FunctionName = "postern-testdb-app-staging" })
    error_message = "Errors of exactly this function."
  }
}

run "without_test_databases_there_are_alarms_for_one_function" {
  variables {
    test_databases    = false
    bootstrap_actions = ["ping", "plan", "apply", "status", "migrate", "prune", "down", "fake"]
    alarms            = { sns_topic_arns = ["arn:aws:sns:eu-west-2:123456789012:on-call"] }
  }
  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.failures) == ["bootstrap"] && length(aws_cloudwatch_metric_alarm.failures["bootstrap"].metric_query) == 10
    error_message = "An alarm takes ten metrics and expressions, which is just enough for all actions."
  }
}
