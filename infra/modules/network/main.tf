# The VPC and its subnets. Everything here is left out for an existing VPC.
#
# Layout: the range is divided into 32 equal parts, eight for each kind of subnet, and a subnet's
# place among the eight is its zone's letter (a = 0 … h = 7). So a range depends on the zone's name
# and on nothing else: more zones, fewer zones, or a zone that AWS adds renumber nothing.
#
#   0–7 private   8–15 database   16–23 public (only with NAT)   24–31 free for your own subnets

locals {
  own_vpc = var.existing_vpc == null

  zones = (
    !local.own_vpc ? [] :
    var.availability_zones != null ? sort(var.availability_zones) :
    slice(sort(data.aws_availability_zones.this[0].names), 0, var.zone_count)
  )
  zone_letters = split("", "abcdefgh")
  zone_place   = { for zone in local.zones : zone => index(local.zone_letters, substr(zone, -1, 1)) }

  private_cidrs  = { for zone, place in local.zone_place : zone => cidrsubnet(var.vpc_cidr, 5, place) }
  database_cidrs = { for zone, place in local.zone_place : zone => cidrsubnet(var.vpc_cidr, 5, 8 + place) }

  vpc_id              = local.own_vpc ? aws_vpc.this[0].id : var.existing_vpc.id
  private_subnet_ids  = local.own_vpc ? [for zone in local.zones : aws_subnet.private[zone].id] : var.existing_vpc.private_subnet_ids
  database_subnet_ids = local.own_vpc ? [for zone in local.zones : aws_subnet.database[zone].id] : var.existing_vpc.database_subnet_ids
}

# Zones that need no opt-in (no local zones), whatever their state is today: a zone that is impaired
# for an hour must not change the plan.
data "aws_availability_zones" "this" {
  count = local.own_vpc && var.availability_zones == null ? 1 : 0

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }

  lifecycle {
    postcondition {
      condition     = length(self.names) >= var.zone_count
      error_message = "zone_count is ${var.zone_count}, but this region has the zones ${jsonencode(self.names)}. Lower zone_count, or choose another region."
    }
  }
}

resource "aws_vpc" "this" {
  count = local.own_vpc ? 1 : 0

  cidr_block = var.vpc_cidr

  # Both are needed for the private DNS names of the endpoints.
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = merge(var.tags, { Name = var.name })
}

# The default group admits everything from itself and lets everything out. Closed, so that a resource
# without a group of its own reaches nothing.
resource "aws_default_security_group" "closed" {
  count = local.own_vpc ? 1 : 0

  vpc_id = aws_vpc.this[0].id

  tags = merge(var.tags, { Name = "${var.name}-default-closed" })
}

resource "aws_subnet" "private" {
  for_each = local.private_cidrs

  vpc_id                  = aws_vpc.this[0].id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = false

  tags = merge(var.tags, { Name = "${var.name}-private-${each.key}" })

  # A zone that is left: whoever used the subnet is moved first (Terraform destroys before it changes
  # others, unless it is told so). Ranges differ by zone, so old and new never collide.
  lifecycle {
    create_before_destroy = true
  }

  # The network interfaces of a deleted Lambda function stay for up to 40 minutes.
  timeouts {
    delete = "45m"
  }
}

resource "aws_subnet" "database" {
  for_each = local.database_cidrs

  vpc_id                  = aws_vpc.this[0].id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = false

  tags = merge(var.tags, { Name = "${var.name}-database-${each.key}" })

  lifecycle {
    create_before_destroy = true # as above
  }
}

# One table for each zone even with a single NAT gateway, so that nat_per_zone changes routes and not
# associations.
resource "aws_route_table" "private" {
  for_each = local.private_cidrs

  vpc_id = aws_vpc.this[0].id

  tags = merge(var.tags, { Name = "${var.name}-private-${each.key}" })

  lifecycle {
    create_before_destroy = true # as above: the S3 endpoint lets go of it first
  }
}

resource "aws_route_table_association" "private" {
  for_each = local.private_cidrs

  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[each.key].id
}

# No route leaves the VPC from here, whatever the private subnets may do.
resource "aws_route_table" "database" {
  count = local.own_vpc ? 1 : 0

  vpc_id = aws_vpc.this[0].id

  tags = merge(var.tags, { Name = "${var.name}-database" })
}

resource "aws_route_table_association" "database" {
  for_each = local.database_cidrs

  subnet_id      = aws_subnet.database[each.key].id
  route_table_id = aws_route_table.database[0].id
}
