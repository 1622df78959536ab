mock_provider "aws" {}

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

run "a_name_that_aws_does_not_take" {
  command = plan
  variables {
    name = "App_Staging"
  }
  expect_failures = [var.name]
}

run "tags_of_awss_own" {
  command = plan
  variables {
    tags = { "aws:x" = "y" }
  }
  expect_failures = [var.tags]
}

run "a_folder_in_place_of_the_zip" {
  command = plan
  variables {
    artifact_path = "dist/bootstrap"
  }
  expect_failures = [var.artifact_path]
}

run "an_artefact_that_nobody_built" {
  command = plan
  variables {
    artifact_sha256_base64 = null
  }
  expect_failures = [aws_lambda_function.this]
}

run "a_hash_in_hexadecimal" {
  command = plan
  variables {
    artifact_sha256_base64 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
  }
  expect_failures = [var.artifact_sha256_base64]
}

run "no_subnet" {
  command = plan
  variables {
    subnet_ids = []
  }
  expect_failures = [var.subnet_ids]
}

run "no_security_group" {
  command = plan
  variables {
    security_group_ids = []
  }
  expect_failures = [var.security_group_ids]
}

run "the_identifier_in_place_of_the_resource_id" {
  command = plan
  variables {
    database = {
      endpoint          = { host = "app-staging.cluster-c0ffee.eu-west-2.rds.amazonaws.com", port = 5432 }
      resource_id       = "app-staging"
      master_secret_arn = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!cluster-0b1c-AbCdEf"
    }
  }
  expect_failures = [var.database]
}

run "a_proxy_in_place_of_the_cluster" {
  command = plan
  variables {
    database = {
      endpoint          = { host = "app-staging.proxy-c0ffee.eu-west-2.rds.amazonaws.com", port = 5432 }
      resource_id       = "prx-ABCDEFGHIJKLMNOPQ"
      master_secret_arn = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!cluster-0b1c-AbCdEf"
    }
  }
  expect_failures = [var.database]
}

run "a_url_in_place_of_the_host" {
  command = plan
  variables {
    database = {
      endpoint          = { host = "postgres://app-staging", port = 5432 }
      resource_id       = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      master_secret_arn = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!cluster-0b1c-AbCdEf"
    }
  }
  expect_failures = [var.database]
}

run "the_name_in_place_of_the_secrets_arn" {
  command = plan
  variables {
    database = {
      endpoint          = { host = "app-staging.cluster-c0ffee.eu-west-2.rds.amazonaws.com", port = 5432 }
      resource_id       = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      master_secret_arn = "rds!cluster-0b1c"
    }
  }
  expect_failures = [var.database]
}

run "a_permission_for_a_key_that_there_is_not" {
  command = plan
  variables {
    decrypt_with_own_key = true
  }
  expect_failures = [aws_lambda_function.this]
}

run "a_path_in_place_of_the_certificate" {
  command = plan
  variables {
    ca_pem = "eu-west-2-bundle.pem"
  }
  expect_failures = [var.ca_pem]
}

run "more_certificates_than_fit" {
  command = plan
  variables {
    ca_pem = join("", ["-----BEGIN CERTIFICATE-----\n", join("\n", [for line in range(60) : "MIIEBjCCAu6gAwIBAgIJAMc0ZzaSUK51MA0GCSqGSIb3DQEBCwUAMIGPMQswCQYD"]), "\n-----END CERTIFICATE-----\n"])
  }
  expect_failures = [var.ca_pem]
}

run "more_variables_than_fit" {
  command = plan
  variables {
    ca_pem = join("", ["-----BEGIN CERTIFICATE-----\n", join("\n", [for line in range(46) : "MIIEBjCCAu6gAwIBAgIJAMc0ZzaSUK51MA0GCSqGSIb3DQEBCwUAMIGPMQswCQYD"]), "\n-----END CERTIFICATE-----\n"])
    database = {
      endpoint          = { host = join(".", [for label in range(20) : "a-label-of-a-name-that-is-too-long-for-everybody-and-goes-on"]), port = 5432 }
      resource_id       = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      master_secret_arn = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!cluster-0b1c-AbCdEf"
    }
  }
  expect_failures = [aws_lambda_function.this]
}

run "a_runtime_that_has_ended" {
  command = plan
  variables {
    runtime = "nodejs20.x"
  }
  expect_failures = [var.runtime]
}

run "a_time_out_that_lambda_does_not_have" {
  command = plan
  variables {
    timeout_seconds = 3600
  }
  expect_failures = [var.timeout_seconds]
}

run "a_memory_that_lambda_does_not_have" {
  command = plan
  variables {
    memory_mib = 64
  }
  expect_failures = [var.memory_mib]
}

run "an_action_of_the_other_function" {
  command = plan
  variables {
    bootstrap_actions = ["ping", "apply", "sweep"]
  }
  expect_failures = [var.bootstrap_actions]
}

run "no_action" {
  command = plan
  variables {
    bootstrap_actions = []
  }
  expect_failures = [var.bootstrap_actions]
}

run "an_invocation_of_what_is_not_allowed" {
  command = plan
  variables {
    bootstrap_actions   = ["ping", "plan"]
    invoke_after_deploy = true
  }
  expect_failures = [aws_lambda_function.this]
}

run "seconds_with_fractions_in_place_of_milliseconds" {
  command = plan
  variables {
    migration_timeouts = { lock_ms = 0.5 }
  }
  expect_failures = [var.migration_timeouts]
}

run "a_log_in_between" {
  command = plan
  variables {
    log_sql = "some"
  }
  expect_failures = [var.log_sql]
}

run "a_retention_that_cloudwatch_does_not_have" {
  command = plan
  variables {
    log_retention_days = 31
  }
  expect_failures = [var.log_retention_days]
}

run "a_database_that_no_declaration_names" {
  command = plan
  variables {
    databases = ["Ledger"]
  }
  expect_failures = [var.databases]
}

run "a_trigger_of_the_modules_own" {
  command = plan
  variables {
    invocation_triggers = { artefact = "x" }
  }
  expect_failures = [var.invocation_triggers]
}

run "a_schedule_in_words" {
  command = plan
  variables {
    sweep_schedule = "every night"
  }
  expect_failures = [var.sweep_schedule]
}

run "a_sweep_where_there_is_nothing_to_sweep" {
  command = plan
  variables {
    test_databases = false
    sweep_schedule = "rate(15 minutes)"
  }
  expect_failures = [aws_lambda_function.this]
}

run "an_alarm_that_tells_nobody" {
  command = plan
  variables {
    alarms = { sns_topic_arns = [] }
  }
  expect_failures = [var.alarms]
}
