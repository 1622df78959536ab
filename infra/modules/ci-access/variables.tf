variable "name" {
  description = "Environment that the roles and the document are named after, such as app-staging."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "name \"${var.name}\" becomes part of the names of roles: use 2 to 31 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "tags" {
  description = "Tags of every resource that can have some."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "github" {
  description = <<-EOT
    Whose GitHub Actions jobs may take the CI role: repositories, and in them pull requests, branches (their names in
    full) and environments. With none of these three there is no CI role, and the repositories are those that deploy.
    null: there is neither a CI nor a deploy role. Owner and name are compared letter by letter: write them as GitHub
    does (`gh api repos/OWNER/NAME --jq .full_name`). The ids (`gh api repos/OWNER/NAME --jq '[.owner.id, .id]'`) add the
    subjects of repositories created, renamed or moved since July 2026. immutable_only leaves the older form out, so
    that a name that somebody else gets hold of is worth nothing; it needs the ids.
  EOT
  type = object({
    repositories = list(object({
      owner          = string
      name           = string
      owner_id       = optional(string)
      id             = optional(string)
      immutable_only = optional(bool, false)
    }))
    pull_requests = optional(bool, true)
    branches      = optional(list(string), ["main"])
    environments  = optional(list(string), [])
  })
  default = null

  validation {
    condition     = var.github == null ? true : length(var.github.repositories) > 0
    error_message = "github.repositories is empty, so nobody could take the role: name a repository, or set github = null."
  }

  validation {
    condition = var.github == null ? true : alltrue([
      for repository in var.github.repositories :
      can(regex("^[A-Za-z0-9_-]+$", repository.owner)) && can(regex("^[A-Za-z0-9._-]+$", repository.name))
    ])
    error_message = "github.repositories has an owner or name that GitHub does not allow; patterns are not possible, as strangers could match them. Write owner = \"acme\", name = \"shop\", one entry for each repository."
  }

  validation {
    condition = var.github == null ? true : alltrue([
      for repository in var.github.repositories :
      (repository.owner_id == null) == (repository.id == null) &&
      alltrue([for id in [repository.owner_id, repository.id] : id == null ? true : can(regex("^[0-9]+$", id))])
    ])
    error_message = "github.repositories needs both ids or none, in digits: see gh api repos/OWNER/NAME --jq '[.owner.id, .id]'."
  }

  validation {
    condition = var.github == null ? true : alltrue([
      for repository in var.github.repositories : !repository.immutable_only || repository.id != null
    ])
    error_message = "immutable_only without owner_id and id leaves no subject for the repository: add both ids."
  }

  validation {
    condition = var.github == null ? true : alltrue([
      for value in concat(var.github.branches, var.github.environments) : can(regex("^[^*?\\s]+$", value))
    ])
    error_message = "github.branches and github.environments are compared in full: an empty name, * and ? match nothing. Name each branch and environment."
  }

  validation {
    condition = var.github == null ? true : (
      var.github.pull_requests || length(var.github.branches) + length(var.github.environments) + length(var.deploy_environments) > 0
    )
    error_message = "github allows neither pull requests nor a branch nor an environment, and deploy_environments is empty, so nobody could take a role: name one, or set github = null."
  }
}

variable "deploy_environments" {
  description = "GitHub environments whose jobs may take the deploy role, on deploy_branches, and nobody else. Empty: no deploy role."
  type        = set(string)
  default     = ["production"]
  nullable    = false

  validation {
    condition     = alltrue([for value in var.deploy_environments : can(regex("^[^*?\\s]+$", value))])
    error_message = "deploy_environments are compared in full: an empty name, * and ? match nothing. Name each environment."
  }
}

variable "deploy_branches" {
  description = "Branches, in full, whose jobs may take the deploy role. Without them, whoever may push a branch could write a job that names the environment, and GitHub protects no environment by itself. null: the environment alone decides, which is for partitions whose STS does not read the claim ref (it does in commercial regions since January 2026), and only where every one of deploy_environments is limited to branches in GitHub."
  type        = set(string)
  default     = ["main"]

  validation {
    condition     = var.deploy_branches == null ? true : length(var.deploy_branches) > 0
    error_message = "deploy_branches is empty, so nobody could deploy: name a branch; deploy_environments = [] if there is to be no deploy role."
  }

  validation {
    condition     = var.deploy_branches == null ? true : alltrue([for value in var.deploy_branches : can(regex("^[^*?\\s:]+$", value)) && !startswith(value, "refs/")])
    error_message = "deploy_branches are compared in full: write main, neither refs/heads/main nor a pattern."
  }
}

variable "deploy_code" {
  description = "Whether the deploy role may replace the code of both functions. Whoever writes their code can act as the database's master, so this is off unless a workflow deploys artefacts."
  type        = bool
  default     = false
  nullable    = false
}

variable "create_oidc_provider" {
  description = "Whether to make GitHub's OIDC provider. An account has one at most: where there is one, false and oidc_provider_arn."
  type        = bool
  default     = true
  nullable    = false
}

variable "oidc_provider_arn" {
  description = "GitHub's OIDC provider of this account, when create_oidc_provider is false."
  type        = string
  default     = null

  validation {
    condition     = var.oidc_provider_arn == null ? true : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.oidc_provider_arn))
    error_message = "oidc_provider_arn \"${coalesce(var.oidc_provider_arn, "null")}\" is not GitHub's: it looks like arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com (aws iam list-open-id-connect-providers)."
  }
}

variable "database" {
  description = "The database: module.database as a whole. The session document forwards to endpoint, logins are limited to resource_id, discovery to arn. With master_username, developers cannot be given the master by mistake."
  type = object({
    endpoint        = object({ host = string, port = number })
    resource_id     = string
    arn             = string
    master_username = optional(string)
  })
  nullable = false

  validation {
    condition     = can(regex("^((cluster|db)-[A-Z0-9]+|prx-[A-Za-z0-9]+)$", var.database.resource_id))
    error_message = "database.resource_id \"${var.database.resource_id}\" is not a resource id (cluster-ABC…, db-ABC…), and a policy for anything else never matches: use aws_rds_cluster.x.cluster_resource_id (.id is the identifier) or aws_db_instance.x.resource_id."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9.-]+$", var.database.endpoint.host)) && var.database.endpoint.port > 0 && var.database.endpoint.port < 65536
    error_message = "database.endpoint ${var.database.endpoint.host}:${var.database.endpoint.port} is not a host name without port, and a port from 1 to 65535."
  }
}

variable "jump_host" {
  description = "The jump host: module.jump_host as a whole. Sessions can be started on target_arns only, and of instances (target_is_tagged) only on those with the tag. Tasks are looked up in ecs.cluster_arn."
  type = object({
    tag              = object({ key = string, value = string })
    target_arns      = list(string)
    target_is_tagged = bool
    ecs              = optional(object({ cluster_arn = string }))
  })
  nullable = false

  validation {
    condition     = !var.jump_host.target_is_tagged || (can(regex("^[\\w.:/=+@-]{1,128}$", var.jump_host.tag.key)) && can(regex("^[\\w.:/=+@ -]{1,256}$", var.jump_host.tag.value)))
    error_message = "jump_host.tag ${var.jump_host.tag.key} = \"${var.jump_host.tag.value}\" cannot stand in a policy: use letters, digits and _ . : / = + @ - in both."
  }
}

variable "functions" {
  description = "The functions: module.bootstrap_lambda as a whole. Without testdb the CI role invokes nothing, without bootstrap there is no deploy role."
  type = object({
    bootstrap = optional(object({ name = string, arn = string }))
    testdb    = optional(object({ name = string, arn = string }))
  })
  default  = {}
  nullable = false
}

variable "discovery" {
  description = "What CI and developers may look up; false where the configuration names it instead. cluster: endpoint and resource id of the cluster (false for an RDS instance). jump_host: instances by tag, which shows all managed nodes of account and region, or the tasks of the jump host's cluster. sessions: what killed processes left open, which shows all sessions of account and region."
  type = object({
    cluster   = optional(bool, true)
    jump_host = optional(bool, true)
    sessions  = optional(bool, true)
  })
  default  = {}
  nullable = false
}

variable "developers" {
  description = "Who may take the developer role (IAM users, roles, or an account's root for everyone whom that account allows), as which database users they may log in besides the test roles, and whether they may invoke the bootstrap function, which brings databases to the state of the deployed artefact (false for production). Principals are of this account unless allow_other_accounts. require_mfa: only sessions that began with MFA, as those of IAM users can; those of IAM Identity Center or another federation never say so. No principals: no role."
  type = object({
    principal_arns       = optional(list(string), [])
    database_users       = optional(list(string), [])
    invoke_bootstrap     = optional(bool, true)
    allow_other_accounts = optional(bool, false)
    require_mfa          = optional(bool, false)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for arn in var.developers.principal_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(root|(user|role)/[\\w+=,.@/-]+)$", arn))])
    error_message = "developers.principal_arns ${jsonencode(var.developers.principal_arns)} has one that a trust policy cannot name: write ARNs of IAM users or roles in full (for an AssumeRole session, its role), or of an account's root. No patterns."
  }

  validation {
    condition     = alltrue([for user in var.developers.database_users : can(regex("^[A-Za-z_][A-Za-z0-9_.-]{0,62}$", user))])
    error_message = "developers.database_users ${jsonencode(var.developers.database_users)} has one that is not the name of one PostgreSQL role (at most 63 letters, digits, _ . -; no patterns). Name each role."
  }
}

variable "max_session_duration_seconds" {
  description = "How long credentials of the roles are valid at most, in seconds. An hour by default, which GitHub's action asks for as well."
  type        = number
  default     = 3600
  nullable    = false

  validation {
    condition     = var.max_session_duration_seconds >= 3600 && var.max_session_duration_seconds <= 43200
    error_message = "max_session_duration_seconds ${var.max_session_duration_seconds} is outside of what IAM allows: 3600 (an hour) to 43200 (twelve hours)."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the roles. null: none."
  type        = string
  default     = null
}
