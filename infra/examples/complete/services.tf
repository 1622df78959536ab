# What the two services bring: a role that may log in as exactly the users that their declarations have, and a security group
# that reaches the database. Whatever runs them (ECS tasks, Lambda) takes both. people: users that the developer role may log in as.

# runs_on is the name of a trust policy in the folder policies: trust-ecs-tasks, trust-lambda. For EC2, EKS or anything else put another
# file beside them.

locals {
  services = {
    ledger = {
      runs_on = "ecs-tasks"
      users   = ["ledger_app"]
      people  = ["ledger_readonly"]
    }
    statements = {
      runs_on = "lambda"
      # The second one is a reader in the ledger's database: apps/ledger/database/database.ts.
      users  = ["statements_app", "statements_reader"]
      people = ["statements_readonly"]
    }
  }
}

data "aws_caller_identity" "current" {}

resource "aws_iam_role" "service" {
  for_each = local.services

  name        = "${var.name}-${each.key}"
  description = "Service ${each.key} of ${var.name}."
  assume_role_policy = templatefile("${path.module}/policies/trust-${each.value.runs_on}.json.tftpl", {
    account_id = data.aws_caller_identity.current.account_id
  })
  tags = merge(local.tags, { Name = "${var.name}-${each.key}" })
}

module "database_user" {
  source   = "../../modules/database-user"
  for_each = local.services

  name            = "${var.name}-${each.key}"
  resource_id     = module.database.resource_id
  users           = each.value.users
  master_username = module.database.master_username
  role_names      = [aws_iam_role.service[each.key].name]
  tags            = local.tags
}

resource "aws_security_group" "services" {
  name_prefix = "${var.name}-services-"
  description = "Services of ${var.name}: out to the database"
  vpc_id      = module.network.vpc_id
  tags        = merge(local.tags, { Name = "${var.name}-services" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "services_to_database" {
  security_group_id            = aws_security_group.services.id
  description                  = "PostgreSQL to the database"
  referenced_security_group_id = module.network.security_group_ids.database
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
  tags                         = merge(local.tags, { Name = "${var.name}-services-to-database" })
}
