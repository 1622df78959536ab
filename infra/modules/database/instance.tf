resource "aws_db_instance" "this" {
  count = local.is_aurora ? 0 : 1

  identifier = var.name

  engine                      = "postgres"
  engine_version              = local.engine_version
  auto_minor_version_upgrade  = local.auto_minor_version_upgrade
  allow_major_version_upgrade = var.allow_major_version_upgrade
  engine_lifecycle_support    = local.lifecycle_support

  instance_class        = var.instance.class
  allocated_storage     = var.instance.allocated_storage_gib
  max_allocated_storage = var.instance.max_allocated_storage_gib
  storage_type          = coalesce(var.storage_type, "gp3")
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn
  multi_az              = local.multi_az

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = var.security_group_ids
  publicly_accessible    = false
  port                   = var.port
  ca_cert_identifier     = var.ca_cert_identifier

  db_name                             = var.database_name
  username                            = var.master_username
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = var.kms_key_arn
  iam_database_authentication_enabled = true
  parameter_group_name                = aws_db_parameter_group.this[0].name
  snapshot_identifier                 = var.snapshot_identifier

  backup_retention_period = local.backup_retention_days
  backup_window           = var.backup_window_utc
  maintenance_window      = var.maintenance_window_utc
  copy_tags_to_snapshot   = true

  enabled_cloudwatch_logs_exports = local.log_exports

  performance_insights_enabled          = var.performance_insights != null
  performance_insights_retention_period = try(var.performance_insights.retention_days, null)
  performance_insights_kms_key_id       = var.performance_insights == null ? null : var.kms_key_arn

  apply_immediately         = local.apply_immediately
  deletion_protection       = local.deletion_protection
  skip_final_snapshot       = local.skip_final_snapshot
  final_snapshot_identifier = local.final_snapshot_identifier
  delete_automated_backups  = !local.keep_after_destroy

  tags = merge(var.tags, { Name = var.name })

  lifecycle {
    # Only the first apply restores; another snapshot later must not replace the instance. Support is
    # chosen when an instance is made; the provider would try to change it in every apply.
    ignore_changes = [snapshot_identifier, engine_lifecycle_support]

    precondition {
      condition     = var.readers == 0
      error_message = "readers is ${var.readers}, but variant instance has none. Use variant aurora, or set instance.multi_az for a standby."
    }

    precondition {
      condition     = !contains(var.log_exports, "instance")
      error_message = "log_exports contains instance, the log of Aurora's pausing. Remove it; it is for variant aurora."
    }

    precondition {
      condition     = var.storage_type == null ? true : startswith(var.storage_type, "gp")
      error_message = "storage_type is \"${coalesce(var.storage_type, "null")}\" with variant instance: give gp2 or gp3."
    }

    precondition {
      condition     = !(local.auto_minor_version_upgrade && local.names_minor_version)
      error_message = "auto_minor_version_upgrade is on, but engine_version names the minor version ${local.engine_version}: after RDS's own upgrade, Terraform would try to go back. Give engine_version = \"${local.major_version}\", or leave auto_minor_version_upgrade null."
    }

    # As for the cluster: what RDS says after the apply, not what was asked for.
    postcondition {
      condition     = self.iam_database_authentication_enabled
      error_message = "IAM authentication is not on in instance ${var.name} yet. With apply_immediately = false it waits for the maintenance window (PendingModifiedValues): apply once with apply_immediately = true. After a restore from a snapshot: apply once more."
    }
  }
}
