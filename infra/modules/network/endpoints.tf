locals {
  endpoints_enabled   = var.aws_api_access == "endpoints"
  interface_endpoints = local.endpoints_enabled ? var.interface_endpoints : toset([])
  endpoint_subnet_ids = var.endpoint_subnet_count == null ? local.private_subnet_ids : slice(local.private_subnet_ids, 0, min(var.endpoint_subnet_count, length(local.private_subnet_ids)))

  # What the modules of this repository fetch from S3, in buckets of AWS's own. An existing VPC has
  # others in it, whose buckets nobody knows here: there AWS's full-access policy stays.
  s3_policy = local.own_vpc ? templatefile("${path.module}/documents/s3-endpoint.json.tftpl", {
    partition = data.aws_partition.current.partition
    region    = data.aws_region.current.region
  }) : null

  private_route_table_ids = local.own_vpc ? [for zone in local.zones : aws_route_table.private[zone].id] : var.existing_vpc.private_route_table_ids
}

data "aws_partition" "current" {}

data "aws_region" "current" {}

data "aws_vpc" "existing" {
  count = local.own_vpc ? 0 : 1

  id = var.existing_vpc.id

  lifecycle {
    postcondition {
      condition     = !local.endpoints_enabled || (self.enable_dns_support && self.enable_dns_hostnames)
      error_message = "The VPC ${self.id} has DNS support or DNS host names off, so the private DNS names of interface endpoints would not work. Switch both on, or set aws_api_access = \"none\"."
    }
  }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.interface_endpoints

  vpc_id              = local.vpc_id
  vpc_endpoint_type   = "Interface"
  service_name        = "com.amazonaws.${data.aws_region.current.region}.${each.key}"
  subnet_ids          = local.endpoint_subnet_ids
  security_group_ids  = [aws_security_group.endpoints[0].id]
  private_dns_enabled = true
  policy              = lookup(var.endpoint_policies, each.key, null)

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })

  # From its first moment on, the endpoint answers to the service's name in the whole VPC: whoever is
  # admitted must be so before.
  depends_on = [
    aws_vpc_security_group_ingress_rule.endpoint_ranges,
    aws_vpc_security_group_ingress_rule.endpoints,
  ]
}

resource "aws_vpc_endpoint" "s3" {
  count = var.s3_gateway_endpoint ? 1 : 0

  vpc_id            = local.vpc_id
  vpc_endpoint_type = "Gateway"
  service_name      = "com.amazonaws.${data.aws_region.current.region}.s3"
  route_table_ids   = local.private_route_table_ids
  policy            = lookup(var.endpoint_policies, "s3", local.s3_policy)

  tags = merge(var.tags, { Name = "${var.name}-s3" })
}

# S3's addresses in this region, for the jump host's egress: through the gateway endpoint, ours or
# the existing VPC's.
data "aws_prefix_list" "s3" {
  name = "com.amazonaws.${data.aws_region.current.region}.s3"
}
