locals {
  decrypts = var.decrypt_with_own_key != null ? var.decrypt_with_own_key : var.database.kms_key_arn != null

  # Which policy files each function's role has.
  policy_files = {
    for key in keys(local.functions) : key => concat(
      ["logs", "master-secret", "network-interfaces"],
      local.decrypts ? ["master-secret-key"] : [],
      key == "bootstrap" ? ["connect-migrators"] : [],
      var.tracing ? ["tracing"] : [],
    )
  }

  policies = merge([
    for key, files in local.policy_files : { for file in files : "${key}/${file}" => { function = key, file = file } }
  ]...)
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name                 = each.value.name
  description          = each.value.description
  assume_role_policy   = templatefile("${path.module}/policies/trust-lambda.json.tftpl", {})
  permissions_boundary = var.permissions_boundary_arn
  tags                 = merge(local.tags, { Name = each.value.name })
}

resource "aws_iam_role_policy" "function" {
  for_each = local.policies

  name = each.value.file
  role = aws_iam_role.function[each.value.function].name
  policy = templatefile("${path.module}/policies/${each.value.file}.json.tftpl", {
    account_id = local.account_id
    partition  = local.partition
    region     = local.region
    dns_suffix = data.aws_partition.current.dns_suffix
    # From the name: the function needs the role first.
    function_arn  = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${local.functions[each.value.function].name}"
    log_group_arn = aws_cloudwatch_log_group.this[each.value.function].arn
    secret_arn    = var.database.master_secret_arn
    kms_key_arn   = var.database.kms_key_arn != null ? var.database.kms_key_arn : ""
    resource_id   = var.database.resource_id
  })
}

resource "aws_iam_role" "scheduler" {
  count = local.sweeps ? 1 : 0

  name                 = "postern-sweep-${var.name}"
  description          = "Lets the schedule invoke the function for test databases."
  assume_role_policy   = templatefile("${path.module}/policies/trust-scheduler.json.tftpl", { account_id = local.account_id })
  permissions_boundary = var.permissions_boundary_arn
  tags                 = merge(local.tags, { Name = "postern-sweep-${var.name}" })
}

resource "aws_iam_role_policy" "scheduler" {
  count = local.sweeps ? 1 : 0

  name   = "scheduler-invoke-testdb"
  role   = aws_iam_role.scheduler[0].name
  policy = templatefile("${path.module}/policies/scheduler-invoke-testdb.json.tftpl", { testdb_arn = aws_lambda_function.this["testdb"].arn })
}
