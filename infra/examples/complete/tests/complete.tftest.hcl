mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-2a", "eu-west-2b", "eu-west-2c"] }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-west-2" }
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
  region            = "eu-west-2"
  name              = "app-staging"
  github_owner      = "acme"
  github_repository = "shop"
  # Any file: what is in it is not looked at.
  artifact_path = "../../modules/bootstrap-lambda/tests/fixtures/artefact.zip"
}

run "four_variables_are_enough" {
  assert {
    condition = output.postern == {
      region        = "eu-west-2"
      endpoint      = { host = "app-staging.cluster-c0ffee.eu-west-2.rds.amazonaws.com", port = 5432 }
      resourceId    = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      jumpHost      = { tag = { "postern:jump-host" = "app-staging" } }
      document      = { name = "postern-app-staging" }
      bootstrap     = "postern-bootstrap-app-staging"
      testDatabases = "postern-testdb-app-staging"
    }
    error_message = "The output postern is what aws({ terraform }) reads: ${jsonencode(output.postern)}"
  }

  assert {
    condition     = tolist(module.database_user["ledger"].user_arns) == tolist(["arn:aws:rds-db:eu-west-2:123456789012:dbuser:cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ/ledger_app"])
    error_message = "The ledger logs in as ledger_app, by the cluster's resource id: ${jsonencode(module.database_user["ledger"].user_arns)}"
  }

  assert {
    condition     = length(module.database_user["statements"].user_arns) == 2
    error_message = "The statements worker has its own user and the ledger's reader: ${jsonencode(module.database_user["statements"].user_arns)}"
  }

  assert {
    condition     = jsondecode(aws_iam_role.service["ledger"].assume_role_policy).Statement[0].Principal.Service == "ecs-tasks.amazonaws.com" && jsondecode(aws_iam_role.service["ledger"].assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    error_message = "The ledger's role is for ECS tasks of this account: ${aws_iam_role.service["ledger"].assume_role_policy}"
  }

  assert {
    condition = (
      aws_vpc_security_group_egress_rule.services_to_database.referenced_security_group_id == module.network.security_group_ids.database &&
      aws_vpc_security_group_egress_rule.services_to_database.from_port == module.database.endpoint.port &&
      aws_vpc_security_group_egress_rule.services_to_database.to_port == module.database.endpoint.port
    )
    error_message = "Services reach the database on its port, and nothing else."
  }

  assert {
    condition     = output.developer_role_arn == null && output.ci_role_arn != null && output.deploy_role_arn != null
    error_message = "Nobody is named as developer, so there is no role for them; CI and deploys have theirs."
  }

  assert {
    condition     = !strcontains(jsonencode(output.postern), "secret")
    error_message = "The output is committed: not even the secret's name is in it."
  }
}

run "people_and_an_account_that_has_the_provider" {
  variables {
    oidc_provider_arn        = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    github_ids               = { owner = "1001", repository = "2002" }
    developer_principal_arns = ["arn:aws:iam::123456789012:role/engineers"]
  }

  assert {
    condition     = output.developer_role_arn != null && module.ci_access.oidc_provider_arn == var.oidc_provider_arn
    error_message = "Developers have a role, and the provider that is there is used."
  }
}

run "production_has_no_test_databases_and_no_role_for_ci" {
  variables {
    environment_kind         = "production"
    test_databases           = false
    developer_principal_arns = ["arn:aws:iam::123456789012:role/engineers"]
  }

  assert {
    condition     = output.ci_role_arn == null && output.postern.testDatabases == null
    error_message = "Nobody tests on production: ${jsonencode(output.postern)}"
  }

  assert {
    condition     = output.deploy_role_arn != null && output.developer_role_arn != null
    error_message = "Deploys and people have their roles."
  }
}

run "the_longest_name_that_there_is" {
  command = plan

  variables {
    name = "a-customer-portal-staging-12345"
  }

  assert {
    condition     = length(aws_iam_role.service["statements"].name) <= 64
    error_message = "A name that the example takes is one that IAM takes: ${aws_iam_role.service["statements"].name}"
  }
}

run "a_repository_with_its_owner" {
  command = plan

  variables {
    github_repository = "acme/shop"
  }

  expect_failures = [var.github_repository]
}

run "a_zone_for_a_region" {
  command = plan

  variables {
    region = "eu-west-2a"
  }

  expect_failures = [var.region]
}

run "a_name_that_aws_refuses" {
  command = plan

  variables {
    name = "App_Staging"
  }

  expect_failures = [var.name]
}
