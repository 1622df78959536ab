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
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mocked" }
  }
  mock_resource "aws_ssm_document" {
    defaults = { arn = "arn:aws:ssm:eu-west-2:123456789012:document/postern-app-staging" }
  }
}

variables {
  name = "app-staging"
  tags = { team = "shop" }
  github = {
    repositories = [{ owner = "acme", name = "shop", owner_id = "1001", id = "2002" }]
  }
  database = {
    endpoint        = { host = "app-staging.cluster-c0ffee.eu-west-2.rds.amazonaws.com", port = 5432 }
    resource_id     = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    arn             = "arn:aws:rds:eu-west-2:123456789012:cluster:app-staging"
    master_username = "posternmaster"
  }
  jump_host = {
    tag              = { key = "postern:jump-host", value = "app-staging" }
    target_arns      = ["arn:aws:ec2:eu-west-2:123456789012:instance/*"]
    target_is_tagged = true
  }
  functions = {
    bootstrap = {
      name = "postern-bootstrap-app-staging"
      arn  = "arn:aws:lambda:eu-west-2:123456789012:function:postern-bootstrap-app-staging"
    }
    testdb = {
      name = "postern-testdb-app-staging"
      arn  = "arn:aws:lambda:eu-west-2:123456789012:function:postern-testdb-app-staging"
    }
  }
}

run "roles_and_their_policies" {
  assert {
    condition = keys(aws_iam_role_policy.this) == [
      "ci/ci-connect", "ci/ci-target-instance", "ci/ci-test-databases", "ci/ci-tunnel", "ci/discover-cluster",
      "ci/discover-jump-host", "ci/discover-sessions", "deploy/deploy-bootstrap",
    ]
    error_message = "CI has what a test run needs and deploy invokes bootstrap; there is no developer role without principals: ${jsonencode(keys(aws_iam_role_policy.this))}"
  }
  assert {
    condition     = aws_iam_role.this["ci"].name == "postern-ci-app-staging" && aws_iam_role.this["deploy"].name == "postern-deploy-app-staging"
    error_message = "Names begin with postern-<role>-."
  }
  assert {
    condition     = output.developer_role_arn == null && output.ci_role_arn != null && output.deploy_role_arn != null
    error_message = "An output is null exactly when its role is not made."
  }
  assert {
    condition     = aws_iam_role.this["ci"].tags["team"] == "shop"
    error_message = "Tags are passed on."
  }
}

run "subjects_in_both_formats" {
  assert {
    condition = jsondecode(aws_iam_role.this["ci"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == [
      "repo:acme/shop:pull_request",
      "repo:acme/shop:ref:refs/heads/main",
      "repo:acme@1001/shop@2002:pull_request",
      "repo:acme@1001/shop@2002:ref:refs/heads/main",
    ]
    error_message = "CI is trusted on pull requests and the main branch, in both formats."
  }
  assert {
    condition = jsondecode(aws_iam_role.this["deploy"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == [
      "repo:acme/shop:environment:production",
      "repo:acme@1001/shop@2002:environment:production",
    ]
    error_message = "Deploys are trusted by environment only."
  }
  assert {
    condition     = jsondecode(aws_iam_role.this["deploy"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:ref"] == ["refs/heads/main"]
    error_message = "An environment that GitHub does not protect yet lets a pushed branch deploy, unless the branch is compared, too."
  }
  assert {
    condition     = !strcontains(aws_iam_role.this["ci"].assume_role_policy, "githubusercontent.com:ref\"")
    error_message = "Pull requests have refs of their own; their subject says all."
  }
}

run "deploys_from_other_branches" {
  variables {
    deploy_branches = ["release/2026", "main"]
  }
  assert {
    condition     = jsondecode(aws_iam_role.this["deploy"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:ref"] == ["refs/heads/main", "refs/heads/release/2026"]
    error_message = "Branches are named in full."
  }
}

run "deploys_where_sts_does_not_read_the_branch" {
  variables {
    deploy_branches = null
  }
  assert {
    condition     = keys(jsondecode(aws_iam_role.this["deploy"].assume_role_policy).Statement[0].Condition.StringEquals) == ["token.actions.githubusercontent.com:aud", "token.actions.githubusercontent.com:sub"]
    error_message = "A claim that STS of a partition does not know is not asked for."
  }
}

run "an_account_that_only_deploys" {
  variables {
    github = {
      repositories  = [{ owner = "acme", name = "shop" }]
      pull_requests = false
      branches      = []
    }
  }
  assert {
    condition     = keys(aws_iam_role.this) == ["deploy"] && output.ci_role_arn == null
    error_message = "In production there can be a deploy role without a CI role."
  }
}

run "refuses_nobody_at_all" {
  command = plan
  variables {
    deploy_environments = []
    github = {
      repositories  = [{ owner = "acme", name = "shop" }]
      pull_requests = false
      branches      = []
    }
  }
  expect_failures = [var.github]
}

run "refuses_patterns_of_branches" {
  command = plan
  variables {
    deploy_branches = ["release/*"]
  }
  expect_failures = [var.deploy_branches]
}

run "refuses_refs_as_branches" {
  command = plan
  variables {
    deploy_branches = ["refs/heads/main"]
  }
  expect_failures = [var.deploy_branches]
}

run "refuses_deploys_from_no_branch" {
  command = plan
  variables {
    deploy_branches = []
  }
  expect_failures = [var.deploy_branches]
}

run "refuses_a_stranger_by_a_wrong_digit" {
  command = plan
  variables {
    developers = { principal_arns = ["arn:aws:iam::123456789013:role/engineers"] }
  }
  expect_failures = [aws_ssm_document.this]
}

run "identities_in_another_account_are_asked_for" {
  variables {
    developers = { principal_arns = ["arn:aws:iam::210987654321:root"], allow_other_accounts = true }
  }
  assert {
    condition     = jsondecode(aws_iam_role.this["developer"].assume_role_policy).Statement[0].Principal.AWS == ["arn:aws:iam::210987654321:root"]
    error_message = "An account for identities may be named."
  }
}

run "people_with_mfa_only" {
  variables {
    developers = { principal_arns = ["arn:aws:iam::123456789012:user/ada"], require_mfa = true }
  }
  assert {
    condition     = jsondecode(aws_iam_role.this["developer"].assume_role_policy).Statement[0].Condition == { Bool = { "aws:MultiFactorAuthPresent" = "true" } }
    error_message = "A stolen access key alone does not take the role."
  }
}

run "refuses_more_users_than_a_role_can_name" {
  command = plan
  variables {
    developers = {
      principal_arns = ["arn:aws:iam::123456789012:role/engineers"]
      database_users = [for number in range(80) : "service_${number}_readonly"]
    }
  }
  expect_failures = [aws_ssm_document.this]
}

run "one_document_for_one_database" {
  assert {
    condition = jsondecode(aws_ssm_document.this.content).properties == {
      type            = "LocalPortForwarding"
      host            = "app-staging.cluster-c0ffee.eu-west-2.rds.amazonaws.com"
      portNumber      = "5432"
      localPortNumber = "{{ localPortNumber }}"
    }
    error_message = "Host and port of the document are the database's."
  }
  assert {
    condition     = keys(jsondecode(aws_ssm_document.this.content).parameters) == ["localPortNumber"]
    error_message = "Who starts a session cannot choose host and port."
  }
}

run "static_configuration_takes_discovery_away" {
  variables {
    discovery = { cluster = false, jump_host = false, sessions = false }
  }
  assert {
    condition     = length([for key in keys(aws_iam_role_policy.this) : key if strcontains(key, "discover")]) == 0
    error_message = "Each discovery policy can be removed."
  }
}

run "tasks_have_no_tag" {
  variables {
    jump_host = {
      tag              = { key = "postern:jump-host", value = "app-staging" }
      target_arns      = ["arn:aws:ecs:eu-west-2:123456789012:task/app-staging/*"]
      target_is_tagged = false
      ecs              = { cluster_arn = "arn:aws:ecs:eu-west-2:123456789012:cluster/app-staging" }
    }
  }
  assert {
    condition     = contains(keys(aws_iam_role_policy.this), "ci/discover-tasks") && !contains(keys(aws_iam_role_policy.this), "ci/discover-jump-host")
    error_message = "Tasks are found by listing their cluster; they are no managed nodes."
  }
  assert {
    condition     = contains(keys(aws_iam_role_policy.this), "ci/ci-target-task") && !contains(keys(aws_iam_role_policy.this), "ci/ci-target-instance")
    error_message = "Tasks are targets by their cluster."
  }
}

run "developers" {
  variables {
    github = null
    developers = {
      principal_arns = ["arn:aws:iam::123456789012:role/engineers"]
      database_users = ["ledger_readonly"]
    }
  }
  assert {
    condition     = keys(aws_iam_role.this) == ["developer"] && output.oidc_provider_arn == null
    error_message = "Without github there are neither its roles nor its provider."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.this["developer/developer-connect"].policy).Statement[0].Resource == ["arn:aws:rds-db:eu-west-2:123456789012:dbuser:cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ/ledger_readonly"]
    error_message = "Developers log in as the named users."
  }
  assert {
    condition = keys(aws_iam_role_policy.this) == [
      "developer/ci-connect", "developer/ci-target-instance", "developer/ci-test-databases", "developer/ci-tunnel",
      "developer/deploy-bootstrap", "developer/developer-connect", "developer/discover-cluster",
      "developer/discover-jump-host", "developer/discover-sessions",
    ]
    error_message = "Developers have what CI has, their users and the bootstrap: ${jsonencode(keys(aws_iam_role_policy.this))}"
  }
}

run "developers_without_more_than_ci" {
  variables {
    github     = null
    developers = { principal_arns = ["arn:aws:iam::123456789012:role/engineers"], invoke_bootstrap = false }
  }
  assert {
    condition     = length(aws_iam_role_policy.this) == 7 && length([for key in keys(aws_iam_role_policy.this) : key if strcontains(key, "bootstrap")]) == 0
    error_message = "Without users and bootstrap a developer may do what CI may: ${jsonencode(keys(aws_iam_role_policy.this))}"
  }
}

run "deploys_of_code_are_asked_for" {
  variables {
    deploy_code = true
  }
  assert {
    condition     = length(jsondecode(aws_iam_role_policy.this["deploy/deploy-code"].policy).Statement[0].Resource) == 2
    error_message = "With deploy_code both functions can be updated."
  }
}

run "one_identifier_format" {
  variables {
    github = {
      repositories  = [{ owner = "acme", name = "shop", owner_id = "1001", id = "2002", immutable_only = true }]
      pull_requests = false
      branches      = []
      environments  = ["ci:eu"]
    }
  }
  assert {
    condition     = jsondecode(aws_iam_role.this["ci"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == ["repo:acme@1001/shop@2002:environment:ci%3Aeu"]
    error_message = "immutable_only leaves the form without ids out; a colon in a name is written as %3A."
  }
}

run "no_deploy_role_without_environments" {
  variables {
    deploy_environments = []
  }
  assert {
    condition     = output.deploy_role_arn == null
    error_message = "Nobody could take it."
  }
}

run "refuses_an_identifier_for_a_resource_id" {
  command = plan
  variables {
    database = {
      endpoint    = { host = "h.example", port = 5432 }
      resource_id = "app-staging"
      arn         = "arn:aws:rds:eu-west-2:123456789012:cluster:app-staging"
    }
  }
  expect_failures = [var.database]
}

run "refuses_patterns_of_repositories" {
  command = plan
  variables {
    github = { repositories = [{ owner = "acme", name = "*" }] }
  }
  expect_failures = [var.github]
}

run "refuses_half_of_the_ids" {
  command = plan
  variables {
    github = { repositories = [{ owner = "acme", name = "shop", id = "2002" }] }
  }
  expect_failures = [var.github]
}

run "refuses_patterns_of_environments" {
  command = plan
  variables {
    deploy_environments = ["prod*"]
  }
  expect_failures = [var.deploy_environments]
}

run "refuses_patterns_of_database_users" {
  command = plan
  variables {
    developers = { principal_arns = ["arn:aws:iam::123456789012:role/engineers"], database_users = ["ledger_*"] }
  }
  expect_failures = [var.developers]
}

run "refuses_the_master_as_a_developers_user" {
  command = plan
  variables {
    developers = { principal_arns = ["arn:aws:iam::123456789012:role/engineers"], database_users = ["posternmaster"] }
  }
  expect_failures = [aws_ssm_document.this]
}

run "refuses_everyone_as_a_developer" {
  command = plan
  variables {
    developers = { principal_arns = ["*"] }
  }
  expect_failures = [var.developers]
}

run "refuses_two_ways_to_a_provider" {
  command = plan
  variables {
    oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }
  expect_failures = [aws_ssm_document.this]
}

run "refuses_a_provider_of_somebody_else" {
  command = plan
  variables {
    create_oidc_provider = false
    oidc_provider_arn    = "arn:aws:iam::123456789012:oidc-provider/token.actions.example.com"
  }
  expect_failures = [var.oidc_provider_arn]
}

run "refuses_a_trust_policy_that_iam_would_not_take" {
  command = plan
  variables {
    github = {
      repositories = [for number in range(60) : { owner = "acme", name = "a-service-with-a-long-name-${number}" }]
    }
  }
  expect_failures = [aws_iam_role.this]
}

run "refuses_a_name_that_roles_cannot_have" {
  command = plan
  variables {
    name = "App Staging"
  }
  expect_failures = [var.name]
}

run "refuses_sessions_longer_than_iam_allows" {
  command = plan
  variables {
    max_session_duration_seconds = 86400
  }
  expect_failures = [var.max_session_duration_seconds]
}
