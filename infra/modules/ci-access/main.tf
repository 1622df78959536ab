data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region

  enabled = {
    ci        = length(local.contexts.ci) > 0
    deploy    = var.github != null && var.functions.bootstrap != null && length(var.deploy_environments) > 0
    developer = length(var.developers.principal_arns) > 0
  }

  test_run_policies = concat(
    ["ci-connect", "ci-tunnel", var.jump_host.target_is_tagged ? "ci-target-instance" : "ci-target-task"],
    var.functions.testdb == null ? [] : ["ci-test-databases"],
    var.discovery.cluster ? ["discover-cluster"] : [],
    !var.discovery.jump_host ? [] : (
      var.jump_host.target_is_tagged ? ["discover-jump-host"] : var.jump_host.ecs == null ? [] : ["discover-tasks"]
    ),
    var.discovery.sessions ? ["discover-sessions"] : [],
  )
  policies = {
    ci     = local.test_run_policies
    deploy = concat(["deploy-bootstrap"], var.deploy_code ? ["deploy-code"] : [])
    developer = concat(
      local.test_run_policies,
      length(var.developers.database_users) > 0 ? ["developer-connect"] : [],
      var.developers.invoke_bootstrap && var.functions.bootstrap != null ? ["deploy-bootstrap"] : [],
    )
  }

  # The resource id, which is not known before the first apply, has at most 34: cluster-….
  user_prefix_length = length("\"arn:${local.partition}:rds-db:${local.region}:${local.account_id}:dbuser:/\",") + 34
  other_accounts = [
    for arn in var.developers.principal_arns : arn if split(":", arn)[4] != local.account_id
  ]

  role_policies = merge([
    for role, names in local.policies : { for name in names : "${role}/${name}" => { role = role, name = name } }
    if local.enabled[role]
  ]...)

  policy_variables = {
    account_id      = local.account_id
    bootstrap_arn   = try(var.functions.bootstrap.arn, null)
    cluster_arn     = var.database.arn
    document_arn    = aws_ssm_document.this.arn
    ecs_cluster_arn = try(var.jump_host.ecs.cluster_arn, null)
    function_arns   = [for function in [var.functions.bootstrap, var.functions.testdb] : function.arn if function != null]
    partition       = local.partition
    region          = local.region
    resource_id     = var.database.resource_id
    tag_key         = var.jump_host.tag.key
    tag_value       = var.jump_host.tag.value
    target_arns     = var.jump_host.target_arns
    testdb_arn      = try(var.functions.testdb.arn, null)
    user_arns = [
      for user in var.developers.database_users :
      "arn:${local.partition}:rds-db:${local.region}:${local.account_id}:dbuser:${var.database.resource_id}/${user}"
    ]
  }
}

# Host and port are fixed here, because IAM cannot restrict what AWS's own document forwards to.
resource "aws_ssm_document" "this" {
  name            = "postern-${var.name}"
  document_type   = "Session"
  document_format = "JSON"
  content         = templatefile("${path.module}/documents/port.json.tftpl", var.database.endpoint)
  tags            = merge(var.tags, { Name = "postern-${var.name}" })

  lifecycle {
    precondition {
      condition     = var.github == null || var.create_oidc_provider == (var.oidc_provider_arn == null)
      error_message = "An account has one OIDC provider for GitHub: either create_oidc_provider = true and no oidc_provider_arn, or create_oidc_provider = false and the ARN of the one that exists."
    }

    precondition {
      condition     = var.database.master_username == null || !contains(var.developers.database_users, coalesce(var.database.master_username, "-"))
      error_message = "developers.database_users has the master ${coalesce(var.database.master_username, "-")}, who may do anything: give developers roles of their own."
    }

    precondition {
      condition     = var.developers.allow_other_accounts || length(local.other_accounts) == 0
      error_message = "developers.principal_arns has ${jsonencode(local.other_accounts)}, and this is account ${local.account_id}: a digit that is wrong would let a stranger in. Correct the number, or set allow_other_accounts = true where people have their identities in another account."
    }

    precondition {
      condition     = sum(concat([0], [for user in var.developers.database_users : local.user_prefix_length + length(user)])) <= 6000
      error_message = "The ${length(var.developers.database_users)} developers.database_users do not fit into the 10240 characters that IAM takes of a role's inline policies: about 60 do. Give people roles in the database that they share, or use the module once more for the others."
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = toset([for role, enabled in local.enabled : role if enabled])

  name                 = "postern-${each.key}-${var.name}"
  description          = local.role_descriptions[each.key]
  assume_role_policy   = local.trust[each.key]
  max_session_duration = var.max_session_duration_seconds
  permissions_boundary = var.permissions_boundary_arn
  tags                 = merge(var.tags, { Name = "postern-${each.key}-${var.name}" })

  lifecycle {
    precondition {
      condition     = length(jsonencode(local.subjects[each.key])) + length(jsonencode(local.refs[each.key])) <= 1620
      error_message = "The trust policy of the ${each.key} role gets longer than the 2048 characters that IAM takes: name fewer repositories, branches or environments, set immutable_only = true for repositories with ids, or use the module once more for the others."
    }
  }
}

resource "aws_iam_role_policy" "this" {
  for_each = local.role_policies

  name   = each.value.name
  role   = aws_iam_role.this[each.value.role].name
  policy = templatefile("${path.module}/policies/${each.value.name}.json.tftpl", local.policy_variables)
}
