# A VPC that exists: only groups and endpoints are made.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-west-2" }
  }

  mock_data "aws_vpc" {
    defaults = {
      cidr_block           = "172.20.0.0/16"
      enable_dns_support   = true
      enable_dns_hostnames = true
    }
  }

  mock_data "aws_prefix_list" {
    defaults = { id = "pl-0123456789abcdef0" }
  }
}

variables {
  name = "app-staging"
  existing_vpc = {
    id                      = "vpc-0123456789abcdef0"
    private_subnet_ids      = ["subnet-0a", "subnet-0b"]
    database_subnet_ids     = ["subnet-0c", "subnet-0d"]
    private_route_table_ids = ["rtb-0a", "rtb-0b"]
  }
}

run "nothing_but_groups_and_endpoints_is_made" {
  command = plan

  assert {
    condition     = length(aws_vpc.this) + length(aws_subnet.private) + length(aws_subnet.database) + length(aws_route_table.private) + length(aws_route_table.database) + length(aws_default_security_group.closed) == 0
    error_message = "An existing VPC must not be changed, its default group included."
  }

  assert {
    condition     = aws_security_group.jump_host.vpc_id == "vpc-0123456789abcdef0" && aws_vpc_endpoint.interface["ssm"].vpc_id == "vpc-0123456789abcdef0"
    error_message = "Groups and endpoints belong into the existing VPC."
  }

  assert {
    condition     = aws_vpc_endpoint.interface["ssm"].subnet_ids == toset(["subnet-0a", "subnet-0b"]) && aws_vpc_endpoint.s3[0].route_table_ids == toset(["rtb-0a", "rtb-0b"])
    error_message = "Endpoints belong into the given subnets and tables."
  }

  assert {
    condition     = output.vpc_id == "vpc-0123456789abcdef0" && output.private_subnet_ids == tolist(["subnet-0a", "subnet-0b"]) && output.database_subnet_ids == tolist(["subnet-0c", "subnet-0d"]) && length(output.availability_zones) == 0
    error_message = "What was given is given on."
  }
}

run "a_vpc_with_its_own_endpoints" {
  command = plan

  variables {
    aws_api_access      = "none"
    s3_gateway_endpoint = false
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) + length(aws_vpc_endpoint.s3) == 0
    error_message = "No endpoint may be made."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_egress_rule.api_cidr : rule.cidr_ipv4]) == toset(["172.20.0.0/16"])
    error_message = "The endpoints that are there are inside the VPC's own range."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.jump_host_to_s3.prefix_list_id == "pl-0123456789abcdef0"
    error_message = "S3 stays reachable through the VPC's own gateway endpoint."
  }
}

run "a_vpc_behind_nat" {
  command = plan

  variables {
    aws_api_access             = "none"
    aws_api_egress_cidr_blocks = ["0.0.0.0/0"]
    s3_gateway_endpoint        = false
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_egress_rule.api_cidr : "${rule.cidr_ipv4}:${rule.to_port}"]) == toset(["0.0.0.0/0:443"])
    error_message = "Behind NAT, port 443 of any host must be reachable."
  }
}

run "nat_is_not_built_into_somebodys_vpc" {
  command = plan

  variables {
    aws_api_access = "nat"
  }

  expect_failures = [aws_security_group.database]
}

run "a_gateway_endpoint_without_a_table_would_do_nothing" {
  command = plan

  variables {
    existing_vpc = {
      id                  = "vpc-0123456789abcdef0"
      private_subnet_ids  = ["subnet-0a", "subnet-0b"]
      database_subnet_ids = ["subnet-0c", "subnet-0d"]
    }
  }

  expect_failures = [aws_security_group.database]
}

run "more_endpoint_subnets_than_there_are" {
  command = plan

  variables {
    endpoint_subnet_count = 3
  }

  expect_failures = [aws_security_group.database]
}

run "a_policy_for_an_endpoint_that_is_not_made" {
  command = plan

  variables {
    endpoint_policies = { kms = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  expect_failures = [aws_security_group.database]
}
