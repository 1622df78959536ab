# One group for each role, and one resource for each rule: a rule names the other side's group, never
# an address, wherever there is a group.
#
#   jump_host ─┬─> database          jump_host: nothing comes in. The session is a connection that the
#   functions ─┤                     agent opened to AWS.
#   clients   ─┴─> endpoints (443)   database, endpoints: nothing goes out.
#
# With a proxy, jump_host, functions and clients may reach it as well, and it reaches the database.
#
# The rules on port 443 are in api-access.tf.
#
# Groups have name prefixes and are replaced by creating first: a group that is in use cannot be
# deleted.

locals {
  callers = {
    jump_host = aws_security_group.jump_host.id
    functions = aws_security_group.functions.id
  }
  # Who may reach the database (and the proxy), by the name in the state.
  database_clients = merge(local.callers, var.client_security_group_ids)

  proxy_clients     = var.database_proxy ? local.database_clients : {}
  proxy_callers     = var.database_proxy ? local.callers : {}
  private_subnets   = length(local.private_subnet_ids)
  route_tables      = length(local.private_route_table_ids)
  policies_for      = setunion(local.interface_endpoints, var.s3_gateway_endpoint ? ["s3"] : [])
  policies_for_none = setsubtract(keys(var.endpoint_policies), local.policies_for)
}

# --- groups ---------------------------------------------------------------------------------------

resource "aws_security_group" "database" {
  name_prefix = "${var.name}-database-"
  description = "Database of ${var.name}: PostgreSQL from the jump host, the functions and the named clients"
  vpc_id      = local.vpc_id

  tags = merge(var.tags, { Name = "${var.name}-database" })

  lifecycle {
    create_before_destroy = true

    # What spans more than one variable is checked here, because this group is always made.
    precondition {
      condition     = local.own_vpc || var.aws_api_access != "nat"
      error_message = "aws_api_access is \"nat\" together with existing_vpc: NAT gateways and public subnets are only made in a VPC of this module's own. Where the existing VPC has NAT already, set aws_api_access = \"none\" and aws_api_egress_cidr_blocks = [\"0.0.0.0/0\"]."
    }

    precondition {
      condition     = var.endpoint_subnet_count == null ? true : var.endpoint_subnet_count <= local.private_subnets
      error_message = "endpoint_subnet_count is ${coalesce(var.endpoint_subnet_count, 0)}, but there are ${local.private_subnets} private subnets. Lower it, or leave it null for all."
    }

    precondition {
      condition     = local.own_vpc || !var.s3_gateway_endpoint || local.route_tables > 0
      error_message = "existing_vpc has no private_route_table_ids, so the S3 gateway endpoint would be in no route table. Name the private subnets' tables, or set s3_gateway_endpoint = false if the VPC has one (or needs none)."
    }

    precondition {
      condition     = !local.own_vpc || !local.endpoints_enabled || contains(var.interface_endpoints, "ssmmessages")
      error_message = "interface_endpoints is ${jsonencode(var.interface_endpoints)}: without ssmmessages no session opens, as a VPC of this module's own has no other way to AWS. Add it, or choose another aws_api_access."
    }

    precondition {
      condition     = var.availability_zones == null ? true : alltrue([for zone in var.availability_zones : startswith(zone, data.aws_region.current.region)])
      error_message = "availability_zones is ${jsonencode(var.availability_zones)}, but the provider's region is ${data.aws_region.current.region}. Give zones of this region, or change the provider's."
    }

    precondition {
      condition     = length(local.policies_for_none) == 0
      error_message = "endpoint_policies names ${jsonencode(local.policies_for_none)}, for which no endpoint is made: the policy would lock nothing. Remove it, or add the service to interface_endpoints."
    }
  }
}

resource "aws_security_group" "jump_host" {
  name_prefix = "${var.name}-jump-host-"
  description = "Jump host of ${var.name}: nothing comes in; out to the database and to AWS"
  vpc_id      = local.vpc_id

  tags = merge(var.tags, { Name = "${var.name}-jump-host" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "functions" {
  name_prefix = "${var.name}-functions-"
  description = "Functions of ${var.name}: nothing comes in; out to the database and to AWS"
  vpc_id      = local.vpc_id

  tags = merge(var.tags, { Name = "${var.name}-functions" })

  lifecycle {
    create_before_destroy = true
  }

  # The network interfaces of a deleted Lambda function stay for up to 40 minutes.
  timeouts {
    delete = "45m"
  }
}

resource "aws_security_group" "endpoints" {
  count = local.endpoints_enabled ? 1 : 0

  name_prefix = "${var.name}-endpoints-"
  description = "Interface endpoints of ${var.name}: HTTPS from the groups and ranges of its rules"
  vpc_id      = local.vpc_id

  tags = merge(var.tags, { Name = "${var.name}-endpoints" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "proxy" {
  count = var.database_proxy ? 1 : 0

  name_prefix = "${var.name}-proxy-"
  description = "RDS Proxy of ${var.name}: PostgreSQL from the clients, out to the database"
  vpc_id      = local.vpc_id

  tags = merge(var.tags, { Name = "${var.name}-proxy" })

  lifecycle {
    create_before_destroy = true
  }
}

# --- the database, and the proxy before it ----------------------------------------------------------

resource "aws_vpc_security_group_ingress_rule" "database" {
  for_each = local.database_clients

  security_group_id            = aws_security_group.database.id
  description                  = "PostgreSQL from ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port

  tags = merge(var.tags, { Name = "${var.name}-database-from-${each.key}" })
}

resource "aws_vpc_security_group_egress_rule" "database" {
  for_each = local.callers

  security_group_id            = each.value
  description                  = "PostgreSQL to the database"
  referenced_security_group_id = aws_security_group.database.id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port

  tags = merge(var.tags, { Name = "${var.name}-${each.key}-to-database" })
}

resource "aws_vpc_security_group_ingress_rule" "database_from_proxy" {
  count = var.database_proxy ? 1 : 0

  security_group_id            = aws_security_group.database.id
  description                  = "PostgreSQL from the proxy"
  referenced_security_group_id = aws_security_group.proxy[0].id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port

  tags = merge(var.tags, { Name = "${var.name}-database-from-proxy" })
}

resource "aws_vpc_security_group_egress_rule" "proxy_to_database" {
  count = var.database_proxy ? 1 : 0

  security_group_id            = aws_security_group.proxy[0].id
  description                  = "PostgreSQL to the database"
  referenced_security_group_id = aws_security_group.database.id
  ip_protocol                  = "tcp"
  from_port                    = var.database_port
  to_port                      = var.database_port

  tags = merge(var.tags, { Name = "${var.name}-proxy-to-database" })
}

# A proxy always listens on 5432, whatever the database's port is.
resource "aws_vpc_security_group_ingress_rule" "proxy" {
  for_each = local.proxy_clients

  security_group_id            = aws_security_group.proxy[0].id
  description                  = "PostgreSQL from ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432

  tags = merge(var.tags, { Name = "${var.name}-proxy-from-${each.key}" })
}

resource "aws_vpc_security_group_egress_rule" "proxy" {
  for_each = local.proxy_callers

  security_group_id            = each.value
  description                  = "PostgreSQL to the proxy"
  referenced_security_group_id = aws_security_group.proxy[0].id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432

  tags = merge(var.tags, { Name = "${var.name}-${each.key}-to-proxy" })
}
