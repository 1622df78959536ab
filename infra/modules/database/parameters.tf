locals {
  parameters = merge(
    {
      "rds.force_ssl"      = "1"
      "log_connections"    = "1"
      "log_disconnections" = "1"
    },
    var.parameters,
  )

  # Parameters that PostgreSQL or RDS read only at start. RDS refuses apply_method = immediate for
  # them, and pending-reboot for the others would wait for a reboot that nobody makes.
  #
  # rds.force_ssl is read at the first start of a database that is made with this group. Where 1 is the
  # default already (Aurora from 17, RDS from 15), RDS keeps reporting its own pending-reboot, and with
  # immediate every plan would have a change (provider issues 23335, 39252).
  static_parameters = setunion(var.static_parameters, [
    "autovacuum_freeze_max_age",
    "autovacuum_max_workers",
    "autovacuum_multixact_freeze_max_age",
    "huge_pages",
    "max_connections",
    "max_files_per_process",
    "max_locks_per_transaction",
    "max_pred_locks_per_transaction",
    "max_prepared_transactions",
    "max_replication_slots",
    "max_wal_senders",
    "max_worker_processes",
    "rds.custom_dns_resolution",
    "rds.force_ssl",
    "rds.logical_replication",
    "shared_buffers",
    "shared_preload_libraries",
    "superuser_reserved_connections",
    "track_activity_query_size",
    "track_commit_timestamp",
    "wal_buffers",
  ])

  parameter_list = {
    for name, value in local.parameters : name => {
      value        = value
      apply_method = contains(local.static_parameters, name) ? "pending-reboot" : "immediate"
    }
  }
}

# The family is part of the name, and a new group is made before the old one goes: a major upgrade
# needs both for a moment.
resource "aws_rds_cluster_parameter_group" "this" {
  count = local.is_aurora ? 1 : 0

  name_prefix = "${var.name}-aurora-postgresql${local.major_version}-"
  description = "Parameters of the cluster ${var.name}"
  family      = "aurora-postgresql${local.major_version}"

  dynamic "parameter" {
    for_each = local.parameter_list

    content {
      name         = parameter.key
      value        = parameter.value.value
      apply_method = parameter.value.apply_method
    }
  }

  tags = merge(var.tags, { Name = var.name })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_parameter_group" "this" {
  count = local.is_aurora ? 0 : 1

  name_prefix = "${var.name}-postgres${local.major_version}-"
  description = "Parameters of the instance ${var.name}"
  family      = "postgres${local.major_version}"

  dynamic "parameter" {
    for_each = local.parameter_list

    content {
      name         = parameter.key
      value        = parameter.value.value
      apply_method = parameter.value.apply_method
    }
  }

  tags = merge(var.tags, { Name = var.name })

  lifecycle {
    create_before_destroy = true
  }
}
