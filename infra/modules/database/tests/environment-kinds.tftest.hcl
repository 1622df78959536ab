# What environment_kind decides, and that each of it can be overridden.

mock_provider "aws" {}

variables {
  name               = "app"
  environment_kind   = "ephemeral"
  subnet_ids         = ["subnet-0c", "subnet-0d"]
  security_group_ids = ["sg-0123456789abcdef0"]
}

run "ephemeral_vanishes_without_a_trace" {
  command = plan

  assert {
    condition     = aws_rds_cluster.this[0].deletion_protection == false && aws_rds_cluster.this[0].skip_final_snapshot == true && aws_rds_cluster.this[0].delete_automated_backups == true && aws_rds_cluster.this[0].backup_retention_period == 1
    error_message = "An ephemeral cluster must be destroyable in one step."
  }

  assert {
    condition     = aws_rds_cluster.this[0].apply_immediately == true && alltrue([for group in aws_cloudwatch_log_group.export : group.skip_destroy == false])
    error_message = "Changes are applied at once and logs go with the cluster."
  }

  assert {
    condition     = aws_rds_cluster.this[0].engine_lifecycle_support == "open-source-rds-extended-support-disabled"
    error_message = "Nobody pays Extended Support for an ephemeral cluster."
  }
}

run "staging_is_protected_and_leaves_a_snapshot" {
  command = plan

  variables {
    environment_kind = "staging"
  }

  assert {
    condition     = aws_rds_cluster.this[0].deletion_protection == true && aws_rds_cluster.this[0].skip_final_snapshot == false && aws_rds_cluster.this[0].final_snapshot_identifier == "app-final" && aws_rds_cluster.this[0].backup_retention_period == 7
    error_message = "Staging must be protected, keep a week of backups and leave a snapshot."
  }

  assert {
    condition     = aws_rds_cluster.this[0].apply_immediately == true && aws_rds_cluster_instance.first[0].apply_immediately == true
    error_message = "On staging changes are applied at once."
  }
}

run "production_is_protected_and_patient" {
  command = plan

  variables {
    environment_kind = "production"
  }

  assert {
    condition     = aws_rds_cluster.this[0].deletion_protection == true && aws_rds_cluster.this[0].skip_final_snapshot == false && aws_rds_cluster.this[0].backup_retention_period == 14 && aws_rds_cluster.this[0].delete_automated_backups == false
    error_message = "Production must be protected, and its backups outlive it."
  }

  assert {
    condition     = aws_rds_cluster.this[0].apply_immediately == false && aws_rds_cluster_instance.first[0].apply_immediately == false
    error_message = "Production changes wait for the maintenance window."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.export : group.skip_destroy == true]) && aws_rds_cluster.this[0].engine_lifecycle_support == "open-source-rds-extended-support"
    error_message = "Production's logs stay, and AWS does not raise its major version."
  }
}

run "each_of_it_can_be_overridden" {
  command = plan

  variables {
    environment_kind          = "production"
    apply_immediately         = true
    deletion_protection       = false
    skip_final_snapshot       = true
    backup_retention_days     = 35
    keep_after_destroy        = false
    extended_support          = false
    final_snapshot_identifier = "app-2026-11"
  }

  assert {
    condition     = aws_rds_cluster.this[0].apply_immediately == true && aws_rds_cluster.this[0].deletion_protection == false && aws_rds_cluster.this[0].skip_final_snapshot == true && aws_rds_cluster.this[0].backup_retention_period == 35
    error_message = "A variable must win over the kind."
  }

  assert {
    condition     = aws_rds_cluster.this[0].delete_automated_backups == true && aws_rds_cluster.this[0].final_snapshot_identifier == "app-2026-11" && aws_rds_cluster.this[0].engine_lifecycle_support == "open-source-rds-extended-support-disabled"
    error_message = "A variable must win over the kind."
  }
}
