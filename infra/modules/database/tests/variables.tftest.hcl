# What is refused before anything is planned, and that the reason is the variable.

mock_provider "aws" {}

variables {
  name               = "app-staging"
  environment_kind   = "staging"
  subnet_ids         = ["subnet-0c", "subnet-0d"]
  security_group_ids = ["sg-0123456789abcdef0"]
}

run "a_name_that_rds_refuses" {
  command = plan
  variables { name = "app--staging" }
  expect_failures = [var.name]
}

run "a_name_that_ends_in_a_hyphen" {
  command = plan
  variables { name = "app-" }
  expect_failures = [var.name]
}

run "an_unknown_variant" {
  command = plan
  variables { variant = "serverless" }
  expect_failures = [var.variant]
}

run "an_unknown_kind" {
  command = plan
  variables { environment_kind = "test" }
  expect_failures = [var.environment_kind]
}

run "a_version_with_a_letter" {
  command = plan
  variables { engine_version = "17.x" }
  expect_failures = [var.engine_version]
}

run "a_version_that_is_long_over" {
  command = plan
  variables { engine_version = "12.22" }
  expect_failures = [var.engine_version]
}

run "a_quarter_of_an_acu" {
  command = plan
  variables { capacity = { min = 0.25 } }
  expect_failures = [var.capacity]
}

run "more_at_least_than_at_most" {
  command = plan
  variables { capacity = { min = 8, max = 4 } }
  expect_failures = [var.capacity]
}

run "more_than_aurora_has" {
  command = plan
  variables { capacity = { max = 256.5 } }
  expect_failures = [var.capacity]
}

run "a_pause_after_one_minute" {
  command = plan
  variables { capacity = { seconds_until_auto_pause = 60 } }
  expect_failures = [var.capacity]
}

run "sixteen_readers" {
  command = plan
  variables { readers = 16 }
  expect_failures = [var.readers]
}

run "a_class_without_its_prefix" {
  command = plan
  variables { instance = { class = "t4g.small" } }
  expect_failures = [var.instance]
}

run "less_storage_than_gp3_begins_with" {
  command = plan
  variables { instance = { allocated_storage_gib = 10 } }
  expect_failures = [var.instance]
}

run "a_limit_below_the_storage" {
  command = plan
  variables { instance = { allocated_storage_gib = 100, max_allocated_storage_gib = 100 } }
  expect_failures = [var.instance]
}

run "an_unknown_storage_type" {
  command = plan
  variables { storage_type = "io9" }
  expect_failures = [var.storage_type]
}

run "a_single_subnet" {
  command = plan
  variables { subnet_ids = ["subnet-0c"] }
  expect_failures = [var.subnet_ids]
}

run "no_security_group" {
  command = plan
  variables { security_group_ids = [] }
  expect_failures = [var.security_group_ids]
}

run "a_port_that_rds_refuses" {
  command = plan
  variables { port = 443 }
  expect_failures = [var.port]
}

run "a_database_name_with_a_hyphen" {
  command = plan
  variables { database_name = "app-staging" }
  expect_failures = [var.database_name]
}

run "a_master_that_rds_keeps_for_itself" {
  command = plan
  variables { master_username = "rdsadmin" }
  expect_failures = [var.master_username]
}

run "a_master_name_longer_than_rds_takes" {
  command = plan
  variables { master_username = "application_owner" }
  expect_failures = [var.master_username]
}

run "a_master_name_of_sixteen_characters" {
  command = plan
  variables { master_username = "application_root" }

  assert {
    condition     = aws_rds_cluster.this[0].master_username == "application_root"
    error_message = "RDS takes 16 characters."
  }
}

run "tls_cannot_be_switched_off" {
  command = plan
  variables { parameters = { "rds.force_ssl" = "0" } }
  expect_failures = [var.parameters]
}

run "an_alias_instead_of_a_key" {
  command = plan
  variables { kms_key_arn = "arn:aws:kms:eu-west-2:123456789012:alias/app" }
  expect_failures = [var.kms_key_arn]
}

run "the_authority_that_has_ended" {
  command = plan
  variables { ca_cert_identifier = "rds-ca-2019" }
  expect_failures = [var.ca_cert_identifier]
}

run "a_log_of_mysql" {
  command = plan
  variables { log_exports = ["slowquery"] }
  expect_failures = [var.log_exports]
}

run "a_retention_that_cloudwatch_refuses" {
  command = plan
  variables { log_retention_days = 45 }
  expect_failures = [var.log_retention_days]
}

run "insights_for_a_week_and_a_day" {
  command = plan
  variables { performance_insights = { retention_days = 8 } }
  expect_failures = [var.performance_insights]
}

run "a_snapshot_name_that_rds_would_refuse_when_destroying" {
  command = plan
  variables { final_snapshot_identifier = "app_final" }
  expect_failures = [var.final_snapshot_identifier]
}

run "backups_of_half_a_day" {
  command = plan
  variables { backup_retention_days = 0.5 }
  expect_failures = [var.backup_retention_days]
}

run "a_backup_window_without_its_end" {
  command = plan
  variables { backup_window_utc = "02:00" }
  expect_failures = [var.backup_window_utc]
}

run "a_maintenance_window_without_days" {
  command = plan
  variables { maintenance_window_utc = "02:00-03:00" }
  expect_failures = [var.maintenance_window_utc]
}
