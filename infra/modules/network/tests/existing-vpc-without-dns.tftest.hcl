# Private DNS names of endpoints need both DNS settings of the VPC.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-west-2" }
  }

  mock_data "aws_vpc" {
    defaults = {
      cidr_block              = "172.20.0.0/16"
      cidr_block_associations = [{ association_id = "vpc-cidr-assoc-0a", cidr_block = "172.20.0.0/16", state = "associated" }]
      enable_dns_support      = true
      enable_dns_hostnames    = false
    }
  }
}

variables {
  name = "app-staging"
  existing_vpc = {
    id                      = "vpc-0123456789abcdef0"
    private_subnet_ids      = ["subnet-0a", "subnet-0b"]
    database_subnet_ids     = ["subnet-0c", "subnet-0d"]
    private_route_table_ids = ["rtb-0a"]
  }
}

run "endpoints_are_refused" {
  command = plan

  expect_failures = [data.aws_vpc.existing]
}

run "other_ways_are_not" {
  command = plan

  variables {
    aws_api_access = "none"
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0
    error_message = "No interface endpoint is made."
  }
}
