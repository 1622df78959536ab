# What both variants share. aurora.tf and instance.tf hold the databases, parameters.tf and logs.tf
# what they need first, proxy.tf what may stand before them.

locals {
  is_aurora = var.variant == "aurora"

  # What environment_kind decides. Each line has a variable of its own that wins.
  of_kind = {
    ephemeral = {
      apply_immediately     = true
      deletion_protection   = false
      skip_final_snapshot   = true
      backup_retention_days = 1
      keep_after_destroy    = false
      extended_support      = false
      multi_az              = false
    }
    staging = {
      apply_immediately     = true
      deletion_protection   = true
      skip_final_snapshot   = false
      backup_retention_days = 7
      keep_after_destroy    = false
      extended_support      = false
      multi_az              = false
    }
    production = {
      apply_immediately     = false
      deletion_protection   = true
      skip_final_snapshot   = false
      backup_retention_days = 14
      keep_after_destroy    = true
      extended_support      = true
      multi_az              = true
    }
  }[var.environment_kind]

  apply_immediately     = coalesce(var.apply_immediately, local.of_kind.apply_immediately)
  deletion_protection   = coalesce(var.deletion_protection, local.of_kind.deletion_protection)
  skip_final_snapshot   = coalesce(var.skip_final_snapshot, local.of_kind.skip_final_snapshot)
  backup_retention_days = coalesce(var.backup_retention_days, local.of_kind.backup_retention_days)
  keep_after_destroy    = coalesce(var.keep_after_destroy, local.of_kind.keep_after_destroy)
  multi_az              = coalesce(var.instance.multi_az, local.of_kind.multi_az)
  lifecycle_support     = coalesce(var.extended_support, local.of_kind.extended_support) ? "open-source-rds-extended-support" : "open-source-rds-extended-support-disabled"

  # The same in every plan (a time stamp would change it), and valid because name is. It is also given
  # when no snapshot is wanted, so that switching skip_final_snapshot off is enough.
  final_snapshot_identifier = coalesce(var.final_snapshot_identifier, "${var.name}-final")

  # Minor versions die: AWS stops making new databases of one about a year after it came, and upgrades
  # those that are there. So Aurora's default is a long-term support version (at least three years), and
  # an instance, for which RDS has none, names the major version alone. Read 2026-11-23: LTS of Aurora
  # PostgreSQL is 17.7 (16.8, 15.10); no new RDS instance of 17.5 or 17.6 since 2026-10-01 (AWS Health).
  engine_version = coalesce(var.engine_version, local.is_aurora ? "17.7" : "17")

  version_parts              = split(".", local.engine_version)
  major_version              = local.version_parts[0]
  names_minor_version        = length(local.version_parts) > 1
  auto_minor_version_upgrade = coalesce(var.auto_minor_version_upgrade, !local.names_minor_version)

  # Aurora can pause from these minor versions on; later majors always.
  first_pausing_minor = { "13" = 15, "14" = 12, "15" = 7, "16" = 3 }
  can_pause           = tonumber(try(local.version_parts[1], "0")) >= lookup(local.first_pausing_minor, local.major_version, 0)

  # The one database of either variant, for outputs and the proxy.
  database = local.is_aurora ? {
    identifier      = one(aws_rds_cluster.this[*].cluster_identifier)
    arn             = one(aws_rds_cluster.this[*].arn)
    resource_id     = one(aws_rds_cluster.this[*].cluster_resource_id)
    host            = one(aws_rds_cluster.this[*].endpoint)
    port            = one(aws_rds_cluster.this[*].port)
    master_username = one(aws_rds_cluster.this[*].master_username)
    secret_arn      = one(flatten(aws_rds_cluster.this[*].master_user_secret[*].secret_arn))
    } : {
    identifier      = one(aws_db_instance.this[*].identifier)
    arn             = one(aws_db_instance.this[*].arn)
    resource_id     = one(aws_db_instance.this[*].resource_id)
    host            = one(aws_db_instance.this[*].address)
    port            = one(aws_db_instance.this[*].port)
    master_username = one(aws_db_instance.this[*].username)
    secret_arn      = one(flatten(aws_db_instance.this[*].master_user_secret[*].secret_arn))
  }
}

resource "aws_db_subnet_group" "this" {
  name        = "${var.name}-database"
  description = "Subnets of the database ${var.name}"
  subnet_ids  = var.subnet_ids

  tags = merge(var.tags, { Name = "${var.name}-database" })
}
