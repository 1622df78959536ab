data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region

  full_name = "postern-jump-host-${var.name}"
  is_ec2    = var.variant == "ec2"
  is_ecs    = var.variant == "ecs"

  tag = {
    key   = var.tag.key
    value = coalesce(var.tag.value, var.name)
  }

  tags = merge(var.tags, { Name = local.full_name })

  # The tag that decides who may start a session: nothing in var.tags may replace it.
  host_tags = merge(local.tags, { (local.tag.key) = local.tag.value })

  # MiB that Fargate has for so many CPU units. From 512 units on they are whole GiB, from twice the units to eight times
  # as many, and never more than 30.
  fargate_memory = merge({ "256" = [512, 1024, 2048] }, {
    for cpu in [512, 1024, 2048, 4096] : tostring(cpu) => range(2 * cpu, min(8 * cpu, 30720) + 1, 1024)
  })

  # What all policy templates of this module are filled with.
  template_variables = {
    account_id = local.account_id
    partition  = local.partition
    region     = local.region
  }
}
