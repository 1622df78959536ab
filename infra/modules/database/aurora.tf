resource "aws_rds_cluster" "this" {
  count = local.is_aurora ? 1 : 0

  cluster_identifier = var.name

  engine                      = "aurora-postgresql"
  engine_mode                 = "provisioned" # what Serverless v2 is to the API; "serverless" is v1
  engine_version              = local.engine_version
  allow_major_version_upgrade = var.allow_major_version_upgrade
  engine_lifecycle_support    = local.lifecycle_support

  serverlessv2_scaling_configuration {
    min_capacity = var.capacity.min
    max_capacity = var.capacity.max
    # Aurora drops the value above 0, and Terraform would see a difference in every plan.
    seconds_until_auto_pause = var.capacity.min == 0 ? var.capacity.seconds_until_auto_pause : null
  }

  # availability_zones is left out on purpose: Aurora stores in three zones whatever it is told, and
  # a shorter list replaces the cluster in the next plan.
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = var.security_group_ids
  port                   = var.port

  database_name                       = var.database_name
  master_username                     = var.master_username
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = var.kms_key_arn
  iam_database_authentication_enabled = true
  db_cluster_parameter_group_name     = aws_rds_cluster_parameter_group.this[0].name
  snapshot_identifier                 = var.snapshot_identifier

  storage_encrypted = true
  storage_type      = var.storage_type
  kms_key_id        = var.kms_key_arn

  backup_retention_period      = local.backup_retention_days
  preferred_backup_window      = var.backup_window_utc
  preferred_maintenance_window = var.maintenance_window_utc
  copy_tags_to_snapshot        = true

  enabled_cloudwatch_logs_exports = local.log_exports

  apply_immediately         = local.apply_immediately
  deletion_protection       = local.deletion_protection
  skip_final_snapshot       = local.skip_final_snapshot
  final_snapshot_identifier = local.final_snapshot_identifier
  delete_automated_backups  = !local.keep_after_destroy

  tags = merge(var.tags, { Name = var.name })

  lifecycle {
    # Only the first apply restores; another snapshot later must not replace the cluster. Support is
    # chosen when a cluster is made; the provider would try to change it in every apply.
    ignore_changes = [snapshot_identifier, engine_lifecycle_support]

    precondition {
      condition     = var.capacity.min > 0 || local.can_pause
      error_message = "capacity.min is 0, but Aurora PostgreSQL ${local.engine_version} cannot pause. Use 16.3, 15.7, 14.12, 13.15 or later, or set capacity.min to 0.5 or more."
    }

    precondition {
      condition     = local.backup_retention_days >= 1
      error_message = "backup_retention_days is 0, but Aurora always keeps backups. Give 1 to 35."
    }

    precondition {
      condition     = !contains(var.log_exports, "upgrade")
      error_message = "log_exports contains upgrade, which Aurora does not export. Remove it; it is for variant instance."
    }

    precondition {
      condition     = var.storage_type == null ? true : startswith(var.storage_type, "aurora")
      error_message = "storage_type is \"${coalesce(var.storage_type, "null")}\" with variant aurora: give aurora or aurora-iopt1."
    }

    # With 17 alone the provider sends 17 in every update, which RDS takes for the family's default minor
    # version and refuses if the cluster is newer (provider issue 45026).
    precondition {
      condition     = local.names_minor_version
      error_message = "engine_version is \"${local.engine_version}\" without a minor version: for Aurora, later applies would fail with \"Cannot upgrade aurora-postgresql\". Name the minor version, such as 17.7; with auto_minor_version_upgrade = true, the one that the cluster has."
    }

    # The plan says true in any case; this looks at what RDS says after the apply. It is false while
    # the change waits for the maintenance window, and after a restore from a snapshot (provider issue
    # 35189), and then every IAM login fails with nothing but "password authentication failed".
    postcondition {
      condition     = self.iam_database_authentication_enabled
      error_message = "IAM authentication is not on in cluster ${var.name} yet. After a restore from a snapshot: apply once more. With apply_immediately = false: it waits for the maintenance window (PendingModifiedValues); apply once with apply_immediately = true."
    }
  }
}

# Numbered, not named writer and reader: which of them writes changes with every failover. Only the
# first one is made alone: which of several becomes the writer would be chance, and with it whether the
# others scale with the writer (provider issue 11324); made together, some are refused with
# InvalidDBClusterStateFault (50115).
resource "aws_rds_cluster_instance" "first" {
  count = local.is_aurora ? 1 : 0

  identifier         = "${var.name}-1"
  cluster_identifier = aws_rds_cluster.this[0].id
  instance_class     = "db.serverless"
  engine             = aws_rds_cluster.this[0].engine
  # engine_version is left out on purpose: the cluster's counts, and Aurora changes both.

  db_subnet_group_name = aws_db_subnet_group.this.name
  publicly_accessible  = false
  ca_cert_identifier   = var.ca_cert_identifier
  promotion_tier       = 0

  auto_minor_version_upgrade   = local.auto_minor_version_upgrade
  apply_immediately            = local.apply_immediately
  preferred_maintenance_window = var.maintenance_window_utc
  copy_tags_to_snapshot        = true

  performance_insights_enabled          = var.performance_insights != null
  performance_insights_retention_period = try(var.performance_insights.retention_days, null)
  performance_insights_kms_key_id       = var.performance_insights == null ? null : var.kms_key_arn

  tags = merge(var.tags, { Name = "${var.name}-1" })
}

resource "aws_rds_cluster_instance" "others" {
  for_each = { for number in range(local.is_aurora ? var.readers : 0) : tostring(number + 2) => number + 1 }

  identifier         = "${var.name}-${each.key}"
  cluster_identifier = aws_rds_cluster.this[0].id
  instance_class     = "db.serverless"
  engine             = aws_rds_cluster.this[0].engine

  db_subnet_group_name = aws_db_subnet_group.this.name
  publicly_accessible  = false
  ca_cert_identifier   = var.ca_cert_identifier

  # Tiers 0 and 1 scale and pause with the writer, so that one reader can take over at once. The
  # others have their own capacity.
  promotion_tier = min(each.value, 2)

  auto_minor_version_upgrade   = local.auto_minor_version_upgrade
  apply_immediately            = local.apply_immediately
  preferred_maintenance_window = var.maintenance_window_utc
  copy_tags_to_snapshot        = true

  performance_insights_enabled          = var.performance_insights != null
  performance_insights_retention_period = try(var.performance_insights.retention_days, null)
  performance_insights_kms_key_id       = var.performance_insights == null ? null : var.kms_key_arn

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })

  # Nothing refers to it: the first one is to be the writer.
  depends_on = [aws_rds_cluster_instance.first]
}

moved {
  from = aws_rds_cluster_instance.this["1"]
  to   = aws_rds_cluster_instance.first[0]
}

moved {
  from = aws_rds_cluster_instance.this
  to   = aws_rds_cluster_instance.others
}
