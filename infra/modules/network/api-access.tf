# Rules on port 443: who may call the interface endpoints, and what jump host and functions may call.
#
# The endpoints answer to the services' names in the whole VPC. In a VPC that exists they therefore
# admit its ranges, too: its other workloads call these services by the same names.

locals {
  endpoint_clients = local.endpoints_enabled ? local.database_clients : {}
  endpoint_callers = local.endpoints_enabled ? local.callers : {}

  api_cidr_blocks = (
    var.aws_api_egress_cidr_blocks != null ? var.aws_api_egress_cidr_blocks :
    var.aws_api_access == "nat" ? ["0.0.0.0/0"] :
    var.aws_api_access == "none" && local.own_vpc ? [var.vpc_cidr] :
    []
  )
  api_cidr_rules = {
    for pair in setproduct(["jump_host", "functions"], range(length(local.api_cidr_blocks))) :
    "${pair[0]}/${pair[1]}" => { caller = pair[0], cidr_block = local.api_cidr_blocks[pair[1]] }
  }

  # An existing VPC may have several ranges. How many is only known when applying if the VPC is made in
  # the same apply, so they are entries of a prefix list and not rules of their own.
  existing_vpc_ranges = local.own_vpc ? [] : distinct([
    for association in data.aws_vpc.existing[0].cidr_block_associations : association.cidr_block if association.state == "associated"
  ])
  # Endpoints that are not made are there already, somewhere in the VPC.
  existing_vpc_is_called = (
    !local.own_vpc && var.aws_api_egress_cidr_blocks == null &&
    length(setsubtract(["ssm", "ssmmessages", "secretsmanager"], local.interface_endpoints)) > 0
  )
  endpoint_ranges          = var.endpoint_client_cidr_blocks == null ? local.existing_vpc_ranges : distinct(var.endpoint_client_cidr_blocks)
  endpoint_ranges_admitted = local.endpoints_enabled && (var.endpoint_client_cidr_blocks == null ? !local.own_vpc : length(var.endpoint_client_cidr_blocks) > 0)
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  for_each = local.endpoint_clients

  security_group_id            = aws_security_group.endpoints[0].id
  description                  = "HTTPS from ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443

  tags = merge(var.tags, { Name = "${var.name}-endpoints-from-${each.key}" })
}

resource "aws_ec2_managed_prefix_list" "endpoint_clients" {
  count = local.endpoint_ranges_admitted ? 1 : 0

  name           = "${var.name}-endpoint-clients"
  address_family = "IPv4"
  max_entries    = length(local.endpoint_ranges)

  dynamic "entry" {
    for_each = local.endpoint_ranges

    content {
      cidr = entry.value
    }
  }

  tags = merge(var.tags, { Name = "${var.name}-endpoint-clients" })
}

resource "aws_vpc_security_group_ingress_rule" "endpoint_ranges" {
  count = local.endpoint_ranges_admitted ? 1 : 0

  security_group_id = aws_security_group.endpoints[0].id
  description       = "HTTPS from everybody in these ranges, for whom the endpoints answer as well"
  prefix_list_id    = aws_ec2_managed_prefix_list.endpoint_clients[0].id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443

  tags = merge(var.tags, { Name = "${var.name}-endpoints-from-ranges" })
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  for_each = local.endpoint_callers

  security_group_id            = each.value
  description                  = "HTTPS to the interface endpoints"
  referenced_security_group_id = aws_security_group.endpoints[0].id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443

  tags = merge(var.tags, { Name = "${var.name}-${each.key}-to-endpoints" })
}

resource "aws_vpc_security_group_egress_rule" "api_cidr" {
  for_each = local.api_cidr_rules

  security_group_id = local.callers[each.value.caller]
  description       = "HTTPS to the APIs of AWS"
  cidr_ipv4         = each.value.cidr_block
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443

  tags = merge(var.tags, { Name = "${var.name}-${each.value.caller}-to-apis" })
}

resource "aws_ec2_managed_prefix_list" "existing_vpc" {
  count = local.existing_vpc_is_called ? 1 : 0

  name           = "${var.name}-vpc"
  address_family = "IPv4"
  max_entries    = length(local.existing_vpc_ranges)

  dynamic "entry" {
    for_each = local.existing_vpc_ranges

    content {
      cidr = entry.value
    }
  }

  tags = merge(var.tags, { Name = "${var.name}-vpc" })
}

resource "aws_vpc_security_group_egress_rule" "existing_vpc" {
  for_each = local.existing_vpc_is_called ? local.callers : {}

  security_group_id = each.value
  description       = "HTTPS to the endpoints that the VPC has"
  prefix_list_id    = aws_ec2_managed_prefix_list.existing_vpc[0].id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443

  tags = merge(var.tags, { Name = "${var.name}-${each.key}-to-vpc" })
}

resource "aws_vpc_security_group_egress_rule" "jump_host_to_s3" {
  security_group_id = aws_security_group.jump_host.id
  description       = "HTTPS to S3 in this region: agent updates, packages"
  prefix_list_id    = data.aws_prefix_list.s3.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443

  tags = merge(var.tags, { Name = "${var.name}-jump-host-to-s3" })
}
