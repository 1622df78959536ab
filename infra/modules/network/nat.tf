# aws_api_access = "nat": the only case with public subnets, and only in the zones that have a NAT
# gateway. Nothing else is put into them.

locals {
  nat_enabled = local.own_vpc && var.aws_api_access == "nat"
  nat_zones   = !local.nat_enabled ? [] : var.nat_per_zone ? local.zones : slice(local.zones, 0, 1)

  public_cidrs = { for zone in local.nat_zones : zone => cidrsubnet(var.vpc_cidr, 5, 16 + local.zone_place[zone]) }

  # Private zone to the zone of its NAT gateway.
  nat_zone_of = { for zone in local.zones : zone => contains(local.nat_zones, zone) ? zone : local.nat_zones[0] if local.nat_enabled }
}

resource "aws_internet_gateway" "this" {
  count = local.nat_enabled ? 1 : 0

  vpc_id = aws_vpc.this[0].id

  tags = merge(var.tags, { Name = var.name })
}

resource "aws_subnet" "public" {
  for_each = local.public_cidrs

  vpc_id                  = aws_vpc.this[0].id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = false

  tags = merge(var.tags, { Name = "${var.name}-public-${each.key}" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route_table" "public" {
  count = local.nat_enabled ? 1 : 0

  vpc_id = aws_vpc.this[0].id

  tags = merge(var.tags, { Name = "${var.name}-public" })
}

resource "aws_route" "internet" {
  count = local.nat_enabled ? 1 : 0

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  for_each = local.public_cidrs

  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_eip" "nat" {
  for_each = local.public_cidrs

  domain = "vpc"

  tags = merge(var.tags, { Name = "${var.name}-nat-${each.key}" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_nat_gateway" "this" {
  for_each = local.public_cidrs

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })

  # No attribute names it, but without the internet gateway the NAT gateway fails.
  depends_on = [aws_internet_gateway.this]

  # With nat_per_zone switched off, the routes move first and the gateway goes after them; otherwise its
  # zone would have no way out for minutes.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route" "nat" {
  for_each = local.nat_zone_of

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[each.value].id
}
