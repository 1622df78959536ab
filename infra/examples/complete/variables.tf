# These four are yours.

variable "region" {
  description = "Region of everything, such as eu-west-2."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region \"${var.region}\" is none: give one such as eu-west-2."
  }
}

variable "name" {
  description = "Prefix of every name, such as app-staging."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "name \"${var.name}\" becomes part of the names of everything: use 2 to 31 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "github_owner" {
  description = "Organisation or user of the repository whose workflows may come in: acme of acme/shop, letter by letter as GitHub writes it (gh api repos/acme/shop --jq .full_name)."
  type        = string
  nullable    = false
}

variable "github_repository" {
  description = "The repository's name: shop of acme/shop."
  type        = string
  nullable    = false

  validation {
    condition     = !strcontains(var.github_repository, "/")
    error_message = "github_repository is \"${var.github_repository}\": give the name alone, and the owner as github_owner."
  }
}

# The rest has defaults.

variable "environment_kind" {
  description = "ephemeral, staging or production: whether the database may be destroyed, how long backups are kept. Test runs put nothing into it that cannot be made again, so: ephemeral."
  type        = string
  default     = "ephemeral"
  nullable    = false
}

variable "github_ids" {
  description = "Ids of owner and repository, as text: needed for repositories that were created, renamed or moved after 15 July 2026 (gh api repos/OWNER/NAME --jq '[.owner.id, .id]'). null: the subjects of older ones only."
  type        = object({ owner = string, repository = string })
  default     = null
}

variable "oidc_provider_arn" {
  description = "GitHub's OIDC provider, where the account has it already: one account has one. null: it is made."
  type        = string
  default     = null
}

variable "deploy_environments" {
  description = "Environments of GitHub whose jobs may deploy: those of .github/workflows/deploy.yml."
  type        = set(string)
  default     = ["production-plan", "production"]
  nullable    = false
}

variable "deploy_branches" {
  description = "Branches, in full, whose jobs may deploy, and no others: that of .github/workflows/deploy.yml. null where STS does not read GitHub's claim ref (other partitions than AWS's commercial one): then only the environments' branch rules in GitHub stand between a pushed branch and the database's master."
  type        = set(string)
  default     = ["main"]
}

variable "test_databases" {
  description = "Whether the cluster holds test databases. false, for a cluster with data of users: there is no function for them, and no role for CI."
  type        = bool
  default     = true
  nullable    = false
}

variable "developer_principal_arns" {
  description = "IAM users and roles of people who run suites from their machines, and read the databases as the readonly users. Empty: no developer role."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "artifact_path" {
  description = "The zip of `postern-functions build`. null: where that puts it."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
  nullable    = false
}
