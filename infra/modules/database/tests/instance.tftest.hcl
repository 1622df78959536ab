# Variant instance: plain RDS for PostgreSQL.

mock_provider "aws" {
  mock_resource "aws_db_instance" {
    defaults = {
      arn         = "arn:aws:rds:eu-west-2:123456789012:db:app-staging"
      resource_id = "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      address     = "app-staging.abcdefghijkl.eu-west-2.rds.amazonaws.com"
      endpoint    = "app-staging.abcdefghijkl.eu-west-2.rds.amazonaws.com:5432"
      master_user_secret = [{
        kms_key_id    = "arn:aws:kms:eu-west-2:123456789012:key/00000000-0000-0000-0000-000000000000"
        secret_arn    = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!db-00000000-AbCdEf"
        secret_status = "active"
      }]
    }
  }
}

variables {
  name               = "app-staging"
  variant            = "instance"
  environment_kind   = "staging"
  subnet_ids         = ["subnet-0c", "subnet-0d"]
  security_group_ids = ["sg-0123456789abcdef0"]
}

run "it_has_the_same_locks_as_a_cluster" {
  command = plan

  assert {
    condition     = aws_db_instance.this[0].iam_database_authentication_enabled == true && aws_db_instance.this[0].manage_master_user_password == true && aws_db_instance.this[0].password == null
    error_message = "IAM authentication must be on and RDS keep the master's password."
  }

  assert {
    condition     = contains([for parameter in aws_db_parameter_group.this[0].parameter : "${parameter.name}=${parameter.value}"], "rds.force_ssl=1") && aws_db_parameter_group.this[0].family == "postgres17"
    error_message = "TLS must be forced."
  }

  assert {
    condition     = aws_db_instance.this[0].storage_encrypted == true && aws_db_instance.this[0].publicly_accessible == false && aws_db_instance.this[0].ca_cert_identifier == "rds-ca-rsa2048-g1"
    error_message = "Storage must be encrypted, the instance private, the authority named."
  }

  assert {
    condition     = aws_db_instance.this[0].deletion_protection == true && aws_db_instance.this[0].skip_final_snapshot == false && aws_db_instance.this[0].final_snapshot_identifier == "app-staging-final"
    error_message = "Staging must be protected and leave a snapshot."
  }

  assert {
    condition     = length(aws_rds_cluster.this) + length(aws_rds_cluster_instance.first) + length(aws_rds_cluster_instance.others) + length(aws_rds_cluster_parameter_group.this) == 0
    error_message = "Variant instance makes no cluster."
  }
}

run "its_storage_grows_to_a_limit" {
  command = plan

  assert {
    condition     = aws_db_instance.this[0].instance_class == "db.t4g.small" && aws_db_instance.this[0].storage_type == "gp3" && aws_db_instance.this[0].allocated_storage == 20 && aws_db_instance.this[0].max_allocated_storage == 100
    error_message = "20 GiB of gp3 that grow to 100."
  }

  assert {
    condition     = aws_db_instance.this[0].multi_az == false
    error_message = "Staging has no standby."
  }
}

run "production_has_a_standby_and_storage_may_be_fixed" {
  command = plan

  variables {
    environment_kind = "production"
    instance         = { class = "db.m8g.large", max_allocated_storage_gib = 0 }
  }

  assert {
    condition     = aws_db_instance.this[0].multi_az == true && aws_db_instance.this[0].max_allocated_storage == 0 && aws_db_instance.this[0].instance_class == "db.m8g.large"
    error_message = "Production has a standby; 0 switches growing off."
  }
}

run "an_instance_may_do_without_backups" {
  command = plan

  variables {
    environment_kind      = "ephemeral"
    backup_retention_days = 0
  }

  assert {
    condition     = aws_db_instance.this[0].backup_retention_period == 0
    error_message = "0 must not be taken for missing."
  }
}

run "logs_have_the_instances_names" {
  command = plan

  variables {
    log_exports        = ["postgresql", "iam-db-auth-error", "upgrade"]
    log_retention_days = 90
  }

  assert {
    condition     = toset([for group in aws_cloudwatch_log_group.export : "${group.name} ${group.retention_in_days}"]) == toset(["/aws/rds/instance/app-staging/postgresql 90", "/aws/rds/instance/app-staging/iam-db-auth-error 90", "/aws/rds/instance/app-staging/upgrade 90"])
    error_message = "The groups that RDS writes to must exist with retention."
  }
}

run "the_outputs_have_the_same_shape" {
  command = apply

  assert {
    condition     = output.resource_id == "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ" && output.endpoint == { host = "app-staging.abcdefghijkl.eu-west-2.rds.amazonaws.com", port = 5432 } && output.reader_endpoint == null
    error_message = "Resource id and endpoint must be the instance's; the host is without its port."
  }

  assert {
    condition     = output.master_secret_arn == "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!db-00000000-AbCdEf" && output.identifier == "app-staging" && output.arn == "arn:aws:rds:eu-west-2:123456789012:db:app-staging"
    error_message = "The bootstrap needs the secret's ARN."
  }
}

run "readers_are_auroras" {
  command = plan

  variables {
    readers = 1
  }

  expect_failures = [aws_db_instance.this]
}

run "auroras_storage_type" {
  command = plan

  variables {
    storage_type = "aurora-iopt1"
  }

  expect_failures = [aws_db_instance.this]
}

run "auroras_log_of_pausing" {
  command = plan

  variables {
    log_exports = ["instance"]
  }

  expect_failures = [aws_db_instance.this]
}

run "by_default_rds_chooses_a_minor_version_that_is_alive" {
  command = plan

  assert {
    condition     = aws_db_instance.this[0].engine_version == "17" && aws_db_instance.this[0].auto_minor_version_upgrade == true && aws_db_parameter_group.this[0].family == "postgres17"
    error_message = "RDS has no long-term support versions: a named one could not be created any more after a year."
  }
}

run "a_major_version_follows_its_minor_versions" {
  command = plan

  variables {
    engine_version = "16"
  }

  assert {
    condition     = aws_db_instance.this[0].auto_minor_version_upgrade == true && aws_db_instance.this[0].engine_version == "16" && aws_db_parameter_group.this[0].family == "postgres16"
    error_message = "With 16 alone RDS may install minor versions."
  }
}

run "a_named_minor_version_is_kept" {
  command = plan

  variables {
    engine_version = "17.9"
  }

  assert {
    condition     = aws_db_instance.this[0].auto_minor_version_upgrade == false && aws_db_instance.this[0].engine_version == "17.9"
    error_message = "With 17.9 in the configuration RDS must not upgrade by itself, or the next plan goes back."
  }
}

run "automatic_upgrades_of_a_named_minor_version" {
  command = plan

  variables {
    engine_version             = "17.9"
    auto_minor_version_upgrade = true
  }

  expect_failures = [aws_db_instance.this]
}
