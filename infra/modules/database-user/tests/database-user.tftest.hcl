mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-west-2" }
  }
  mock_data "aws_rds_cluster" {
    defaults = {
      cluster_resource_id                 = "cluster-LOOKEDUPLOOKEDUPLOOKEDUP12"
      iam_database_authentication_enabled = true
    }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/postern-connect-ledger-staging" }
  }
}

variables {
  name        = "ledger-staging"
  resource_id = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
  users       = ["ledger_readonly", "ledger_app"]
  role_names  = ["ledger-staging-task"]
}

run "exactly_the_users_by_resource_id" {
  assert {
    condition = output.user_arns == [
      "arn:aws:rds-db:eu-west-2:123456789012:dbuser:cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ/ledger_app",
      "arn:aws:rds-db:eu-west-2:123456789012:dbuser:cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ/ledger_readonly",
    ]
    error_message = "One ARN for each user, with the resource id: ${jsonencode(output.user_arns)}"
  }
  assert {
    condition = jsondecode(output.policy_json).Statement == [{
      Sid      = "ConnectAsDeclaredUsers"
      Effect   = "Allow"
      Action   = "rds-db:connect"
      Resource = output.user_arns
    }]
    error_message = "The policy allows the login as these users and nothing else."
  }
  assert {
    condition     = keys(aws_iam_role_policy_attachment.this) == ["ledger-staging-task"]
    error_message = "The role has the policy."
  }
}

run "the_resource_id_can_be_looked_up" {
  variables {
    resource_id        = null
    cluster_identifier = "app-staging"
  }
  assert {
    condition     = strcontains(output.user_arns[0], ":dbuser:cluster-LOOKEDUPLOOKEDUPLOOKEDUP12/")
    error_message = "The ARN has the cluster's resource id and not its identifier: ${output.user_arns[0]}"
  }
}

run "refuses_a_cluster_without_iam_authentication" {
  command = plan
  variables {
    resource_id        = null
    cluster_identifier = "app-staging"
  }
  override_data {
    target = data.aws_rds_cluster.this
    values = { cluster_resource_id = "cluster-ABC", iam_database_authentication_enabled = false }
  }
  expect_failures = [data.aws_rds_cluster.this]
}

run "refuses_the_identifier" {
  command = plan
  variables {
    resource_id = "app-staging"
  }
  expect_failures = [var.resource_id]
}

run "refuses_patterns" {
  command = plan
  variables {
    users = ["ledger_*"]
  }
  expect_failures = [var.users]
}

run "refuses_names_that_postgres_would_cut" {
  command = plan
  variables {
    users = [join("", [for i in range(64) : "a"])]
  }
  expect_failures = [var.users]
}

run "refuses_nobody" {
  command = plan
  variables {
    users = []
  }
  expect_failures = [var.users]
}

run "refuses_the_master" {
  command = plan
  variables {
    users           = ["posternmaster"]
    master_username = "posternmaster"
  }
  expect_failures = [aws_iam_policy.this]
}

run "refuses_two_clusters" {
  command = plan
  variables {
    cluster_identifier = "app-staging"
  }
  expect_failures = [aws_iam_policy.this]
}

run "refuses_no_cluster" {
  command = plan
  variables {
    resource_id = null
  }
  expect_failures = [aws_iam_policy.this]
}

run "names_as_long_as_a_service_and_an_environment" {
  variables {
    name = "statements-customer-portal-staging"
  }
  assert {
    condition     = aws_iam_policy.this.name == "postern-connect-statements-customer-portal-staging"
    error_message = "A service's name and the longest name of an environment fit."
  }
}

run "as_many_users_as_a_policy_can_name" {
  variables {
    users = [for number in range(100, 150) : "service_${number}_app"]
  }
  assert {
    condition     = length(jsonencode(jsondecode(output.policy_json))) <= 6144 && length(output.user_arns) == 50
    error_message = "Fifty users are possible, and IAM takes the policy."
  }
}

run "refuses_more_users_than_a_policy_can_name" {
  command = plan
  variables {
    users = [for number in range(100, 170) : "service_${number}_app"]
  }
  expect_failures = [aws_iam_policy.this]
}

run "refuses_the_arn_of_a_role" {
  command = plan
  variables {
    role_names = ["arn:aws:iam::123456789012:role/ledger-staging-task"]
  }
  expect_failures = [var.role_names]
}
