locals {
  repositories      = var.github == null ? [] : var.github.repositories
  oidc_provider_arn = var.create_oidc_provider ? one(aws_iam_openid_connect_provider.github[*].arn) : var.oidc_provider_arn

  role_descriptions = {
    ci        = "Integration tests of ${var.name}: tunnel to its database, test roles and test databases only."
    deploy    = "Deploys of ${var.name}: invokes its bootstrap function."
    developer = "People who test against ${var.name}: as CI, and the database users named for them."
  }

  # GitHub's subjects: repo:OWNER/NAME:CONTEXT, and with ids repo:OWNER@ID/NAME@ID:CONTEXT. Each repository sends one of
  # them; which one, its age and a setting decide.
  repository_subjects = flatten([
    for repository in local.repositories : concat(
      repository.immutable_only ? [] : ["repo:${repository.owner}/${repository.name}"],
      repository.id == null ? [] : ["repo:${repository.owner}@${repository.owner_id}/${repository.name}@${repository.id}"],
    )
  ])
  contexts = {
    ci = var.github == null ? [] : concat(
      var.github.pull_requests ? ["pull_request"] : [],
      [for branch in var.github.branches : "ref:refs/heads/${replace(branch, ":", "%3A")}"],
      [for environment in var.github.environments : "environment:${replace(environment, ":", "%3A")}"],
    )
    deploy    = [for environment in var.deploy_environments : "environment:${replace(environment, ":", "%3A")}"]
    developer = []
  }
  subjects = {
    for role, contexts in local.contexts : role => [
      for pair in setproduct(local.repository_subjects, contexts) : join(":", pair)
    ]
  }

  # An environment says nothing about the branch: GitHub makes one that is named for the first time, and protects none by itself.
  refs = {
    ci        = []
    deploy    = var.deploy_branches == null ? [] : [for branch in var.deploy_branches : "refs/heads/${branch}"]
    developer = []
  }

  trust_templates = {
    ci        = "trust-github"
    deploy    = var.deploy_branches == null ? "trust-github" : "trust-github-deploy"
    developer = var.developers.require_mfa ? "trust-principals-mfa" : "trust-principals"
  }
  trust = {
    for role, template in local.trust_templates : role => templatefile("${path.module}/policies/${template}.json.tftpl", {
      oidc_provider_arn = local.oidc_provider_arn
      principal_arns    = var.developers.principal_arns
      refs              = local.refs[role]
      subjects          = local.subjects[role]
    }) if local.enabled[role]
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.github != null && var.create_oidc_provider ? 1 : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
  tags           = merge(var.tags, { Name = "github-actions" })
}
