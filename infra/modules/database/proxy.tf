# IAM from the client to the proxy and from the proxy to the database ("end-to-end"). A proxy that
# holds passwords in secrets is of no use here: PostgreSQL lets members of rds_iam in by token only.

locals {
  proxy_enabled = var.proxy != null
  proxy_name    = "${var.name}-proxy"
  proxy_user_arns = local.proxy_enabled ? [
    for user in sort(var.proxy.users) :
    "arn:${data.aws_partition.current[0].partition}:rds-db:${data.aws_region.current[0].region}:${data.aws_caller_identity.current[0].account_id}:dbuser:${local.database.resource_id}/${user}"
  ] : []
}

data "aws_caller_identity" "current" {
  count = local.proxy_enabled ? 1 : 0
}

data "aws_partition" "current" {
  count = local.proxy_enabled ? 1 : 0
}

data "aws_region" "current" {
  count = local.proxy_enabled ? 1 : 0
}

resource "aws_iam_role" "proxy" {
  count = local.proxy_enabled ? 1 : 0

  name                 = "postern-proxy-${var.name}"
  description          = "RDS Proxy of ${var.name}: logs in to the database as the declared users"
  permissions_boundary = var.proxy.permissions_boundary_arn
  assume_role_policy = templatefile("${path.module}/policies/trust-rds.json.tftpl", {
    account_id = data.aws_caller_identity.current[0].account_id
  })

  tags = merge(var.tags, { Name = "postern-proxy-${var.name}" })
}

resource "aws_iam_role_policy" "proxy" {
  for_each = local.proxy_enabled ? {
    proxy-connect = { user_arns = local.proxy_user_arns }
  } : {}

  name   = each.key
  role   = aws_iam_role.proxy[0].name
  policy = templatefile("${path.module}/policies/${each.key}.json.tftpl", each.value)
}

resource "aws_cloudwatch_log_group" "proxy" {
  count = local.proxy_enabled ? 1 : 0

  name              = "/aws/rds/proxy/${local.proxy_name}"
  retention_in_days = var.log_retention_days
  skip_destroy      = local.keep_after_destroy

  tags = merge(var.tags, { Name = local.proxy_name })
}

resource "aws_db_proxy" "this" {
  count = local.proxy_enabled ? 1 : 0

  name                   = local.proxy_name
  engine_family          = "POSTGRESQL"
  default_auth_scheme    = "IAM_AUTH"
  require_tls            = true
  role_arn               = aws_iam_role.proxy[0].arn
  vpc_subnet_ids         = coalesce(var.proxy.subnet_ids, var.subnet_ids)
  vpc_security_group_ids = var.proxy.security_group_ids
  idle_client_timeout    = var.proxy.idle_client_timeout_seconds
  debug_logging          = var.proxy.debug_logging

  tags = merge(var.tags, { Name = local.proxy_name })

  # Nothing refers to it, but the proxy would make a group without retention, and log in in vain.
  depends_on = [aws_cloudwatch_log_group.proxy, aws_iam_role_policy.proxy]

  lifecycle {
    precondition {
      condition     = !local.is_aurora || var.capacity.min > 0
      error_message = "proxy together with capacity.min = 0: a proxy keeps connections open, so the cluster would never pause. Set capacity.min to 0.5 or more to accept that, or leave the proxy out."
    }

    precondition {
      condition     = !contains(var.proxy.users, var.master_username)
      error_message = "proxy.users contains the master ${var.master_username}, whose password is in Secrets Manager and who is no IAM user. Remove it."
    }
  }
}

resource "aws_db_proxy_default_target_group" "this" {
  count = local.proxy_enabled ? 1 : 0

  db_proxy_name = aws_db_proxy.this[0].name

  connection_pool_config {
    max_connections_percent   = var.proxy.max_connections_percent
    connection_borrow_timeout = var.proxy.borrow_timeout_seconds
  }
}

resource "aws_db_proxy_target" "this" {
  count = local.proxy_enabled ? 1 : 0

  db_proxy_name          = aws_db_proxy.this[0].name
  target_group_name      = aws_db_proxy_default_target_group.this[0].name
  db_cluster_identifier  = local.is_aurora ? local.database.identifier : null
  db_instance_identifier = local.is_aurora ? null : local.database.identifier

  # It names the cluster, but is refused while an instance is being made (InvalidDBInstanceState;
  # provider pull request 19096).
  depends_on = [aws_rds_cluster_instance.first, aws_rds_cluster_instance.others]
}
