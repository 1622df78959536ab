# A VPC of the module's own. Everything is planned against a mocked provider: nothing is asked of AWS.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-west-2" }
  }

  mock_data "aws_availability_zones" {
    # Not in order, as AWS may answer.
    defaults = { names = ["eu-west-2c", "eu-west-2a", "eu-west-2b"] }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_prefix_list" {
    defaults = { id = "pl-0123456789abcdef0" }
  }
}

variables {
  name = "app-staging"
  tags = { owner = "platform" }
}

run "there_is_no_public_subnet_and_no_way_to_the_internet" {
  command = plan

  assert {
    condition     = length(aws_subnet.public) == 0 && length(aws_internet_gateway.this) == 0 && length(aws_nat_gateway.this) == 0 && length(aws_eip.nat) == 0
    error_message = "By default there must be no public subnet, internet gateway, NAT gateway or public address."
  }

  assert {
    condition     = length(aws_route.internet) == 0 && length(aws_route.nat) == 0
    error_message = "By default no route may leave the VPC."
  }

  assert {
    condition     = alltrue([for subnet in merge(aws_subnet.private, aws_subnet.database) : subnet.map_public_ip_on_launch == false])
    error_message = "No subnet may give its instances public addresses."
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.api_cidr) == 0
    error_message = "With endpoints, nothing may be called by address."
  }
}

run "subnets_are_named_by_zone_and_numbered_by_its_letter" {
  command = plan

  assert {
    condition     = { for zone, subnet in aws_subnet.private : zone => subnet.cidr_block } == { "eu-west-2a" = "10.40.0.0/21", "eu-west-2b" = "10.40.8.0/21" }
    error_message = "Private ranges: ${jsonencode({ for zone, subnet in aws_subnet.private : zone => subnet.cidr_block })}."
  }

  assert {
    condition     = { for zone, subnet in aws_subnet.database : zone => subnet.cidr_block } == { "eu-west-2a" = "10.40.64.0/21", "eu-west-2b" = "10.40.72.0/21" }
    error_message = "Database ranges: ${jsonencode({ for zone, subnet in aws_subnet.database : zone => subnet.cidr_block })}."
  }

  assert {
    condition     = output.availability_zones == tolist(["eu-west-2a", "eu-west-2b"])
    error_message = "The zones are taken by name, whatever order AWS answers in."
  }
}

run "a_third_zone_renumbers_nothing" {
  command = plan

  variables {
    zone_count = 3
  }

  assert {
    condition     = { for zone, subnet in aws_subnet.private : zone => subnet.cidr_block } == { "eu-west-2a" = "10.40.0.0/21", "eu-west-2b" = "10.40.8.0/21", "eu-west-2c" = "10.40.16.0/21" }
    error_message = "Zones a and b must keep their private ranges."
  }

  assert {
    condition     = aws_subnet.database["eu-west-2a"].cidr_block == "10.40.64.0/21" && aws_subnet.database["eu-west-2c"].cidr_block == "10.40.80.0/21"
    error_message = "Zone a must keep its database range."
  }
}

run "pinned_zones_keep_the_ranges_of_their_letters" {
  command = plan

  variables {
    availability_zones = ["eu-west-2c", "eu-west-2b"]
  }

  assert {
    condition     = { for zone, subnet in aws_subnet.private : zone => subnet.cidr_block } == { "eu-west-2b" = "10.40.8.0/21", "eu-west-2c" = "10.40.16.0/21" }
    error_message = "A zone's range depends on its letter alone."
  }

  assert {
    condition     = length(data.aws_availability_zones.this) == 0
    error_message = "Pinned zones need not be looked up."
  }
}

run "the_smallest_vpc_still_has_subnets_that_aws_accepts" {
  command = plan

  variables {
    vpc_cidr   = "10.1.2.0/23"
    zone_count = 3
  }

  assert {
    condition     = aws_subnet.private["eu-west-2a"].cidr_block == "10.1.2.0/28" && aws_subnet.database["eu-west-2c"].cidr_block == "10.1.2.160/28"
    error_message = "A /23 must be divided into /28s."
  }
}

run "the_default_group_is_closed_and_names_resolve" {
  command = plan

  assert {
    condition     = length(aws_default_security_group.closed) == 1
    error_message = "The VPC's default security group must be taken over, which closes it."
  }

  assert {
    condition     = aws_vpc.this[0].enable_dns_support && aws_vpc.this[0].enable_dns_hostnames
    error_message = "Private DNS of endpoints needs both DNS settings."
  }

  assert {
    condition     = aws_vpc.this[0].tags == tomap({ owner = "platform", Name = "app-staging" })
    error_message = "Tags must be passed on, with a Name."
  }
}

run "endpoints_are_in_the_private_subnets_with_private_names" {
  command = apply

  assert {
    condition     = toset(keys(aws_vpc_endpoint.interface)) == toset(["ssm", "ssmmessages", "secretsmanager"])
    error_message = "Endpoints: ${jsonencode(keys(aws_vpc_endpoint.interface))}."
  }

  assert {
    condition     = aws_vpc_endpoint.interface["ssm"].service_name == "com.amazonaws.eu-west-2.ssm" && alltrue([for endpoint in aws_vpc_endpoint.interface : endpoint.private_dns_enabled])
    error_message = "Interface endpoints must answer to the services' own names."
  }

  assert {
    condition     = alltrue([for endpoint in aws_vpc_endpoint.interface : toset(endpoint.subnet_ids) == toset(output.private_subnet_ids) && toset(endpoint.security_group_ids) == toset([output.security_group_ids.endpoints])])
    error_message = "Interface endpoints belong into every private subnet, in their own group."
  }

  assert {
    condition     = aws_vpc_endpoint.s3[0].vpc_endpoint_type == "Gateway" && toset(aws_vpc_endpoint.s3[0].route_table_ids) == toset([for table in aws_route_table.private : table.id])
    error_message = "S3's gateway endpoint belongs into the private route tables."
  }

  assert {
    condition     = toset(keys(output.endpoint_ids)) == toset(["s3", "ssm", "ssmmessages", "secretsmanager"])
    error_message = "endpoint_ids must name every endpoint."
  }
}

run "s3_is_for_reading_what_aws_provides" {
  command = plan

  assert {
    condition = { for statement in jsondecode(aws_vpc_endpoint.s3[0].policy).Statement : statement.Resource => "${statement.Effect} ${statement.Action}" } == {
      "arn:aws:s3:::amazon-ssm-eu-west-2/*"                 = "Allow s3:GetObject"
      "arn:aws:s3:::al2023-repos-eu-west-2-de612dc2/*"      = "Allow s3:GetObject"
      "arn:aws:s3:::prod-eu-west-2-starport-layer-bucket/*" = "Allow s3:GetObject"
    }
    error_message = "The jump host needs agent updates, packages and image layers; a bucket of somebody's own would be a way out for data."
  }

  assert {
    condition     = length(aws_ec2_managed_prefix_list.endpoint_clients) + length(aws_ec2_managed_prefix_list.existing_vpc) + length(aws_vpc_security_group_ingress_rule.endpoint_ranges) == 0
    error_message = "In a VPC of our own the endpoints admit the named groups alone."
  }
}

run "applications_beside_it_may_need_more_of_s3" {
  command = plan

  variables {
    aws_api_access    = "nat"
    endpoint_policies = { s3 = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Mine\"}]}" }
  }

  assert {
    condition     = jsondecode(aws_vpc_endpoint.s3[0].policy).Statement[0].Sid == "Mine"
    error_message = "A policy of the user's own must win, with NAT as well."
  }
}

run "ranges_of_peered_networks_may_use_the_endpoints" {
  command = plan

  variables {
    endpoint_client_cidr_blocks = ["10.8.0.0/14"]
  }

  assert {
    condition     = toset(aws_ec2_managed_prefix_list.endpoint_clients[0].entry[*].cidr) == toset(["10.8.0.0/14"])
    error_message = "Given ranges must be admitted in a VPC of our own, too."
  }
}

run "one_endpoint_subnet_is_cheaper" {
  command = apply

  variables {
    endpoint_subnet_count = 1
    interface_endpoints   = ["ssm", "ssmmessages", "secretsmanager", "ecr.dkr"]
    endpoint_policies = {
      secretsmanager = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
    }
  }

  assert {
    condition     = alltrue([for endpoint in aws_vpc_endpoint.interface : endpoint.subnet_ids == toset([output.private_subnet_ids[0]])])
    error_message = "Each endpoint must be in the first private subnet alone."
  }

  assert {
    condition     = aws_vpc_endpoint.interface["secretsmanager"].policy == "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
    error_message = "The policy must reach its endpoint."
  }
}

run "nat_has_one_public_subnet_and_routes_for_all_zones" {
  command = apply

  variables {
    aws_api_access = "nat"
    zone_count     = 3
  }

  assert {
    condition     = { for zone, subnet in aws_subnet.public : zone => subnet.cidr_block } == { "eu-west-2a" = "10.40.128.0/21" }
    error_message = "A single NAT gateway needs a single public subnet, in the first zone."
  }

  assert {
    condition     = aws_subnet.public["eu-west-2a"].map_public_ip_on_launch == false
    error_message = "Nothing but the NAT gateway has a public address."
  }

  assert {
    condition     = alltrue([for zone in ["eu-west-2a", "eu-west-2b", "eu-west-2c"] : aws_route.nat[zone].nat_gateway_id == aws_nat_gateway.this["eu-west-2a"].id])
    error_message = "Every private table must lead to the NAT gateway."
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0 && length(aws_security_group.endpoints) == 0 && length(aws_vpc_endpoint.s3) == 1
    error_message = "NAT replaces interface endpoints; S3's gateway is free and stays."
  }

  assert {
    condition     = alltrue([for association in aws_route_table_association.database : association.route_table_id == aws_route_table.database[0].id])
    error_message = "The database subnets must keep the table without routes."
  }

  assert {
    condition     = length(output.nat_public_ips) == 1
    error_message = "The NAT gateway's public address is an output."
  }
}

run "nat_in_each_zone_adds_and_moves_no_other_subnet" {
  command = apply

  variables {
    aws_api_access = "nat"
    nat_per_zone   = true
  }

  assert {
    condition     = { for zone, subnet in aws_subnet.public : zone => subnet.cidr_block } == { "eu-west-2a" = "10.40.128.0/21", "eu-west-2b" = "10.40.136.0/21" }
    error_message = "Each zone has its public subnet."
  }

  assert {
    condition     = alltrue([for zone in ["eu-west-2a", "eu-west-2b"] : aws_route.nat[zone].nat_gateway_id == aws_nat_gateway.this[zone].id])
    error_message = "Each zone must use its own NAT gateway."
  }
}
