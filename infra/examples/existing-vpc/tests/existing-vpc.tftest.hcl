mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-west-2" }
  }
  mock_data "aws_vpc" {
    defaults = { cidr_block = "10.20.0.0/16", enable_dns_support = true, enable_dns_hostnames = true }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/mocked" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mocked" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-2:123456789012:function:mocked" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0a1b2c3d4e5f60718" }
  }
  mock_resource "aws_rds_cluster" {
    defaults = {
      arn                 = "arn:aws:rds:eu-west-2:123456789012:cluster:app-staging"
      cluster_resource_id = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      endpoint            = "app-staging.cluster-c0ffee.eu-west-2.rds.amazonaws.com"
      # All attributes: OpenTofu fills in none.
      master_user_secret = [{
        kms_key_id    = "alias/aws/secretsmanager"
        secret_arn    = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!cluster-1-AbCdEf"
        secret_status = "active"
      }]
    }
  }
  mock_resource "aws_ssm_document" {
    defaults = { arn = "arn:aws:ssm:eu-west-2:123456789012:document/postern-app-staging" }
  }
}

variables {
  region = "eu-west-2"
  name   = "app-staging"
  github = { owner = "acme", name = "shop" }
  vpc = {
    id                      = "vpc-0a1b2c3d4e5f60718"
    private_subnet_ids      = ["subnet-0a1b2c3d4e5f60718", "subnet-0a1b2c3d4e5f60719"]
    database_subnet_ids     = ["subnet-0a1b2c3d4e5f6071a", "subnet-0a1b2c3d4e5f6071b"]
    private_route_table_ids = ["rtb-0a1b2c3d4e5f60718"]
  }
  # Any file: what is in it is not looked at.
  artifact_path = "../../modules/bootstrap-lambda/tests/fixtures/artefact.zip"
}

run "before_the_instance_is_there" {
  assert {
    condition     = output.postern.jumpHost.tag["postern:jump-host"] == "app-staging"
    error_message = "Without an id the tag stands in the output: ${jsonencode(output.postern)}"
  }

  assert {
    condition     = sort(keys(module.network.endpoint_ids)) == tolist(["s3", "secretsmanager", "ssm", "ssmmessages"])
    error_message = "A VPC without endpoints gets those that are needed: ${jsonencode(keys(module.network.endpoint_ids))}"
  }
}

run "with_the_instance_in_the_configuration" {
  variables {
    jump_host_instance_ids = ["i-0a1b2c3d4e5f60718"]
  }

  assert {
    condition     = jsonencode(output.postern.jumpHost) == "[\"i-0a1b2c3d4e5f60718\"]"
    error_message = "With an id nobody looks for the tag: ${jsonencode(output.postern)}"
  }
}

run "a_vpc_that_has_everything" {
  variables {
    missing_endpoints   = []
    s3_gateway_endpoint = false
    api_cidr_blocks     = ["10.20.0.0/24"]
  }

  assert {
    condition     = length(module.network.endpoint_ids) == 0
    error_message = "Nothing is made that is there: ${jsonencode(module.network.endpoint_ids)}"
  }
}

run "the_service_logs_in_as_its_user" {
  assert {
    condition     = tolist(module.database_user.user_arns) == tolist(["arn:aws:rds-db:eu-west-2:123456789012:dbuser:cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ/ledger_app"])
    error_message = "The ledger logs in as ledger_app, by the cluster's resource id: ${jsonencode(module.database_user.user_arns)}"
  }

  assert {
    condition = (
      aws_vpc_security_group_egress_rule.service_to_database.referenced_security_group_id == module.network.security_group_ids.database &&
      aws_vpc_security_group_egress_rule.service_to_database.from_port == module.database.endpoint.port
    )
    error_message = "The service reaches the database on its port."
  }
}

run "endpoints_that_are_there_and_nobody_says_where" {
  command = plan

  variables {
    missing_endpoints = ["secretsmanager"]
  }

  expect_failures = [var.api_cidr_blocks]
}

run "an_endpoint_that_nobody_needs" {
  command = plan

  variables {
    missing_endpoints = ["ssm", "ec2"]
    api_cidr_blocks   = ["10.20.0.0/16"]
  }

  expect_failures = [var.missing_endpoints]
}

run "a_name_for_an_id" {
  command = plan

  variables {
    jump_host_instance_ids = ["jump-host"]
  }

  expect_failures = [var.jump_host_instance_ids]
}

run "a_name_that_aws_refuses" {
  command = plan

  variables {
    name = "App_Staging"
  }

  expect_failures = [var.name]
}

run "a_zone_for_a_region" {
  command = plan

  variables {
    region = "eu-west-2a"
  }

  expect_failures = [var.region]
}
