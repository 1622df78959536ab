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
}

variables {
  name                   = "app-staging"
  tags                   = { team = "shop" }
  artifact_path          = "bootstrap.zip"
  artifact_sha256_base64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
  subnet_ids             = ["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"]
  security_group_ids     = ["sg-0cccccccccccccccc"]
  database = {
    endpoint          = { host = "app-staging.cluster-c0ffee.eu-west-2.rds.amazonaws.com", port = 5432 }
    resource_id       = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    master_secret_arn = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!cluster-0b1c-AbCdEf"
  }
}

run "two_functions_of_one_artefact" {
  assert {
    condition     = { for key, function in aws_lambda_function.this : key => function.function_name } == { bootstrap = "postern-bootstrap-app-staging", testdb = "postern-testdb-app-staging" }
    error_message = "Functions: ${jsonencode(keys(aws_lambda_function.this))}"
  }
  assert {
    condition = alltrue([for function in aws_lambda_function.this :
      function.filename == "bootstrap.zip" && function.source_code_hash == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" &&
      function.runtime == "nodejs24.x" && function.architectures == tolist(["arm64"]) && function.handler == "index.handler" &&
      function.timeout == 900 && function.memory_size == 256
    ])
    error_message = "Both run the same artefact, on ARM, with enough time."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.this : toset(function.vpc_config[0].subnet_ids) == toset(var.subnet_ids) && toset(function.vpc_config[0].security_group_ids) == toset(var.security_group_ids)])
    error_message = "Both have to be in the VPC, with the given groups."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.this : !function.replace_security_groups_on_destroy])
    error_message = "With another group, the interfaces of deleted functions stay for ever in a VPC that is not destroyed."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.this : length(function.tracing_config) == 0])
    error_message = "Nothing is traced unless asked for."
  }
}

run "each_may_do_its_own_actions_only" {
  assert {
    condition     = aws_lambda_function.this["bootstrap"].environment[0].variables["POSTERN_ALLOWED_ACTIONS"] == "ping,plan,apply,status,migrate"
    error_message = "bootstrap: ${aws_lambda_function.this["bootstrap"].environment[0].variables["POSTERN_ALLOWED_ACTIONS"]}"
  }
  assert {
    condition     = aws_lambda_function.this["testdb"].environment[0].variables["POSTERN_ALLOWED_ACTIONS"] == "ping,prepare,publish,branch,drop,sweep"
    error_message = "testdb: ${aws_lambda_function.this["testdb"].environment[0].variables["POSTERN_ALLOWED_ACTIONS"]}"
  }
  assert {
    condition = alltrue([for function in aws_lambda_function.this :
      { for name, value in function.environment[0].variables : name => value if name != "POSTERN_ALLOWED_ACTIONS" } == {
        POSTERN_DB_HOST        = "app-staging.cluster-c0ffee.eu-west-2.rds.amazonaws.com"
        POSTERN_DB_PORT        = "5432"
        POSTERN_DB_SECRET_ARN  = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!cluster-0b1c-AbCdEf"
        POSTERN_TEST_DATABASES = "true"
        POSTERN_LOG_SQL        = "masked"
      }
    ])
    error_message = "Variables: ${jsonencode(aws_lambda_function.this["bootstrap"].environment[0].variables)}"
  }
}

run "the_log_is_there_first_and_not_for_ever" {
  assert {
    condition     = alltrue([for key, group in aws_cloudwatch_log_group.this : group.retention_in_days == 30 && group.name == "/aws/lambda/postern-${key}-app-staging" && aws_lambda_function.this[key].logging_config[0].log_group == group.name && aws_lambda_function.this[key].logging_config[0].log_format == "JSON"])
    error_message = "Each function has its own log group, made by Terraform."
  }
  assert {
    condition     = !strcontains(join("", values(aws_iam_role_policy.function)[*].policy), "CreateLogGroup")
    error_message = "A group that a function makes itself is kept for ever."
  }
}

run "each_role_has_the_least" {
  assert {
    condition = keys(aws_iam_role_policy.function) == [
      "bootstrap/connect-migrators", "bootstrap/logs", "bootstrap/master-secret", "bootstrap/network-interfaces",
      "testdb/logs", "testdb/master-secret", "testdb/network-interfaces",
    ]
    error_message = "Policies: ${jsonencode(keys(aws_iam_role_policy.function))}"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.function["bootstrap/connect-migrators"].policy).Statement[0].Resource == "arn:aws:rds-db:eu-west-2:123456789012:dbuser:cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ/*_migrator"
    error_message = "Migrators of this cluster only, by its resource id."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.function["testdb/master-secret"].policy).Statement[0].Resource == var.database.master_secret_arn
    error_message = "This one secret only."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.function["testdb/network-interfaces"].policy).Statement[1].Condition.ArnEquals["lambda:SourceFunctionArn"] == "arn:aws:lambda:eu-west-2:123456789012:function:postern-testdb-app-staging"
    error_message = "The interfaces are Lambda's matter, not that of the function's code."
  }
  assert {
    condition     = { for key, role in aws_iam_role.function : key => role.name } == { bootstrap = "postern-bootstrap-app-staging", testdb = "postern-testdb-app-staging" } && length(aws_iam_role.scheduler) == 0
    error_message = "Roles: ${jsonencode(values(aws_iam_role.function)[*].name)}"
  }
}

run "without_test_databases_there_is_one_function" {
  variables {
    test_databases = false
  }
  assert {
    condition     = keys(aws_lambda_function.this) == ["bootstrap"] && keys(aws_cloudwatch_log_group.this) == ["bootstrap"] && keys(aws_iam_role.function) == ["bootstrap"] && output.testdb == null
    error_message = "Nothing of the other function may be left."
  }
  assert {
    condition     = aws_lambda_function.this["bootstrap"].environment[0].variables["POSTERN_TEST_DATABASES"] == "false"
    error_message = "The bootstrap must make no roles for test runs."
  }
}

run "what_takes_something_away_only_where_it_is_named" {
  variables {
    bootstrap_actions = ["prune", "apply", "ping"]
  }
  assert {
    condition     = aws_lambda_function.this["bootstrap"].environment[0].variables["POSTERN_ALLOWED_ACTIONS"] == "ping,apply,prune"
    error_message = "In the contract's order: ${aws_lambda_function.this["bootstrap"].environment[0].variables["POSTERN_ALLOWED_ACTIONS"]}"
  }
}

run "options_reach_the_functions" {
  variables {
    ca_pem             = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    migration_timeouts = { lock_ms = 5000, statement_ms = 600000 }
    log_sql            = "full"
    tracing            = true
    runtime            = "nodejs22.x"
    memory_mib         = 512
    timeout_seconds    = 300
    log_retention_days = 365
  }
  assert {
    condition = { for name, value in aws_lambda_function.this["testdb"].environment[0].variables : name => value if !contains(["POSTERN_DB_HOST", "POSTERN_DB_PORT", "POSTERN_DB_SECRET_ARN", "POSTERN_ALLOWED_ACTIONS"], name) } == {
      POSTERN_DB_CA                          = var.ca_pem
      POSTERN_TEST_DATABASES                 = "true"
      POSTERN_LOG_SQL                        = "full"
      POSTERN_MIGRATION_LOCK_TIMEOUT_MS      = "5000"
      POSTERN_MIGRATION_STATEMENT_TIMEOUT_MS = "600000"
    }
    error_message = "Variables: ${jsonencode(aws_lambda_function.this["testdb"].environment[0].variables)}"
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.this : function.tracing_config[0].mode == "Active" && function.runtime == "nodejs22.x" && function.memory_size == 512 && function.timeout == 300])
    error_message = "Both functions take the options."
  }
  assert {
    condition     = contains(keys(aws_iam_role_policy.function), "bootstrap/tracing") && contains(keys(aws_iam_role_policy.function), "testdb/tracing")
    error_message = "Traces need a permission."
  }
  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.retention_in_days == 365])
    error_message = "The retention is that which was given."
  }
}

run "a_key_of_ones_own" {
  variables {
    database = {
      endpoint          = { host = "app-staging.cluster-c0ffee.eu-west-2.rds.amazonaws.com", port = 5433 }
      resource_id       = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      master_secret_arn = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!cluster-0b1c-AbCdEf"
      kms_key_arn       = "arn:aws:kms:eu-west-2:123456789012:key/0b1c"
    }
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.function["testdb/master-secret-key"].policy).Statement[0].Resource == "arn:aws:kms:eu-west-2:123456789012:key/0b1c"
    error_message = "Both functions have to decrypt the secret."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.function["bootstrap/master-secret-key"].policy).Statement[0].Condition.StringEquals == { "kms:ViaService" = "secretsmanager.eu-west-2.amazonaws.com", "kms:EncryptionContext:SecretARN" = var.database.master_secret_arn }
    error_message = "Only this secret, only by Secrets Manager."
  }
  assert {
    condition     = aws_lambda_function.this["testdb"].environment[0].variables["POSTERN_DB_PORT"] == "5433"
    error_message = "The port is the endpoint's."
  }
}

run "the_hash_of_the_file" {
  variables {
    artifact_path          = "tests/fixtures/artefact.zip"
    artifact_sha256_base64 = null
  }
  assert {
    condition     = aws_lambda_function.this["bootstrap"].source_code_hash == "Mv2CL9ZF1cj6j/5YizlGrqQ7gjpam0KS2jA/Glxs4RU="
    error_message = "Computed: ${aws_lambda_function.this["bootstrap"].source_code_hash}"
  }
}

run "outputs_for_roles_and_configuration" {
  assert {
    condition     = output.bootstrap.name == "postern-bootstrap-app-staging" && output.testdb.log_group_name == "/aws/lambda/postern-testdb-app-staging" && keys(output.bootstrap) == ["arn", "log_group_name", "name", "role_arn"] && output.invocation_result == null
    error_message = "Output bootstrap: ${jsonencode(output.bootstrap)}"
  }
}

run "a_permissions_boundary" {
  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
    sweep_schedule           = "rate(15 minutes)"
  }
  assert {
    condition     = alltrue([for role in concat(values(aws_iam_role.function), aws_iam_role.scheduler) : role.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"])
    error_message = "Each role must have the boundary."
  }
}
