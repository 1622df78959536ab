# Who may reach whom.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-west-2" }
  }

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-2a", "eu-west-2b"] }
  }

  mock_data "aws_prefix_list" {
    defaults = { id = "pl-0123456789abcdef0" }
  }
}

variables {
  name = "app-staging"
}

run "nothing_comes_into_the_jump_host_and_the_functions" {
  command = apply

  assert {
    condition = length([
      for rule in concat(
        values(aws_vpc_security_group_ingress_rule.database), values(aws_vpc_security_group_ingress_rule.endpoints),
        values(aws_vpc_security_group_ingress_rule.proxy), aws_vpc_security_group_ingress_rule.database_from_proxy,
      ) : rule if contains([output.security_group_ids.jump_host, output.security_group_ids.functions], rule.security_group_id)
    ]) == 0
    error_message = "The jump host's and the functions' groups must have no ingress rule."
  }
}

run "the_database_admits_its_port_from_jump_host_and_functions_only" {
  command = apply

  variables {
    database_port = 6432
  }

  assert {
    condition     = { for name, rule in aws_vpc_security_group_ingress_rule.database : name => rule.referenced_security_group_id } == { jump_host = output.security_group_ids.jump_host, functions = output.security_group_ids.functions }
    error_message = "Only the two groups may reach the database."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.database : rule.ip_protocol == "tcp" && rule.from_port == 6432 && rule.to_port == 6432 && rule.cidr_ipv4 == null && rule.security_group_id == output.security_group_ids.database])
    error_message = "The database admits its port alone, by group and never by address."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_egress_rule.database : rule.security_group_id != output.security_group_ids.database])
    error_message = "The database needs no way out."
  }
}

run "the_jump_host_reaches_database_endpoints_and_s3_alone" {
  command = apply

  assert {
    condition     = aws_vpc_security_group_egress_rule.database["jump_host"].referenced_security_group_id == output.security_group_ids.database && aws_vpc_security_group_egress_rule.database["jump_host"].from_port == 5432
    error_message = "The jump host must reach the database."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.endpoints["jump_host"].referenced_security_group_id == output.security_group_ids.endpoints && aws_vpc_security_group_egress_rule.endpoints["jump_host"].to_port == 443
    error_message = "The jump host must reach the endpoints."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.jump_host_to_s3.prefix_list_id == "pl-0123456789abcdef0" && aws_vpc_security_group_egress_rule.jump_host_to_s3.to_port == 443
    error_message = "The jump host must reach S3, where agent updates are."
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.api_cidr) == 0
    error_message = "The jump host must not reach anything by address."
  }
}

run "nat_allows_https_to_any_host" {
  command = apply

  variables {
    aws_api_access = "nat"
  }

  assert {
    condition     = { for name, rule in aws_vpc_security_group_egress_rule.api_cidr : name => "${rule.cidr_ipv4} ${rule.from_port}-${rule.to_port}" } == { "jump_host/0" = "0.0.0.0/0 443-443", "functions/0" = "0.0.0.0/0 443-443" }
    error_message = "With NAT, both may call port 443 anywhere and no other port."
  }

  assert {
    condition     = output.security_group_ids.endpoints == null
    error_message = "Without endpoints there is no group for them."
  }
}

run "nat_can_be_limited_to_some_ranges" {
  command = plan

  variables {
    aws_api_access             = "nat"
    aws_api_egress_cidr_blocks = ["52.94.0.0/16", "3.8.0.0/14"]
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_egress_rule.api_cidr : rule.cidr_ipv4]) == toset(["52.94.0.0/16", "3.8.0.0/14"]) && length(aws_vpc_security_group_egress_rule.api_cidr) == 4
    error_message = "Given ranges replace 0.0.0.0/0."
  }
}

run "without_a_way_of_ours_the_vpc_itself_is_allowed" {
  command = plan

  variables {
    aws_api_access = "none"
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_egress_rule.api_cidr : rule.cidr_ipv4]) == toset(["10.40.0.0/16"])
    error_message = "With none, endpoints that are there already must be reachable."
  }
}

run "an_application_reaches_the_database_and_the_endpoints" {
  command = apply

  variables {
    client_security_group_ids = { ledger = "sg-0123456789abcdef0" }
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.database["ledger"].referenced_security_group_id == "sg-0123456789abcdef0" && aws_vpc_security_group_ingress_rule.endpoints["ledger"].to_port == 443
    error_message = "A named client must be admitted by database and endpoints."
  }

  assert {
    condition     = length(aws_vpc_security_group_egress_rule.database) == 2
    error_message = "The client's own group is not ours to change."
  }
}

run "a_proxy_stands_between_its_clients_and_the_database" {
  command = apply

  variables {
    database_proxy            = true
    database_port             = 6432
    client_security_group_ids = { ledger = "sg-0123456789abcdef0" }
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.database_from_proxy[0].referenced_security_group_id == output.security_group_ids.proxy && aws_vpc_security_group_ingress_rule.database_from_proxy[0].to_port == 6432
    error_message = "The database must admit the proxy on its own port."
  }

  assert {
    condition     = toset(keys(aws_vpc_security_group_ingress_rule.proxy)) == toset(["jump_host", "functions", "ledger"]) && alltrue([for rule in aws_vpc_security_group_ingress_rule.proxy : rule.to_port == 5432])
    error_message = "The proxy listens on 5432 for the clients, whatever the database's port is."
  }

  assert {
    condition     = toset(keys(aws_vpc_security_group_egress_rule.proxy)) == toset(["jump_host", "functions"]) && aws_vpc_security_group_egress_rule.proxy_to_database[0].from_port == 6432
    error_message = "Jump host and functions must be allowed out to the proxy, and the proxy to the database."
  }
}

run "a_group_in_use_is_replaced_by_creating_first" {
  command = plan

  assert {
    condition     = aws_security_group.database.name_prefix == "app-staging-database-" && aws_security_group.jump_host.name_prefix == "app-staging-jump-host-"
    error_message = "Groups must have name prefixes, so that old and new can exist together."
  }
}

# EC2 refuses other characters, an apostrophe for one, only when applying.
run "descriptions_have_only_characters_that_ec2_accepts" {
  command = plan

  variables {
    aws_api_access              = "endpoints"
    aws_api_egress_cidr_blocks  = ["10.0.0.0/8"]
    endpoint_client_cidr_blocks = ["10.0.0.0/8"]
    database_proxy              = true
    client_security_group_ids   = { ledger = "sg-0123456789abcdef0" }
  }

  assert {
    condition = alltrue([
      for text in concat(
        [aws_security_group.database.description, aws_security_group.jump_host.description, aws_security_group.functions.description],
        aws_security_group.endpoints[*].description,
        aws_security_group.proxy[*].description,
        values(aws_vpc_security_group_ingress_rule.database)[*].description,
        values(aws_vpc_security_group_ingress_rule.endpoints)[*].description,
        values(aws_vpc_security_group_ingress_rule.proxy)[*].description,
        aws_vpc_security_group_ingress_rule.database_from_proxy[*].description,
        values(aws_vpc_security_group_egress_rule.database)[*].description,
        values(aws_vpc_security_group_egress_rule.endpoints)[*].description,
        values(aws_vpc_security_group_egress_rule.proxy)[*].description,
        values(aws_vpc_security_group_egress_rule.api_cidr)[*].description,
        aws_vpc_security_group_egress_rule.proxy_to_database[*].description,
        aws_vpc_security_group_ingress_rule.endpoint_ranges[*].description,
        [aws_vpc_security_group_egress_rule.jump_host_to_s3.description],
      ) : can(regex("^[a-zA-Z0-9 ._:/()#,@\\[\\]+=&;{}!$*-]{1,255}$", text))
    ])
    error_message = "A description has a character that EC2 refuses."
  }
}
