# The cluster, against a mocked provider: nothing is asked of AWS.

mock_provider "aws" {
  mock_resource "aws_rds_cluster" {
    defaults = {
      arn                 = "arn:aws:rds:eu-west-2:123456789012:cluster:app-staging"
      cluster_resource_id = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      endpoint            = "app-staging.cluster-abcdefghijkl.eu-west-2.rds.amazonaws.com"
      reader_endpoint     = "app-staging.cluster-ro-abcdefghijkl.eu-west-2.rds.amazonaws.com"
      master_user_secret = [{
        kms_key_id    = "arn:aws:kms:eu-west-2:123456789012:key/00000000-0000-0000-0000-000000000000"
        secret_arn    = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!cluster-00000000-AbCdEf"
        secret_status = "active"
      }]
    }
  }
}

variables {
  name               = "app-staging"
  environment_kind   = "staging"
  subnet_ids         = ["subnet-0c", "subnet-0d"]
  security_group_ids = ["sg-0123456789abcdef0"]
  tags               = { owner = "platform" }
}

run "iam_logins_tls_and_no_password_in_the_configuration" {
  command = plan

  assert {
    condition     = aws_rds_cluster.this[0].iam_database_authentication_enabled == true
    error_message = "IAM authentication must be on."
  }

  assert {
    condition     = aws_rds_cluster.this[0].manage_master_user_password == true && aws_rds_cluster.this[0].master_password == null && aws_rds_cluster.this[0].master_username == "posternmaster"
    error_message = "RDS must make and keep the master's password."
  }

  assert {
    condition     = { for parameter in aws_rds_cluster_parameter_group.this[0].parameter : parameter.name => "${parameter.value} ${parameter.apply_method}" } == { "rds.force_ssl" = "1 pending-reboot", "log_connections" = "1 immediate", "log_disconnections" = "1 immediate" }
    error_message = "TLS must be forced (as RDS reports it, or every plan has a change) and connections be logged."
  }

  assert {
    condition     = aws_rds_cluster.this[0].storage_encrypted == true && length(aws_rds_cluster_instance.first) == 1 && length(aws_rds_cluster_instance.others) == 0 && aws_rds_cluster_instance.first[0].publicly_accessible == false
    error_message = "Storage must be encrypted and the instance private."
  }
}

run "the_masters_name_is_one_that_aurora_documents" {
  command = plan

  assert {
    condition     = can(regex("^[a-z][a-z0-9]{0,15}$", aws_rds_cluster.this[0].master_username))
    error_message = "CreateDBCluster speaks of 1 to 16 letters or numbers: the default must not be what fails the first apply."
  }
}

run "the_certificate_authority_is_the_instances" {
  command = plan

  variables {
    ca_cert_identifier = "rds-ca-ecc384-g1"
    readers            = 1
  }

  assert {
    condition     = alltrue([for instance in concat(aws_rds_cluster_instance.first, values(aws_rds_cluster_instance.others)) : instance.ca_cert_identifier == "rds-ca-ecc384-g1"])
    error_message = "Every instance must have the chosen authority; the cluster's own argument is for Multi-AZ clusters."
  }
}

run "it_pauses_when_nobody_is_connected" {
  command = plan

  assert {
    condition     = aws_rds_cluster.this[0].serverlessv2_scaling_configuration[0].min_capacity == 0 && aws_rds_cluster.this[0].serverlessv2_scaling_configuration[0].max_capacity == 4 && aws_rds_cluster.this[0].serverlessv2_scaling_configuration[0].seconds_until_auto_pause == 300
    error_message = "By default the cluster pauses after 300 seconds and grows to 4 ACU."
  }

  assert {
    condition     = aws_rds_cluster_instance.first[0].instance_class == "db.serverless" && aws_rds_cluster.this[0].engine_mode == "provisioned"
    error_message = "Serverless v2 is engine mode provisioned with class db.serverless."
  }
}

run "above_zero_there_is_no_pause_to_set" {
  command = apply

  variables {
    capacity = { min = 0.5, max = 8, seconds_until_auto_pause = 600 }
  }

  # What is not set is made up by the mocked provider, so it must not be our value.
  assert {
    condition     = aws_rds_cluster.this[0].serverlessv2_scaling_configuration[0].seconds_until_auto_pause != 600
    error_message = "Aurora drops the value above 0: set, it would differ in every plan."
  }
}

run "an_old_minor_version_cannot_pause" {
  command = plan

  variables {
    engine_version = "16.2"
  }

  expect_failures = [aws_rds_cluster.this]
}

run "an_old_minor_version_that_need_not_pause" {
  command = plan

  variables {
    engine_version = "16.2"
    capacity       = { min = 0.5 }
  }

  assert {
    condition     = aws_rds_cluster_parameter_group.this[0].family == "aurora-postgresql16"
    error_message = "The family follows the major version."
  }
}

run "the_first_versions_that_can_pause" {
  command = plan

  variables {
    engine_version = "15.7"
  }

  assert {
    condition     = aws_rds_cluster.this[0].engine_version == "15.7"
    error_message = "15.7 can pause."
  }
}

run "the_default_is_a_long_term_support_version" {
  command = plan

  assert {
    condition     = aws_rds_cluster.this[0].engine_version == "17.7" && aws_rds_cluster_parameter_group.this[0].family == "aurora-postgresql17" && aws_rds_cluster_instance.first[0].auto_minor_version_upgrade == false
    error_message = "The default must be a version that can be created for years, and stay."
  }
}

run "a_named_minor_version_is_kept" {
  command = plan

  variables {
    engine_version = "17.9"
  }

  assert {
    condition     = aws_rds_cluster.this[0].engine_version == "17.9" && aws_rds_cluster_instance.first[0].auto_minor_version_upgrade == false
    error_message = "With 17.9 in the configuration RDS must not upgrade by itself, or the next plan goes back."
  }
}

run "a_major_version_alone_would_break_later_applies" {
  command = plan

  variables {
    engine_version = "17"
  }

  expect_failures = [aws_rds_cluster.this]
}

run "automatic_upgrades_have_to_be_asked_for" {
  command = plan

  variables {
    auto_minor_version_upgrade = true
  }

  assert {
    condition     = aws_rds_cluster_instance.first[0].auto_minor_version_upgrade == true
    error_message = "Who asks for automatic upgrades must get them."
  }
}

run "a_major_upgrade_is_asked_for" {
  command = plan

  variables {
    engine_version              = "18.1"
    allow_major_version_upgrade = true
  }

  assert {
    condition     = aws_rds_cluster.this[0].allow_major_version_upgrade == true && startswith(aws_rds_cluster_parameter_group.this[0].name_prefix, "app-staging-aurora-postgresql18-")
    error_message = "A major upgrade needs its permission and a group of the new family beside the old."
  }
}

run "logs_have_retention_before_the_cluster_writes" {
  command = plan

  assert {
    condition     = { for name, group in aws_cloudwatch_log_group.export : group.name => group.retention_in_days } == { "/aws/rds/cluster/app-staging/postgresql" = 30, "/aws/rds/cluster/app-staging/iam-db-auth-error" = 30 }
    error_message = "The groups that RDS writes to must exist with retention."
  }

  assert {
    condition     = aws_rds_cluster.this[0].enabled_cloudwatch_logs_exports == toset(["postgresql", "iam-db-auth-error"])
    error_message = "Errors of IAM logins must be exported."
  }
}

run "readers_are_numbered_and_one_can_take_over" {
  command = plan

  variables {
    readers = 3
  }

  assert {
    condition     = { for instance in concat(aws_rds_cluster_instance.first, values(aws_rds_cluster_instance.others)) : instance.identifier => instance.promotion_tier } == { "app-staging-1" = 0, "app-staging-2" = 1, "app-staging-3" = 2, "app-staging-4" = 2 }
    error_message = "The first reader must be able to take over, the others scale by themselves."
  }
}

run "the_outputs_are_what_the_other_modules_take" {
  command = apply

  assert {
    condition     = output.resource_id == "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ" && output.resource_id != output.identifier
    error_message = "Policies need the resource id, not the identifier."
  }

  assert {
    condition     = output.endpoint.host == "app-staging.cluster-abcdefghijkl.eu-west-2.rds.amazonaws.com" && output.endpoint.port == 5432
    error_message = "The endpoint must be host and port."
  }

  assert {
    condition     = output.master_secret_arn == "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!cluster-00000000-AbCdEf" && output.master_username == "posternmaster"
    error_message = "The bootstrap needs the secret's ARN."
  }

  assert {
    condition     = output.identifier == "app-staging" && output.arn == "arn:aws:rds:eu-west-2:123456789012:cluster:app-staging" && output.kms_key_arn == null && output.reader_endpoint == null && output.proxy == null
    error_message = "Without readers, key and proxy their outputs are null."
  }

  assert {
    condition     = output.log_group_names == { postgresql = "/aws/rds/cluster/app-staging/postgresql", iam-db-auth-error = "/aws/rds/cluster/app-staging/iam-db-auth-error" }
    error_message = "The log groups must be found by their export."
  }
}

run "with_a_reader_its_endpoint_is_put_out" {
  command = apply

  variables {
    readers = 1
    port    = 6432
  }

  assert {
    condition     = output.reader_endpoint == { host = "app-staging.cluster-ro-abcdefghijkl.eu-west-2.rds.amazonaws.com", port = 6432 }
    error_message = "The reader endpoint must be host and port."
  }
}

run "parameters_are_merged_and_static_ones_wait" {
  command = plan

  variables {
    parameters        = { "shared_preload_libraries" = "pg_stat_statements", "log_connections" = "0", "idle_session_timeout" = "600000", "rds.new_static" = "1" }
    static_parameters = ["rds.new_static"]
  }

  assert {
    condition = { for parameter in aws_rds_cluster_parameter_group.this[0].parameter : parameter.name => "${parameter.value} ${parameter.apply_method}" } == {
      "rds.force_ssl"            = "1 pending-reboot"
      "log_connections"          = "0 immediate"
      "log_disconnections"       = "1 immediate"
      "idle_session_timeout"     = "600000 immediate"
      "shared_preload_libraries" = "pg_stat_statements pending-reboot"
      "rds.new_static"           = "1 pending-reboot"
    }
    error_message = "Given parameters win; static ones must wait for a reboot."
  }
}

run "a_key_of_ones_own_is_for_everything" {
  command = plan

  variables {
    kms_key_arn          = "arn:aws:kms:eu-west-2:123456789012:key/11111111-1111-1111-1111-111111111111"
    performance_insights = {}
  }

  assert {
    condition     = aws_rds_cluster.this[0].kms_key_id == var.kms_key_arn && aws_rds_cluster.this[0].master_user_secret_kms_key_id == var.kms_key_arn && aws_rds_cluster_instance.first[0].performance_insights_kms_key_id == var.kms_key_arn && output.kms_key_arn == var.kms_key_arn
    error_message = "Storage, secret and insights must use the key, and who reads the secret must learn of it."
  }

  assert {
    condition     = aws_rds_cluster_instance.first[0].performance_insights_enabled == true && aws_rds_cluster_instance.first[0].performance_insights_retention_period == 7
    error_message = "Performance insights keep the free 7 days."
  }
}

run "aurora_always_keeps_backups" {
  command = plan

  variables {
    backup_retention_days = 0
  }

  expect_failures = [aws_rds_cluster.this]
}

run "an_instances_storage_type" {
  command = plan

  variables {
    storage_type = "gp3"
  }

  expect_failures = [aws_rds_cluster.this]
}

run "a_log_that_aurora_does_not_export" {
  command = plan

  variables {
    log_exports = ["postgresql", "upgrade"]
  }

  expect_failures = [aws_rds_cluster.this]
}

run "nothing_of_the_other_variant_is_made" {
  command = plan

  assert {
    condition     = length(aws_db_instance.this) + length(aws_db_parameter_group.this) + length(aws_db_proxy.this) + length(aws_iam_role.proxy) == 0
    error_message = "Variant aurora without proxy makes neither instance nor proxy."
  }

  assert {
    condition     = aws_rds_cluster.this[0].tags == tomap({ owner = "platform", Name = "app-staging" })
    error_message = "Tags must be passed on, with a Name."
  }
}
