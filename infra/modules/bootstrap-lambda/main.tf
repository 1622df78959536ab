data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region

  # One artefact, two functions: what each may do is in its variables and in its role, not in its code.
  functions = {
    for key, function in {
      bootstrap = {
        description = "Databases, roles and migrations, as the artefact declares them."
        # In the order of the contract, so that the set's order changes nothing.
        actions = [for action in ["ping", "plan", "apply", "status", "migrate", "prune", "down", "fake"] : action if contains(var.bootstrap_actions, action)]
      }
      testdb = {
        description = "Test databases: clones of templates, branches, and their removal."
        actions     = ["ping", "prepare", "publish", "branch", "drop", "sweep"]
      }
    } : key => merge(function, { name = "postern-${key}-${var.name}" }) if key == "bootstrap" || var.test_databases
  }

  # Names with which nothing but the artefact's configuration begins: the function refuses those that it does not know.
  environment = {
    for key, function in local.functions : key => merge(
      {
        POSTERN_DB_HOST         = var.database.endpoint.host
        POSTERN_DB_PORT         = tostring(var.database.endpoint.port)
        POSTERN_DB_SECRET_ARN   = var.database.master_secret_arn
        POSTERN_ALLOWED_ACTIONS = join(",", function.actions)
        POSTERN_TEST_DATABASES  = tostring(var.test_databases)
        POSTERN_LOG_SQL         = var.log_sql
      },
      var.ca_pem == null ? {} : { POSTERN_DB_CA = var.ca_pem },
      var.migration_timeouts.lock_ms == 0 ? {} : { POSTERN_MIGRATION_LOCK_TIMEOUT_MS = tostring(var.migration_timeouts.lock_ms) },
      var.migration_timeouts.statement_ms == 0 ? {} : { POSTERN_MIGRATION_STATEMENT_TIMEOUT_MS = tostring(var.migration_timeouts.statement_ms) },
    )
  }

  # try: a missing file is told by the precondition, which knows what to do about it.
  artifact_sha256_base64 = var.artifact_sha256_base64 != null ? var.artifact_sha256_base64 : try(filebase64sha256(var.artifact_path), "")

  tags = merge(var.tags, { Name = var.name })

  outputs = {
    for key in keys(local.functions) : key => {
      name           = aws_lambda_function.this[key].function_name
      arn            = aws_lambda_function.this[key].arn
      role_arn       = aws_iam_role.function[key].arn
      log_group_name = aws_cloudwatch_log_group.this[key].name
    }
  }
}

# Before the function, and by no permission of the function: what it would make itself would be kept for ever.
resource "aws_cloudwatch_log_group" "this" {
  for_each = local.functions

  name              = "/aws/lambda/${each.value.name}"
  retention_in_days = var.log_retention_days
  tags              = merge(local.tags, { Name = each.value.name })
}

resource "aws_lambda_function" "this" {
  for_each = local.functions

  function_name    = each.value.name
  description      = each.value.description
  role             = aws_iam_role.function[each.key].arn
  filename         = var.artifact_path
  source_code_hash = local.artifact_sha256_base64
  handler          = "index.handler"
  runtime          = var.runtime
  architectures    = ["arm64"]
  memory_size      = var.memory_mib
  timeout          = var.timeout_seconds
  tags             = merge(local.tags, { Name = each.value.name })

  # Interfaces of a deleted function stay for up to 40 minutes. Destroying the function's group or subnets waits for them, and
  # then the provider deletes them. With the VPC's default group in its place the group would be gone at once; but in a VPC
  # that stays nobody would delete them: Lambda does so by the function's role, which does not live as long.
  replace_security_groups_on_destroy = false

  vpc_config {
    subnet_ids         = var.subnet_ids
    security_group_ids = var.security_group_ids
  }

  environment {
    variables = local.environment[each.key]
  }

  # The artefact writes lines of JSON itself, metrics among them; this is for what Lambda writes around them.
  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.this[each.key].name
    application_log_level = "INFO"
    system_log_level      = "INFO"
  }

  dynamic "tracing_config" {
    for_each = var.tracing ? ["Active"] : []

    content {
      mode = tracing_config.value
    }
  }

  lifecycle {
    precondition {
      condition     = local.artifact_sha256_base64 != ""
      error_message = "artifact_path is ${var.artifact_path}, but there is no such file: build the artefact first, or give artifact_sha256_base64 where another job builds it."
    }

    precondition {
      condition     = length(jsonencode(local.environment[each.key])) <= 4096
      error_message = "The variables of ${each.value.name} have more than the 4096 bytes that Lambda takes: pack the CA into the artefact, buildArtifact({ ca }), and leave out ca_pem."
    }

    precondition {
      condition     = each.key != "bootstrap" || !var.invoke_after_deploy || contains(var.bootstrap_actions, "apply")
      error_message = "invoke_after_deploy invokes apply, but bootstrap_actions does not have it: add \"apply\"."
    }

    precondition {
      condition     = var.test_databases || var.sweep_schedule == null
      error_message = "sweep_schedule is given, but without test databases there is nothing to sweep: set test_databases = true or leave sweep_schedule out."
    }

    precondition {
      condition     = local.decrypts == (var.database.kms_key_arn != null)
      error_message = "decrypt_with_own_key does not fit database.kms_key_arn: give both (true and a key), or neither."
    }
  }

  # Lambda makes the interfaces by this role while the function is made, and changes them while the function lives.
  depends_on = [aws_iam_role_policy.function]
}
