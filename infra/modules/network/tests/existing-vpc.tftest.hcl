# A VPC that exists: only groups and endpoints are made.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-west-2" }
  }

  mock_data "aws_vpc" {
    defaults = {
      cidr_block = "172.20.0.0/16"
      cidr_block_associations = [
        { association_id = "vpc-cidr-assoc-0a", cidr_block = "172.20.0.0/16", state = "associated" },
        { association_id = "vpc-cidr-assoc-0b", cidr_block = "100.64.0.0/20", state = "associated" },
        { association_id = "vpc-cidr-assoc-0c", cidr_block = "10.9.0.0/16", state = "disassociated" },
      ]
      enable_dns_support   = true
      enable_dns_hostnames = true
    }
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
    condition     = aws_ec2_managed_prefix_list.existing_vpc[0].max_entries == 2 && toset(aws_ec2_managed_prefix_list.existing_vpc[0].entry[*].cidr) == toset(["172.20.0.0/16", "100.64.0.0/20"])
    error_message = "The endpoints that are there may be in any of the VPC's ranges, the secondary ones too."
  }

  assert {
    condition     = toset(keys(aws_vpc_security_group_egress_rule.existing_vpc)) == toset(["jump_host", "functions"]) && alltrue([for rule in aws_vpc_security_group_egress_rule.existing_vpc : rule.to_port == 443 && rule.cidr_ipv4 == null]) && length(aws_vpc_security_group_egress_rule.api_cidr) == 0
    error_message = "Jump host and functions must reach the VPC's endpoints, and nothing by address."
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
    condition     = toset([for rule in aws_vpc_security_group_egress_rule.api_cidr : "${rule.cidr_ipv4}:${rule.to_port}"]) == toset(["0.0.0.0/0:443"]) && length(aws_vpc_security_group_egress_rule.existing_vpc) == 0
    error_message = "Behind NAT, port 443 of any host must be reachable."
  }
}

run "some_endpoints_are_there_already" {
  command = plan

  variables {
    interface_endpoints = ["secretsmanager"]
  }

  assert {
    condition     = keys(aws_vpc_endpoint.interface) == ["secretsmanager"] && toset(keys(aws_vpc_security_group_egress_rule.existing_vpc)) == toset(["jump_host", "functions"]) && toset(keys(aws_vpc_security_group_egress_rule.endpoints)) == toset(["jump_host", "functions"])
    error_message = "The jump host must reach the VPC's own endpoints for sessions, not only the new one."
  }
}

run "nobody_else_in_the_vpc_is_cut_off_from_the_services" {
  command = apply

  assert {
    condition     = aws_ec2_managed_prefix_list.endpoint_clients[0].max_entries == 2 && toset(aws_ec2_managed_prefix_list.endpoint_clients[0].entry[*].cidr) == toset(["172.20.0.0/16", "100.64.0.0/20"])
    error_message = "The endpoints answer to the services' names in the whole VPC, so all of its ranges must be admitted."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.endpoint_ranges[0].prefix_list_id == aws_ec2_managed_prefix_list.endpoint_clients[0].id && aws_vpc_security_group_ingress_rule.endpoint_ranges[0].security_group_id == output.security_group_ids.endpoints && aws_vpc_security_group_ingress_rule.endpoint_ranges[0].to_port == 443 && aws_vpc_security_group_ingress_rule.endpoint_ranges[0].from_port == 443
    error_message = "The ranges must be admitted by the endpoints, on 443 alone."
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.existing_vpc) == 0
    error_message = "Where all endpoints are made, jump host and functions need nothing else of the VPC."
  }
}

run "whoever_knows_better_names_the_ranges" {
  command = plan

  variables {
    endpoint_client_cidr_blocks = ["172.20.4.0/22"]
  }

  assert {
    condition     = toset(aws_ec2_managed_prefix_list.endpoint_clients[0].entry[*].cidr) == toset(["172.20.4.0/22"])
    error_message = "Given ranges replace the VPC's."
  }
}

run "or_none_for_a_vpc_without_others" {
  command = plan

  variables {
    endpoint_client_cidr_blocks = []
  }

  assert {
    condition     = length(aws_ec2_managed_prefix_list.endpoint_clients) + length(aws_vpc_security_group_ingress_rule.endpoint_ranges) == 0
    error_message = "An empty list admits the named groups alone."
  }
}

run "the_buckets_of_others_stay_reachable" {
  command = apply

  variables {
    endpoint_policies = { s3 = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Mine\"}]}" }
  }

  assert {
    condition     = jsondecode(aws_vpc_endpoint.s3[0].policy).Statement[0].Sid == "Mine"
    error_message = "A policy of the user's own must win."
  }

  assert {
    condition     = local.s3_policy == null
    error_message = "In an existing VPC, others use S3 by the same route tables: no policy of ours."
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
