# RDS writes to these names. If a group is missing, RDS makes it without any retention; so they are
# made here, and the database takes the list of its exports from them, which makes it wait for them.
resource "aws_cloudwatch_log_group" "export" {
  for_each = var.log_exports

  name              = "/aws/rds/${local.is_aurora ? "cluster" : "instance"}/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
  skip_destroy      = local.keep_after_destroy

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })

  # An export that is left out: RDS stops writing first, and then the group goes. The other way round
  # RDS would make it again, without retention.
  lifecycle {
    create_before_destroy = true
  }
}

locals {
  log_exports = keys(aws_cloudwatch_log_group.export)
}
