# RDS Proxy with IAM on both sides.

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

  mock_resource "aws_rds_cluster" {
    defaults = { cluster_resource_id = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ" }
  }

  mock_resource "aws_db_instance" {
    defaults = { resource_id = "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/postern-proxy-app-staging" }
  }

  mock_resource "aws_db_proxy" {
    defaults = {
      arn      = "arn:aws:rds:eu-west-2:123456789012:db-proxy:prx-0123456789abcdef0"
      endpoint = "app-staging-proxy.proxy-abcdefghijkl.eu-west-2.rds.amazonaws.com"
    }
  }
}

variables {
  name               = "app-staging"
  environment_kind   = "staging"
  subnet_ids         = ["subnet-0c", "subnet-0d"]
  security_group_ids = ["sg-0123456789abcdef0"]
  capacity           = { min = 0.5 }
  proxy = {
    users              = ["ledger_app", "ledger_readonly"]
    security_group_ids = ["sg-0fedcba9876543210"]
  }
}

run "it_logs_in_by_iam_and_only_as_the_declared_users" {
  command = apply

  assert {
    condition     = aws_db_proxy.this[0].default_auth_scheme == "IAM_AUTH" && length(aws_db_proxy.this[0].auth) == 0 && aws_db_proxy.this[0].require_tls == true && aws_db_proxy.this[0].engine_family == "POSTGRESQL"
    error_message = "The proxy must use IAM on both sides, over TLS, and hold no secret."
  }

  assert {
    condition = flatten([for statement in jsondecode(aws_iam_role_policy.proxy["proxy-connect"].policy).Statement : statement.Resource]) == [
      "arn:aws:rds-db:eu-west-2:123456789012:dbuser:cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ/ledger_app",
      "arn:aws:rds-db:eu-west-2:123456789012:dbuser:cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ/ledger_readonly",
    ]
    error_message = "The proxy's role may connect to the cluster's resource id as exactly these users."
  }

  assert {
    condition     = jsondecode(aws_iam_role.proxy[0].assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    error_message = "Only proxies of this account may take the role."
  }

  assert {
    condition     = aws_db_proxy.this[0].vpc_subnet_ids == toset(["subnet-0c", "subnet-0d"]) && aws_db_proxy.this[0].vpc_security_group_ids == toset(["sg-0fedcba9876543210"])
    error_message = "The proxy belongs into the database's subnets and its own group."
  }

  assert {
    condition     = aws_db_proxy_target.this[0].db_cluster_identifier == "app-staging" && aws_db_proxy_target.this[0].db_instance_identifier == null
    error_message = "The proxy's target is the cluster."
  }

  assert {
    condition     = aws_cloudwatch_log_group.proxy[0].name == "/aws/rds/proxy/app-staging-proxy" && aws_cloudwatch_log_group.proxy[0].retention_in_days == 30
    error_message = "The proxy's log must have retention."
  }

  assert {
    condition     = output.proxy == { endpoint = { host = "app-staging-proxy.proxy-abcdefghijkl.eu-west-2.rds.amazonaws.com", port = 5432 }, resource_id = "prx-0123456789abcdef0" }
    error_message = "Tokens are signed for the proxy's host, and policies name prx-..."
  }
}

run "before_an_instance" {
  command = apply

  variables {
    variant  = "instance"
    capacity = { min = 0 }
  }

  assert {
    condition     = aws_db_proxy_target.this[0].db_instance_identifier == "app-staging" && aws_db_proxy_target.this[0].db_cluster_identifier == null
    error_message = "The proxy's target is the instance; capacity means nothing to it."
  }

  assert {
    condition     = strcontains(aws_iam_role_policy.proxy["proxy-connect"].policy, "dbuser:db-ABCDEFGHIJKLMNOPQRSTUVWXYZ/ledger_app")
    error_message = "The policy names the instance's resource id."
  }
}

run "a_proxy_before_a_cluster_that_should_pause" {
  command = plan

  variables {
    capacity = { min = 0 }
  }

  expect_failures = [aws_db_proxy.this]
}

run "the_master_does_not_log_in_through_it" {
  command = plan

  variables {
    proxy = {
      users              = ["ledger_app", "posternmaster"]
      security_group_ids = ["sg-0fedcba9876543210"]
    }
  }

  expect_failures = [aws_db_proxy.this]
}

run "every_user" {
  command = plan

  variables {
    proxy = {
      users              = ["*"]
      security_group_ids = ["sg-0fedcba9876543210"]
    }
  }

  expect_failures = [var.proxy]
}

run "no_user" {
  command = plan

  variables {
    proxy = {
      users              = []
      security_group_ids = ["sg-0fedcba9876543210"]
    }
  }

  expect_failures = [var.proxy]
}

run "the_vpcs_default_group" {
  command = plan

  variables {
    proxy = {
      users              = ["ledger_app"]
      security_group_ids = []
    }
  }

  expect_failures = [var.proxy]
}

run "more_than_all_connections" {
  command = plan

  variables {
    proxy = {
      users                   = ["ledger_app"]
      security_group_ids      = ["sg-0fedcba9876543210"]
      max_connections_percent = 101
    }
  }

  expect_failures = [var.proxy]
}
