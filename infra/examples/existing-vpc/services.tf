# What the service brings: a role that may log in as exactly the user that its declaration has, and a security group that reaches the
# database. What runs it takes both.

data "aws_caller_identity" "current" {}

resource "aws_iam_role" "service" {
  name        = "${var.name}-ledger"
  description = "Service ledger of ${var.name}."
  assume_role_policy = templatefile("${path.module}/policies/trust-ecs-tasks.json.tftpl", {
    account_id = data.aws_caller_identity.current.account_id
  })
  tags = merge(local.tags, { Name = "${var.name}-ledger" })
}

module "database_user" {
  source = "../../modules/database-user"

  name            = "${var.name}-ledger"
  resource_id     = module.database.resource_id
  users           = ["ledger_app"]
  master_username = module.database.master_username
  role_names      = [aws_iam_role.service.name]
  tags            = local.tags
}

resource "aws_security_group" "service" {
  name_prefix = "${var.name}-ledger-"
  description = "Service ledger of ${var.name}: out to the database"
  vpc_id      = var.vpc.id
  tags        = merge(local.tags, { Name = "${var.name}-ledger" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "service_to_database" {
  security_group_id            = aws_security_group.service.id
  description                  = "PostgreSQL to the database"
  referenced_security_group_id = module.network.security_group_ids.database
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
  tags                         = merge(local.tags, { Name = "${var.name}-ledger-to-database" })
}
