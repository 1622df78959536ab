locals {
  sweeps = var.test_databases && var.sweep_schedule != null
}

# CREATE_ONLY with the key `tf` in the input, not CRUD: both make failures fail the apply, but CRUD would also invoke the
# function before each change of a trigger and before it is destroyed, where a function that was not used for two weeks
# (state Inactive) refuses the first call and with it the destroy.
resource "aws_lambda_invocation" "apply" {
  count = var.invoke_after_deploy ? 1 : 0

  function_name   = aws_lambda_function.this["bootstrap"].function_name
  lifecycle_scope = "CREATE_ONLY"

  input = jsonencode(merge(
    { action = "apply", tf = { action = "create" } },
    length(var.databases) == 0 ? {} : { databases = sort(var.databases) },
  ))

  # Any change here is a new invocation.
  triggers = merge(var.invocation_triggers, {
    artefact = aws_lambda_function.this["bootstrap"].source_code_hash
  })
}

resource "aws_scheduler_schedule" "sweep" {
  count = local.sweeps ? 1 : 0

  name                = "postern-sweep-${var.name}"
  description         = "Drops what dead test runs left behind."
  schedule_expression = var.sweep_schedule

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.this["testdb"].arn
    role_arn = aws_iam_role.scheduler[0].arn
    input    = jsonencode({ action = "sweep" })

    # The next sweep does what this one did not.
    retry_policy {
      maximum_event_age_in_seconds = 600
      maximum_retry_attempts       = 2
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}
