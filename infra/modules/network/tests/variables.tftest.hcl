# What is refused before anything is planned, and that the reason is the variable.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-west-2" }
  }

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-2a", "eu-west-2b"] }
  }
}

variables {
  name = "app-staging"
}

run "a_name_with_capitals" {
  command = plan
  variables { name = "App" }
  expect_failures = [var.name]
}

run "a_name_that_security_groups_cannot_have" {
  command = plan
  variables { name = "sg-app" }
  expect_failures = [var.name]
}

run "a_vpc_too_small_for_its_subnets" {
  command = plan
  variables { vpc_cidr = "10.0.0.0/24" }
  expect_failures = [var.vpc_cidr]
}

run "a_vpc_larger_than_aws_allows" {
  command = plan
  variables { vpc_cidr = "10.0.0.0/15" }
  expect_failures = [var.vpc_cidr]
}

run "a_range_that_aws_would_store_otherwise" {
  command = plan
  variables { vpc_cidr = "10.0.1.0/16" }
  expect_failures = [var.vpc_cidr]
}

run "one_zone_is_not_enough" {
  command = plan
  variables { zone_count = 1 }
  expect_failures = [var.zone_count]
}

run "more_zones_than_the_region_has" {
  command = plan
  variables { zone_count = 3 }
  expect_failures = [data.aws_availability_zones.this]
}

run "zone_ids_instead_of_names" {
  command = plan
  variables { availability_zones = ["euw2-az1", "euw2-az2"] }
  expect_failures = [var.availability_zones]
}

run "the_same_zone_twice" {
  command = plan
  variables { availability_zones = ["eu-west-2a", "eu-west-2a"] }
  expect_failures = [var.availability_zones]
}

run "an_unknown_way_to_aws" {
  command = plan
  variables { aws_api_access = "internet" }
  expect_failures = [var.aws_api_access]
}

run "an_egress_range_that_is_none" {
  command = plan
  variables { aws_api_egress_cidr_blocks = ["0.0.0.0"] }
  expect_failures = [var.aws_api_egress_cidr_blocks]
}

run "a_client_range_that_is_none" {
  command = plan
  variables { endpoint_client_cidr_blocks = ["10.0.0.0"] }
  expect_failures = [var.endpoint_client_cidr_blocks]
}

run "a_vpc_by_its_name" {
  command = plan
  variables { existing_vpc = { id = "my-vpc", private_subnet_ids = ["subnet-0a"], database_subnet_ids = ["subnet-0b", "subnet-0c"] } }
  expect_failures = [var.existing_vpc]
}

run "a_subnet_by_its_range" {
  command = plan
  variables { existing_vpc = { id = "vpc-0a", private_subnet_ids = ["10.0.0.0/24"], database_subnet_ids = ["subnet-0b", "subnet-0c"] } }
  expect_failures = [var.existing_vpc]
}

run "a_route_table_by_its_name" {
  command = plan
  variables { existing_vpc = { id = "vpc-0a", private_subnet_ids = ["subnet-0a"], database_subnet_ids = ["subnet-0b", "subnet-0c"], private_route_table_ids = ["main"] } }
  expect_failures = [var.existing_vpc]
}

run "a_slip_in_the_endpoint_that_sessions_need" {
  command = plan
  variables { interface_endpoints = ["ssm", "ssmmesages", "secretsmanager"] }
  expect_failures = [aws_security_group.database]
}

run "zones_of_another_region" {
  command = plan
  variables { availability_zones = ["eu-central-1a", "eu-central-1b"] }
  expect_failures = [aws_security_group.database]
}

run "a_full_service_name" {
  command = plan
  variables { interface_endpoints = ["com.amazonaws.eu-west-2.ssm"] }
  expect_failures = [var.interface_endpoints]
}

run "an_interface_endpoint_for_s3" {
  command = plan
  variables { interface_endpoints = ["ssm", "s3"] }
  expect_failures = [var.interface_endpoints]
}

run "half_an_endpoint_subnet" {
  command = plan
  variables { endpoint_subnet_count = 0.5 }
  expect_failures = [var.endpoint_subnet_count]
}

run "a_policy_that_is_no_json" {
  command = plan
  variables { endpoint_policies = { ssm = "allow everything" } }
  expect_failures = [var.endpoint_policies]
}

run "a_port_that_rds_refuses" {
  command = plan
  variables { database_port = 443 }
  expect_failures = [var.database_port]
}

run "a_client_named_like_a_group_of_ours" {
  command = plan
  variables { client_security_group_ids = { jump_host = "sg-0123456789abcdef0" } }
  expect_failures = [var.client_security_group_ids]
}
