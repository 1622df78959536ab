data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

data "aws_rds_cluster" "this" {
  count = var.cluster_identifier == null ? 0 : 1

  cluster_identifier = var.cluster_identifier

  lifecycle {
    postcondition {
      condition     = self.iam_database_authentication_enabled
      error_message = "Cluster ${var.cluster_identifier} does not have IAM authentication, so nobody can log in by this policy: set iam_database_authentication_enabled."
    }
  }
}

locals {
  resource_id = var.cluster_identifier == null ? var.resource_id : one(data.aws_rds_cluster.this[*].cluster_resource_id)
  user_prefix = join(":", [
    "arn", data.aws_partition.current.partition, "rds-db", data.aws_region.current.region,
    data.aws_caller_identity.current.account_id, "dbuser",
  ])
  user_arns = [for user in sort(var.users) : "${local.user_prefix}:${coalesce(local.resource_id, "none")}/${user}"]

  # Without users it has less than 130 characters, and the resource id (not known before the first apply) at most 34: cluster-….
  policy_length = 130 + sum(concat([0], [for user in var.users : length("\"${local.user_prefix}:/${user}\",") + 34]))

  policy = templatefile("${path.module}/policies/connect.json.tftpl", { user_arns = local.user_arns })
}

resource "aws_iam_policy" "this" {
  name        = "postern-connect-${var.name}"
  description = "Logs in to the database of ${var.name} as its declared users."
  policy      = local.policy
  tags        = merge(var.tags, { Name = "postern-connect-${var.name}" })

  lifecycle {
    precondition {
      condition     = (var.resource_id == null) != (var.cluster_identifier == null)
      error_message = "Either resource_id or cluster_identifier has to be given, and not both."
    }

    precondition {
      condition     = var.master_username == null || !contains(var.users, coalesce(var.master_username, "-"))
      error_message = "users has the master ${coalesce(var.master_username, "-")}, who may do anything and loses its password login with rds_iam: give the service a role of its own."
    }

    precondition {
      condition     = local.policy_length <= 6144
      error_message = "The policy for ${length(var.users)} users gets longer than the 6144 characters that IAM takes of a managed policy: use the module once more for some of them."
    }
  }
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = var.role_names

  role       = each.key
  policy_arn = aws_iam_policy.this.arn
}
